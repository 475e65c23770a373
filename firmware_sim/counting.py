"""What a meter's registers made of the energy that flowed: its share of it, from a start, band by band.

A sound meter needs none of this: it counts all, from 0, since installation. An exchange, a ratio, a meter
that loses counts or holds another slot table begins a new stretch; the old ones are kept, so the past stays.
"""

from array import array
from dataclasses import dataclass
from math import inf

from firmware_sim.calendar import DAY_S, Calendar
from firmware_sim.circuit import WHOLE, Circuit
from firmware_sim.loads import Bands
from firmware_sim.slot_tables import STANDARD, SlotTable

_KEPT = 64
_NONE: Bands = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Totals:
    """Registers in whole mWh by tariff, drawn and fed back, and reactive energy in mvarh."""

    drawn: Bands = _NONE
    fed: Bands = _NONE
    reactive: int = 0


@dataclass(slots=True)
class Stretch:
    """From `since_ms`: the registers then, what had flowed by then, and `gain` of WHOLE of it counted since.

    `ratio` is that of the current transformers which really hang there.

    `slots` is the meter's slot table and `shift_s` how far its clock is off, in whole seconds.
    """

    since_ms: int
    start: Totals
    flowed: Totals
    gain: int
    ratio: int
    slots: SlotTable
    shift_s: int


class Counting:
    """The registers of one meter on one circuit."""

    __slots__ = ("_calendar", "_circuit", "_days", "_stretches")

    def __init__(self, circuit: Circuit, calendar: Calendar) -> None:
        self._circuit = circuit
        self._calendar = calendar
        self._stretches: list[Stretch] = []
        self._days: dict[int, _Days] = {}
        """By the instant their stretch began; only where a slot table is its own."""

    @property
    def plain(self) -> bool:
        return not self._stretches

    def change(
        self,
        at_ms: int,
        gain: int | None = None,
        ratio: int | None = None,
        slots: SlotTable | None = None,
        shift_s: int | None = None,
        start: Totals | None = None,
    ) -> None:
        """Count differently from now on; what is not given stays, the registers too."""
        old = self._stretches[-1] if self._stretches else None
        registers = start or self.totals(at_ms)
        if start is not None:
            self._days.clear()
            self._stretches.clear()  # it is another meter: the past is not its own
        self._stretches.append(
            Stretch(
                at_ms,
                registers,
                self._flowed(at_ms),
                (old.gain if old else WHOLE) if gain is None else gain,
                (old.ratio if old else 1) if ratio is None else ratio,
                slots or (old.slots if old else STANDARD),
                (old.shift_s if old else 0) if shift_s is None else shift_s,
            )
        )
        del self._stretches[:-_KEPT]

    def gain(self, at_ms: int) -> float:
        """How much of the current the meter sees."""
        stretch = self._at(at_ms)
        return 1.0 if stretch is None else stretch.gain / (WHOLE * stretch.ratio)

    def lose(self, at_ms: int, share: float) -> None:
        """Count only that share of what it counted."""
        before = self._stretches[-1].gain if self._stretches else WHOLE
        self.change(at_ms, gain=int(before * share))

    def slots(self) -> SlotTable:
        return self._stretches[-1].slots if self._stretches else STANDARD

    def total_mwh(self, at_ms: int) -> int:
        """All that was drawn: the same as the sum of the tariffs, and cheaper."""
        if not self._stretches:
            return self._circuit.energy_mwh(at_ms / 1000)
        return sum(self.totals(at_ms).drawn)

    def totals(self, at_ms: int) -> Totals:
        stretch = self._at(at_ms)
        if stretch is None:
            return self._flowed(at_ms)
        flowed, t_s = self._flowed(at_ms), at_ms / 1000
        spent = _less(flowed.drawn, stretch.flowed.drawn)
        if stretch.slots != STANDARD or stretch.shift_s:
            spent = self._by_own_table(stretch, t_s, spent)
        return Totals(
            _plus(stretch.start.drawn, spent, stretch.gain, stretch.ratio),
            _plus(stretch.start.fed, _less(flowed.fed, stretch.flowed.fed), stretch.gain, stretch.ratio),
            stretch.start.reactive
            + (flowed.reactive - stretch.flowed.reactive) * stretch.gain // (WHOLE * stretch.ratio),
        )

    def drawn_mwh(self, at_ms: int) -> Bands:
        return self._circuit.bands_mwh(at_ms / 1000) if not self._stretches else self.totals(at_ms).drawn

    def fed_mwh(self, at_ms: int) -> Bands:
        return self._circuit.fed_mwh(at_ms / 1000) if not self._stretches else self.totals(at_ms).fed

    def reactive_varh(self, at_ms: int) -> float:
        if not self._stretches:
            return self._circuit.reactive_varh(at_ms / 1000)
        return self.totals(at_ms).reactive / 1000

    def _flowed(self, at_ms: int) -> Totals:
        t_s = at_ms / 1000
        reactive = int(self._circuit.reactive_varh(t_s) * 1000)
        return Totals(self._circuit.bands_mwh(t_s), self._circuit.fed_mwh(t_s), reactive)

    def _by_own_table(self, stretch: Stretch, t_s: float, spent: Bands) -> Bands:
        if stretch.since_ms not in self._days:
            self._days[stretch.since_ms] = _Days(self._circuit, self._calendar, stretch)
        a, b, c, _ = self._days[stretch.since_ms].bands(t_s)
        rest = max(sum(spent) - a - b - c, 0)  # what is cut in each tariff's own sum goes to the last
        return a, b, c, rest

    def _at(self, at_ms: int) -> Stretch | None:
        for stretch in reversed(self._stretches):
            if at_ms >= stretch.since_ms:
                return stretch
        return None

    def remembered(self) -> list[Stretch]:
        """To be kept over a restart."""
        return self._stretches

    def remember(self, past: list[Stretch]) -> None:
        self._stretches = past


class _Days:
    """Energy by a slot table of its own, summed up day by day; a day that is over is summed once."""

    def __init__(self, circuit: Circuit, calendar: Calendar, stretch: Stretch) -> None:
        self._circuit, self._calendar, self._stretch = circuit, calendar, stretch
        self._first = self._day(stretch.since_ms / 1000)
        self._sums = tuple(array("q", [0]) for _ in range(4))

    def bands(self, t_s: float) -> Bands:
        today = self._day(t_s)
        for day in range(self._first + len(self._sums[0]) - 1, today):
            for sums, one in zip(self._sums, self._spent(day, inf), strict=True):
                sums.append(sums[-1] + one)
        begun = self._spent(today, t_s)
        a, b, c, d = (sums[today - self._first] + one for sums, one in zip(self._sums, begun, strict=True))
        return a, b, c, d

    def _day(self, t_s: float) -> int:
        return self._calendar.split(t_s + self._stretch.shift_s)[0]

    def _spent(self, day: int, until_s: float) -> Bands:
        midnight = self._calendar.origin_s + day * DAY_S - self._stretch.shift_s
        found = [0] * 4
        for start, end, tariff in self._stretch.slots.spans(self._calendar.date(day)):
            since = max(midnight + start, self._stretch.since_ms / 1000)
            until = min(midnight + end, until_s)
            if since < until:
                found[tariff - 1] += self._circuit.energy_mwh(until) - self._circuit.energy_mwh(since)
        a, b, c, d = found
        return a, b, c, d


def _less(now: Bands, then: Bands) -> Bands:
    a, b, c, d = (one - before for one, before in zip(now, then, strict=True))
    return a, b, c, d


def _plus(start: Bands, spent: Bands, gain: int, ratio: int) -> Bands:
    a, b, c, d = (before + one * gain // (WHOLE * ratio) for before, one in zip(start, spent, strict=True))
    return a, b, c, d
