"""A point's profile as people read it: every number with what it rests on, every figure with its sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.profile.temperature import Sensitivity
from cloud.insight.indicators.months import MonthSeries
from cloud.insight.indicators.store import DaySeries
from cloud.insight.profile.store import Group, Profile, TypicalDay
from cloud.web.language import Words, mark
from cloud.web.load.columns import COLUMN
from cloud.web.load.figures import Figure, figure, over_a_day, over_days, slot_time
from cloud.web.load.plot import Form, Limit, Series
from cloud.web.load.quality import Quality, number, of_days, percent, quality

BANDS = {
    "sharp_share": mark("sharp"),
    "peak_share": mark("peak"),
    "flat_share": mark("flat"),
    "valley_share": mark("valley"),
    "deep_valley_share": mark("deep valley"),
}
NO_WEATHER = mark("No temperatures are imported: `wattpost cloud import weather FILE` brings them.")
NO_SENSITIVITY = {
    "no_weather": NO_WEATHER,
    "too_few_days": mark("Too few days with a temperature yet: %(days)s of 60."),
    "no_gain": mark("The temperature explains no more of its days than the kind of day does."),
}


def column(series: DaySeries, name: str) -> NDArray[np.float32]:
    found: NDArray[np.float32] = series.values[:, COLUMN[name]]
    return found


def plain(values: Sequence[float] | NDArray[Any]) -> list[float | None]:
    return [number(float(value)) for value in values]


@dataclass(frozen=True, slots=True)
class Share:
    key: str
    name: str
    share: float
    shown: str
    x: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a stretch of days comes to; `energy_kwh` is of what was read and never extrapolated."""

    days: int
    energy_kwh: float | None
    mean_kwh: float | None
    max_kw: float | None
    max_on: date | None
    max_at: str
    load_factor: float | None
    peak_valley_rate: float | None
    bands: tuple[Share, ...]
    quality: Quality


def summary(series: DaySeries, asked: int, words: Words) -> Summary:
    """Of the days of a point; `asked` is how many calendar days they stand for."""
    energy, highest = column(series, "energy_kwh"), column(series, "max_kw")
    rests = of_days(
        column(series, "valid_slots"), column(series, "estimated_slots"), series.slots, days=asked
    )
    known = int(np.isfinite(energy).sum())
    if not known:
        return Summary(0, None, None, None, None, "", None, None, (), rests)
    top = int(np.nanargmax(highest)) if np.isfinite(highest).any() else None
    at = "" if top is None else slot_time(int(column(series, "max_slot")[top]), int(series.slots[top]))
    return Summary(
        known,
        float(np.nansum(energy)),
        float(np.nanmean(energy)),
        None if top is None else number(float(highest[top])),
        None if top is None else series.days[top],
        at,
        mean(column(series, "load_factor")),
        mean(column(series, "peak_valley_rate")),
        band_shares(series, words),
        rests,
    )


def mean(values: NDArray[np.float32]) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def band_shares(series: DaySeries, words: Words) -> tuple[Share, ...]:
    """Of the energy of all days together: days with more energy count for more."""
    energy = column(series, "energy_kwh")
    shares = {name: column(series, name) for name in BANDS}
    known = np.isfinite(energy) & np.isfinite(shares["flat_share"]) & (energy > 0)
    whole = float(energy[known].sum())
    if not whole:
        return ()
    found, x = [], 0.0
    for name, said in BANDS.items():
        part = float(np.nansum(energy[known] * shares[name][known])) / whole
        if part > 0:
            found.append(Share(name.removesuffix("_share"), words.text(said), part, percent(part, words), x))
            x += part
    return tuple(found)


def charts(series: DaySeries, words: Words) -> list[tuple[str, Figure]]:
    """Energy, highest and base load, load factor and peak-valley rate of each day."""
    if not series.days:
        return []
    whole = np.divide(column(series, "valid_slots"), series.slots) >= 0.95
    energy = column(series, "energy_kwh")
    complete = [value if yes else None for value, yes in zip(plain(energy), whole, strict=True)]
    holed = [None if yes else value for value, yes in zip(plain(energy), whole, strict=True)]
    columns = [Series(words.text("whole days"), complete, "a", Form.COLUMN)]
    if any(value is not None for value in holed):
        columns.append(Series(words.text("days with holes"), holed, "open", Form.COLUMN))
    loads = (
        Series(words.text("highest load"), plain(column(series, "max_kw")), "a"),
        Series(words.text("base load"), plain(column(series, "base_kw")), "b"),
    )
    rates = (
        Series(words.text("load factor"), plain(100 * column(series, "load_factor")), "a"),
        Series(words.text("peak–valley rate"), plain(100 * column(series, "peak_valley_rate")), "b"),
    )
    day = words.text("Day")
    return [
        (
            words.text("Energy of each day"),
            figure(over_days(series.days, columns, "kWh", words), _of_energy(series, words)),
        ),
        (
            words.text("Highest and base load"),
            figure(over_days(series.days, loads, "kW", words), _of_loads(series, words), position=day),
        ),
        (
            words.text("Load factor and peak–valley rate"),
            figure(over_days(series.days, rates, "%", words), _of_rates(series, words), position=day),
        ),
    ]


def _of_energy(series: DaySeries, words: Words) -> str:
    energy = column(series, "energy_kwh")
    if not np.isfinite(energy).any():
        return words.text("On none of these days is the energy known.")
    top = int(np.nanargmax(energy))
    return words.text(
        "On %(days)s days %(mean)s kWh a day on average; most on %(day)s with %(most)s kWh.",
        days=int(np.isfinite(energy).sum()),
        mean=words.number(float(np.nanmean(energy)), 1),
        day=words.day(series.days[top]),
        most=words.number(float(energy[top]), 1),
    )


def _of_loads(series: DaySeries, words: Words) -> str:
    highest, base = column(series, "max_kw"), mean(column(series, "base_kw"))
    if not np.isfinite(highest).any():
        return words.text("On none of these days is the load known.")
    top = int(np.nanargmax(highest))
    return words.text(
        "Highest %(kw)s kW on %(day)s at %(time)s; the base load, which never goes off, is %(base)s kW.",
        kw=words.number(float(highest[top]), 2),
        day=words.day(series.days[top]),
        time=slot_time(int(column(series, "max_slot")[top]), int(series.slots[top])),
        base=words.number(base, 2),
    )


def _of_rates(series: DaySeries, words: Words) -> str:
    return words.text(
        "Load factor (mean over highest load of the day) %(factor)s on average; "
        "from peak to valley %(rate)s of the peak.",
        factor=percent(mean(column(series, "load_factor")), words),
        rate=percent(mean(column(series, "peak_valley_rate")), words),
    )


def typical(found: Profile, words: Words) -> Figure | None:
    """The working day and the day off that stand for the others: real days, no averages."""
    days: list[tuple[str, str, TypicalDay]] = []
    if found.work is not None:
        days.append((words.text("typical working day"), "a", found.work))
    if found.off is not None:
        days.append((words.text("typical day off"), "b", found.off))
    if not days:
        return None
    count = max(len(day.kw) for *_, day in days)
    lines = [
        Series(f"{name} ({words.day(day.day)})", plain(day.kw), look)
        for name, look, day in days
        if len(day.kw) == count
    ]
    limits = [
        Limit(words.text(said, kw=words.number(value, 2)), value, "level")
        for said, value in (
            (mark("base %(kw)s kW"), found.base_kw),
            (mark("peak %(kw)s kW"), found.peak_kw),
        )
        if value is not None
    ]
    sheet = over_a_day(count, lines, "kW", limits=limits)
    said = " ".join(_of_typical(name, day, words) for name, _, day in days)
    return figure(sheet, said, position=words.text("Time"))


def _of_typical(name: str, day: TypicalDay, words: Words) -> str:
    top, low = int(np.nanargmax(day.kw)), int(np.nanargmin(day.kw))
    return words.text(
        "%(name)s: highest %(high)s kW at %(at)s, lowest %(low)s kW at %(then)s.",
        name=name,
        high=words.number(float(day.kw[top]), 2),
        at=slot_time(top, len(day.kw)),
        low=words.number(float(day.kw[low]), 2),
        then=slot_time(low, len(day.kw)),
    )


def group_said(group: Group | None, words: Words) -> str:
    if group is None or group.name is None:
        return words.text("no group yet")
    return group.name.said(words.language)


def temperature(found: Sensitivity | None, words: Words) -> list[str]:
    """What a degree costs, how well that explains its days, on how many; or why that cannot be said."""
    if found is None:
        return [words.text(NO_WEATHER)]
    if found.reason is not None:
        return [words.text(NO_SENSITIVITY[found.reason], days=found.days)]
    lines = []
    if found.heating_kwh_per_c:
        said = mark("Each degree colder than %(at)s °C takes %(kwh)s kWh more a day.")
        lines.append(_degree(said, found.heating_below_c, found.heating_kwh_per_c, words))
    if found.cooling_kwh_per_c:
        said = mark("Each degree hotter than %(at)s °C takes %(kwh)s kWh more a day.")
        lines.append(_degree(said, found.cooling_above_c, found.cooling_kwh_per_c, words))
    lines.append(
        words.text(
            "R² %(r2)s on %(days)s days; without weather it would use %(kwh)s kWh a day.",
            r2=words.number(found.r2, 2),
            days=found.days,
            kwh=words.number(found.base_kwh, 1),
        )
    )
    return lines


def _degree(said: str, at: float | None, kwh: float, words: Words) -> str:
    return words.text(said, at=words.number(at, 0), kwh=words.number(kwh, 2))


def variability(group: Group | None, words: Words) -> str:
    """Entropy of the month's shapes, in words beside the number."""
    if group is None or group.entropy is None:
        return words.text("not known yet")
    if group.entropy < 1.0:
        said = mark("steady: one day is like another")
    elif group.entropy < 2.2:
        said = mark("changing: a few kinds of day")
    else:
        said = mark("irregular: hardly two days alike")
    return words.text(said)


def profile_quality(found: Profile) -> Quality:
    return quality(found.coverage, found.estimated, early=found.provisional)


@dataclass(frozen=True, slots=True)
class Month:
    month: date
    energy_kwh: float | None
    max_kw: float | None
    load_factor: float | None
    peak_valley_rate: float | None
    weekend_ratio: float | None
    zero_days: float | None
    rests: Quality


def months(found: MonthSeries) -> list[Month]:
    """Newest first, each with what it rests on."""
    values = {name: plain(each) for name, each in found.values.items()}
    return [
        Month(
            month,
            values["energy_kwh"][n],
            values["max_kw"][n],
            values["mean_daily_load_factor"][n],
            values["mean_peak_valley_rate"][n],
            values["weekend_ratio"][n],
            values["zero_days"][n],
            quality(values["coverage"][n], values["estimated_share"][n], early=int(found.days[n]) < 7),
        )
        for n, month in reversed(list(enumerate(found.months)))
    ]
