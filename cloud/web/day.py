"""One meter's day for the console: power and voltages on one time axis, a hole where nothing was read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from cloud.kit.days import bounds
from cloud.kit.scope import Scope
from cloud.metering.primary import PrimaryReadings
from cloud.metering.store import Series, instant, ms
from cloud.web.language import Words
from cloud.web.overview import VOLTAGES

POWER = "power_w"
HOLE_MS = 45 * 60_000
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Row:
    at: datetime
    power_kw: float | None
    volts: list[float | None]


@dataclass(frozen=True, slots=True)
class Day:
    """`before` and `after` are the neighbouring days; there is none after today."""

    day: date
    before: date
    after: date | None
    start: datetime
    end: datetime
    power: Series
    voltages: Mapping[str, Series]

    @property
    def points(self) -> int:
        return len(self.power) + sum(len(series) for series in self.voltages.values())

    @property
    def voltage_names(self) -> list[str]:
        return [name.split("_")[1].upper() for name in self.voltages]


def parse(text: str, today: date) -> date:
    """The day in an address; today for anything that is none, and for days to come."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return min(max(day, date(2000, 1, 1)), today)


def of(store: PrimaryReadings, scope: Scope, meter: str, day: date, today: date, zone: ZoneInfo) -> Day:
    start, end = bounds(day, zone)
    all_volts = {name: store.series(scope, meter, name, start, end) for name in VOLTAGES}
    return Day(
        day,
        day - timedelta(days=1),
        None if day >= today else day + timedelta(days=1),
        start,
        end,
        store.series(scope, meter, POWER, start, end),
        {name: series for name, series in all_volts.items() if len(series)},
    )


def rows(day: Day) -> list[Row]:
    """The first reading in each quarter-hour that has one."""
    power = _firsts(day.power, ms(day.start))
    volts = [_firsts(series, ms(day.start)) for series in day.voltages.values()]
    keys = sorted(set(power).union(*volts) if volts else set(power))
    return [
        Row(
            day.start + key * QUARTER,
            power[key] / 1000 if key in power else None,
            [each.get(key) for each in volts],
        )
        for key in keys
    ]


def _firsts(series: Series, start_ms: int) -> dict[int, float]:
    quarter_ms = int(QUARTER.total_seconds() * 1000)
    found: dict[int, float] = {}
    for at, value in zip(series.at_ms, series.values, strict=True):
        found.setdefault((at - start_ms) // quarter_ms, value)
    return found


def columns(day: Day) -> list[list[float | None]]:
    """[seconds, kW, V …] for the chart; a None row breaks the line where readings lie too far apart."""
    named = [(day.power, 1000.0), *((series, 1.0) for series in day.voltages.values())]
    times = sorted({at for series, _ in named for at in series.at_ms})
    holes = [at + 1 for at, later in pairwise(times) if later - at > HOLE_MS]
    axis = sorted([*times, *holes])
    looked_up = [(dict(zip(series.at_ms, series.values, strict=True)), scale) for series, scale in named]
    shown = [[values[at] / scale if at in values else None for at in axis] for values, scale in looked_up]
    return [[at / 1000 for at in axis], *shown]


def sentence(day: Day, words: Words) -> str:
    """What the curve shows, for those who do not see it and those who have no time."""
    parts = []
    if len(day.power):
        top = max(range(len(day.power)), key=lambda index: day.power.values[index])
        parts.append(
            words.text(
                "Highest power %(power)s kW at %(time)s.",
                power=words.number(day.power.values[top] / 1000, 2),
                time=words.time(instant(day.power.at_ms[top])),
            )
        )
    volts = [value for series in day.voltages.values() for value in series.values]
    if volts:
        parts.append(
            words.text(
                "Voltage from %(low)s to %(high)s V.",
                low=words.number(min(volts), 1),
                high=words.number(max(volts), 1),
            )
        )
    count = _hole_count(day)
    if count:
        parts.append(
            words.many(
                "In %(num)s stretch nothing was read; it is left blank.",
                "In %(num)s stretches nothing was read; they are left blank.",
                count,
            )
        )
    return (" " if words.language == "en" else "").join(parts)


def _hole_count(day: Day) -> int:
    times: Sequence[int] = sorted(
        {at for series in (day.power, *day.voltages.values()) for at in series.at_ms}
    )
    return sum(later - at > HOLE_MS for at, later in pairwise(times))
