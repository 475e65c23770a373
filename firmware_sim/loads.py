"""Seeded load curves whose energy has a closed form: what a customer draws, and has drawn, at any instant.

Both are pure functions of (seed, meter, time). Chance moves the *boundaries* of the running sum (a day's,
a slot's) and not its terms, so the sum up to any instant costs the same whether a day or a year has passed.
"""

from array import array
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from math import cos, pi, sin
from typing import Protocol

from firmware_sim.calendar import BAND_OF_SLOT, DAY_S, EDGES, SLOT_S, SLOTS, Calendar, band_seconds
from firmware_sim.draws import between, draw
from firmware_sim.draws import key as key_of
from firmware_sim.kinds import KINDS, SHAPES, Kind, season

_DAY_CHANCE = 0.2
_SLOT_CHANCE = 0.4
_RIPPLE = 0.2
_IS_EDGE = frozenset(EDGES)


class Load(Protocol):
    """What hangs on a meter. Times are Unix seconds; the running sums start at the day of installation."""

    power_factor: float

    def power_w(self, t_s: float) -> float: ...

    def energy_wh(self, t_s: float) -> float: ...

    def bands_wh(self, t_s: float) -> tuple[float, ...]:
        """The energy by tariff 1..4; they sum up to `energy_wh`."""
        ...


class _Days:
    """Weights of a kind's days summed up since installation, apart for working days and days off.

    One table for all meters of a kind; it grows with the latest day asked for.
    """

    __slots__ = ("calendar", "kind", "plain", "seasonal")

    def __init__(self, kind: Kind, calendar: Calendar) -> None:
        self.kind = kind
        self.calendar = calendar
        self.plain = (array("d", [0.0]), array("d", [0.0]))
        self.seasonal = (array("d", [0.0]), array("d", [0.0]))

    def reach(self, day: int) -> None:
        for d in range(len(self.plain[0]) - 1, day):
            off = self.calendar.weekend(d)
            weight = self.kind.off_share if off else 1.0
            extra = weight * season(self.kind, self.calendar.first_day_of_year + d)
            for type_ in (0, 1):
                self.plain[type_].append(self.plain[type_][d] + weight * (type_ == off))
                self.seasonal[type_].append(self.seasonal[type_][d] + extra * (type_ == off))


@lru_cache(maxsize=64)
def _days_of(kind: str, calendar: Calendar) -> _Days:
    return _Days(KINDS[kind], calendar)


class _Shape:
    """A kind's days moved by some slots: shares of the day drawn by each slot boundary, and by each band.

    Both by `off`; one shape for all meters of a kind that are moved alike.
    """

    __slots__ = ("by_band", "by_slot")

    def __init__(self, kind: str, shift: int) -> None:
        self.by_slot = tuple(
            tuple(table[slot + shift] - table[shift] for slot in range(SLOTS + 1)) for table in SHAPES[kind]
        )
        self.by_band = tuple(_by_band(shares) for shares in self.by_slot)


def _by_band(shares: tuple[float, ...]) -> tuple[float, ...]:
    bands = [0.0] * 4
    for start, end in pairwise(EDGES):
        bands[BAND_OF_SLOT[start]] += shares[end] - shares[start]
    return tuple(bands)


@cache
def _shape_of(kind: str, shift: int) -> _Shape:
    return _Shape(kind, shift)


@dataclass(slots=True)
class _Now:
    """The day and the slot a load was last asked about; asking again for the same is cheap."""

    day: int = -1
    off: bool = False
    before_wh: float = 0.0
    whole_wh: float = 0.0
    bands_wh: tuple[float, ...] | None = None
    slot: int = -1
    start: float = 0.0
    span: float = 0.0
    turns: float = 0.0
    phase: float = 0.0


class SeededLoad:
    """One customer of a kind: own size, own hours, own whims."""

    __slots__ = ("_days", "_key", "_now", "_scale", "_season", "_shape", "power_factor")

    def __init__(self, kind: str, seed: int, meter: str, calendar: Calendar) -> None:
        of = KINDS[kind]
        self._key = key_of(seed, meter, "load")
        low, high = of.daily_wh
        self._scale = low + (high - low) * draw(self._key, -1) ** 2  # many small, few large
        self._season = between(self._key, -2, 0.5, 1.5)
        self._shape = _shape_of(kind, int(between(self._key, -3, -4, 5)) % SLOTS)
        self.power_factor = round(between(self._key, -4, *of.power_factor), 3)
        self._days = _days_of(kind, calendar)
        self._now = _Now()

    def power_w(self, t_s: float) -> float:
        now, second = self._at(t_s)
        wave = 1 + _RIPPLE * sin(now.turns * second / SLOT_S + now.phase)
        return now.whole_wh * now.span * (3600 / SLOT_S) * wave

    def energy_wh(self, t_s: float) -> float:
        now, second = self._at(t_s)
        return now.before_wh + now.whole_wh * _share_at(now, second)

    def bands_wh(self, t_s: float) -> tuple[float, ...]:
        now, second = self._at(t_s)
        if now.bands_wh is None:
            now.bands_wh = self._bands_before(now.day)
        bands, shares = list(now.bands_wh), self._shape.by_slot[now.off]
        for start, end in pairwise(EDGES):
            if now.slot < start:
                break
            upto = shares[end] if now.slot >= end else _share_at(now, second)
            bands[BAND_OF_SLOT[start]] += now.whole_wh * (upto - shares[start])
        return tuple(bands)

    def _at(self, t_s: float) -> tuple[_Now, float]:
        """The day and slot of that instant, and the second within the slot."""
        day, second = self._days.calendar.split(t_s)
        slot = int(second // SLOT_S)
        now = self._now
        if now.day != day:
            now = self._now = self._day(day)
        if now.slot != slot:
            self._enter(now, slot)
        return now, second - slot * SLOT_S

    def _day(self, day: int) -> _Now:
        if day < 0:
            raise ValueError("no energy before the day of installation")
        before = self._before(day, off=False) + self._before(day, off=True)
        after = self._before(day + 1, off=False) + self._before(day + 1, off=True)
        return _Now(day, self._days.calendar.weekend(day), before, after - before)

    def _enter(self, now: _Now, slot: int) -> None:
        chance = draw(self._key ^ 0x217713, now.day * SLOTS + slot)
        now.slot = slot
        now.start = self._share(now, slot)
        now.span = self._share(now, slot + 1) - now.start
        now.turns = 2 * pi * (1 + int(chance * 3))  # whole turns leave the slot's energy what it is
        now.phase = 2 * pi * chance

    def _bands_before(self, day: int) -> tuple[float, ...]:
        working, off = self._before(day, off=False), self._before(day, off=True)
        on_working, on_off = self._shape.by_band
        return tuple(working * on_working[n] + off * on_off[n] for n in range(4))

    def _before(self, day: int, off: bool) -> float:
        """Energy of all working days (or days off) before that day.

        Chance is nil where working days and days off meet, so it never goes over from one to the other.
        """
        days = self._days
        if day >= len(days.plain[0]):
            days.reach(day)
        energy = days.plain[off][day] + self._season * days.seasonal[off][day]
        calendar = days.calendar
        if day and calendar.weekend(day) == off and calendar.weekend(day - 1) == off:
            weight = days.kind.off_share if off else 1.0
            energy += _DAY_CHANCE * weight * (2 * draw(self._key, day) - 1)
        return self._scale * energy

    def _share(self, now: _Now, slot: int) -> float:
        """Share of the day's energy drawn by that slot boundary; no chance where a band begins."""
        shares = self._shape.by_slot[now.off]
        share = shares[slot]
        if slot in _IS_EDGE:
            return share
        room = min(share - shares[slot - 1], shares[slot + 1] - share)
        return share + _SLOT_CHANCE * room * (2 * draw(self._key ^ 0x51075, now.day * SLOTS + slot) - 1)


def _share_at(now: _Now, second: float) -> float:
    """The same within the slot, with its ripple summed up."""
    wave = _RIPPLE / now.turns * (cos(now.phase) - cos(now.turns * second / SLOT_S + now.phase))
    return now.start + now.span * (second / SLOT_S + wave)


class ConstantLoad:
    """A load that never changes: the iron losses of a transformer."""

    __slots__ = ("_calendar", "_power_w", "power_factor")

    def __init__(self, power_w: float, power_factor: float, calendar: Calendar) -> None:
        self._power_w = power_w
        self._calendar = calendar
        self.power_factor = power_factor

    def power_w(self, t_s: float) -> float:  # noqa: ARG002  (it has the form of every load)
        return self._power_w

    def energy_wh(self, t_s: float) -> float:
        return self._power_w * (t_s - self._calendar.origin_s) / 3600

    def bands_wh(self, t_s: float) -> tuple[float, ...]:
        day, second = self._calendar.split(t_s)
        whole, part = band_seconds(DAY_S), band_seconds(second)
        return tuple(self._power_w * (day * whole[n] + part[n]) / 3600 for n in range(4))
