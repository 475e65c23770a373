"""Daily freezes and settlement days: each asked for once, soon after it was made, with the meter's stamp."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from edge.clock import Clock
from edge.memory.asking import Frozen, Settled, daily, settled
from edge.memory.backfill import REMEMBERS, Accept
from edge.memory.clock import to_local, to_ms
from edge.memory.errands import Errand
from edge.memory.gaps import MAIN, Gaps, rolled_over
from edge.memory.spans import Reason
from edge.settings import MeterSettings, Settings
from protocols import models
from protocols.clocks import Mapped, mapped_at
from protocols.readings import Quality, Reading, Source, Value

SOON: Final = timedelta(minutes=10)
"""After midnight or a settlement, by the meter's clock: the line has live readings to do first."""
KEPT: Final = 62
LOOK_MS: Final = 86_400_000
_DAY: Final = timedelta(days=1)


class Freezes:
    """Called in one thread."""

    def __init__(self, gaps: Gaps, settings: Settings, clock: Clock, accept: Accept, zone: tzinfo) -> None:
        self._gaps, self._clock, self._accept = gaps, clock, accept
        self.settings, self.zone = settings, zone
        self._looked_ms: dict[str, int] = {}
        self._offered: set[tuple[str, datetime]] = set()

    def plan(self, meter: MeterSettings) -> None:
        """Note the days and settlements that are over by now."""
        if not self._remembers(meter):
            return
        state, now = self._gaps[meter.id], self._shown(meter.id)
        today = (now - SOON).date()
        if state.day_done < today.isoformat():
            first = date.fromisoformat(state.day_done) + _DAY if state.day_done else today
            first = max(first, today - timedelta(days=self.settings.memory.days))
            fresh = {(first + n * _DAY).isoformat(): Reason.WAITING for n in range((today - first).days + 1)}
            days = dict(sorted((state.days | fresh).items())[-KEPT:])
            self._gaps.change(meter.id, days=days, day_done=today.isoformat())
        known, since_ms = state.settled
        since = to_local(since_ms, self.zone)
        for instant in instants(known.split(), now - SOON, 1):
            text = instant.isoformat()
            if instant > since and text > state.month_done:
                months = dict(sorted((state.months | {text: Reason.WAITING}).items())[-KEPT:])
                self._gaps.change(meter.id, months=months, month_done=text)

    def next(self, meter: MeterSettings) -> Errand | None:
        if not self._remembers(meter):
            return None
        state, now = self._gaps[meter.id], self._shown(meter.id)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if day := next(self._waiting(meter.id, state.days), None):
            stamp = datetime.fromisoformat(day)
            return Errand(
                meter.id, f"daily freeze {day}",
                lambda talk: daily(talk, stamp, today),
                lambda found: self._frozen(meter.id, day, found),
            )  # fmt: skip
        if month := next(self._waiting(meter.id, state.months), None):
            last = instants(state.settled[0].split(), now, KEPT)
            back = min(max(sum(each.isoformat() >= month for each in last), 1), 12)
            return Errand(
                meter.id, f"settlement {month}",
                lambda talk: settled(talk, back),
                lambda found: self._settled(meter.id, month, found),
            )  # fmt: skip
        if self._clock.now_ms() - self._looked_ms.get(meter.id, -LOOK_MS) >= LOOK_MS:
            return Errand(
                meter.id, "settlement days",
                lambda talk: settled(talk, 0),
                lambda found: self._look(meter.id, found),
            )  # fmt: skip
        return None

    def stepped(self) -> None:
        """The gateway's clock jumped: days that are still to come were not frozen yet."""
        for meter, state in list(self._gaps.states.items()):
            now = self._shown(meter) - SOON
            self._gaps.change(
                meter,
                days={day: why for day, why in state.days.items() if day <= now.date().isoformat()},
                day_done=min(state.day_done, now.date().isoformat()),
                months={at: why for at, why in state.months.items() if at <= now.isoformat()},
                month_done=min(state.month_done, now.isoformat()),
            )

    def accepted(self, reading: Reading) -> None:
        """It is committed: that day, or settlement, is done."""
        state, stamp = self._gaps[reading.meter], to_local(reading.at_ms, self.zone)
        self._offered.discard((reading.meter, stamp))
        day, month = stamp.date().isoformat(), stamp.isoformat()
        if stamp.time() == stamp.time().min and day in state.days:
            self._gaps.change(reading.meter, days={key: why for key, why in state.days.items() if key != day})
        if month in state.months:
            months = {key: why for key, why in self._gaps[reading.meter].months.items() if key != month}
            self._gaps.change(reading.meter, months=months)

    def _remembers(self, meter: MeterSettings) -> bool:
        on = meter.memory and self.settings.memory.enabled
        return on and models.load(meter.model).protocol == REMEMBERS

    def _shown(self, meter: str) -> datetime:
        """What the meter's clock shows now, as far as is known."""
        offsets = self._gaps[meter].offsets
        off_ms = round(offsets[-1].offset_s * 1000) if offsets else 0
        return to_local(self._clock.now_ms() + off_ms, self.zone)

    def _waiting(self, meter: str, listed: dict[str, Reason]) -> Iterator[str]:
        for text, reason in listed.items():
            if reason is Reason.WAITING and (meter, datetime.fromisoformat(text)) not in self._offered:
                yield text

    # -- what came back -----------------------------------------------------------------------------------

    def _frozen(self, meter: str, text: str, found: Frozen) -> None:
        state = self._gaps[meter]
        if found.stamp is None or not found.values:
            self._gaps.change(meter, days=state.days | {text: Reason.NOT_RECORDED})
        elif to_ms(found.stamp, self.zone) < state.since_ms:
            self._gaps.change(meter, days=state.days | {text: Reason.EXCHANGED})
        elif not self._believable(meter, found.stamp, found.values):
            self._gaps.change(meter, days=state.days | {text: Reason.DOUBTFUL})
        else:
            self._offer(meter, found.stamp, found.values)

    def _look(self, meter: str, found: Settled) -> None:
        self._looked(meter, found)

    def _looked(self, meter: str, found: Settled) -> bool:
        """Whether the meter settles on the days it was known to."""
        self._looked_ms[meter] = self._clock.now_ms()
        days = " ".join(found.days)
        if days == self._gaps[meter].settled[0]:
            return True
        self._gaps.change(meter, settled=(days, self._clock.now_ms()))
        return False

    def _settled(self, meter: str, text: str, found: Settled) -> None:
        months, stamp = self._gaps[meter].months, datetime.fromisoformat(text)
        if not self._looked(meter, found) or not found.values:
            self._gaps.change(meter, months=months | {text: Reason.NOT_RECORDED})
        elif to_ms(stamp, self.zone) < self._gaps[meter].since_ms:
            self._gaps.change(meter, months=months | {text: Reason.EXCHANGED})
        elif not self._believable(meter, stamp, found.values):
            self._gaps.change(meter, months=months | {text: Reason.DOUBTFUL})
        else:
            self._offer(meter, stamp, found.values)

    def _believable(self, meter: str, stamp: datetime, values: dict[str, Value]) -> bool:
        """No register of the past is above the one read since, unless that began again meanwhile."""
        state, value = self._gaps[meter], values.get(MAIN)
        if value is None or state.last_wh is None or self._mapped(meter, stamp).at_ms > state.last_sure_ms:
            return True
        return value <= state.last_wh or rolled_over(int(value), state.last_wh)

    def _mapped(self, meter: str, stamp: datetime) -> Mapped:
        limit_s = self.settings.memory.clock_limit_s
        return mapped_at(to_ms(stamp, self.zone), self._gaps[meter].offsets, limit_s)

    def _offer(self, meter: str, stamp: datetime, values: dict[str, Value]) -> None:
        sure = self._mapped(meter, stamp).sure
        quality = Quality.GOOD if sure else Quality.METER_CLOCK_OFF
        if self._accept(Reading(meter, to_ms(stamp, self.zone), Source.FREEZE, values, quality)):
            self._offered.add((meter, stamp))


def instants(days: Sequence[str], now: datetime, count: int) -> list[datetime]:
    """The last settlements up to now on those days (DDhh), the newest first."""
    found: list[datetime] = []
    year, month = now.year, now.month
    while len(found) < count * max(1, len(days)) + len(days) and days:
        for text in days:
            try:
                found.append(datetime(year, month, int(text[:2]), int(text[2:])))  # noqa: DTZ001
            except ValueError:  # the 31st of a shorter month: no source says what a meter does
                continue
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return sorted((each for each in found if each <= now), reverse=True)[:count]
