"""Seeded load curves whose energy has a closed form: what a customer draws, and has drawn, at any instant.

Both are pure functions of (seed, meter, time). Chance moves the *boundaries* of the running sum (a day's,
a slot's) and not its terms, so the sum up to any instant costs the same whether a day or a year has passed.
Sums are whole mWh by tariff: added and subtracted without rounding, they never fall by a hair.
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
from firmware_sim.kinds import ALL_KINDS, SHAPES, Kind, season

_DAY_CHANCE = 0.2
_SLOT_CHANCE = 0.4
_RIPPLE = 0.2
_IS_EDGE = frozenset(EDGES)
Bands = tuple[int, int, int, int]


class Load(Protocol):
    """What hangs on a meter. Times are Unix seconds; the running sums start at the day of installation."""

    power_factor: float

    def power_w(self, t_s: float) -> float: ...

    def energy_mwh(self, t_s: float) -> int:
        """All energy drawn so far: the sum of the tariffs."""
        ...

    def bands_mwh(self, t_s: float) -> Bands:
        """The same by tariff 1..4."""
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
    return _Days(ALL_KINDS[kind], calendar)


class _Shape:
    """A kind's days moved by some slots, each slot as a part of its tariff's day; all by `off`.

    `bounds[off][slot]`: where the slot starts and ends, as a share of its tariff's day.
    `done[off][slot]`: the share of each tariff's day that is over when the slot starts.
    `parts[off]`: the tariffs' shares of the day.
    """

    __slots__ = ("bounds", "done", "parts")

    def __init__(self, kind: str, shift: int) -> None:
        days = [[table[slot + shift] - table[shift] for slot in range(SLOTS + 1)] for table in SHAPES[kind]]
        self.parts = tuple(_parts(day) for day in days)
        splits = [_split(day, parts) for day, parts in zip(days, self.parts, strict=True)]
        self.bounds = tuple(bounds for bounds, _ in splits)
        self.done = tuple(done for _, done in splits)


def _parts(day: list[float]) -> tuple[float, ...]:
    parts = [0.0] * 4
    for start, end in pairwise(EDGES):
        parts[BAND_OF_SLOT[start]] += day[end] - day[start]
    return tuple(parts)


def _split(
    day: list[float], parts: tuple[float, ...]
) -> tuple[list[tuple[float, float]], list[tuple[float, ...]]]:
    last = {band: slot for slot, band in enumerate(BAND_OF_SLOT)}
    done = [0.0] * 4
    bounds, over = [], []
    for slot, band in enumerate(BAND_OF_SLOT):
        over.append(tuple(done))
        start = done[band]
        done[band] = 1.0 if slot == last[band] else start + (day[slot + 1] - day[slot]) / (parts[band] or 1)
        bounds.append((start, done[band]))
    return bounds, over


@cache
def _shape_of(kind: str, shift: int) -> _Shape:
    return _Shape(kind, shift)


@dataclass(slots=True)
class _Now:
    """The day and the slot a load was last asked about; asking again for the same is cheap.

    `before` and `whole`: the tariffs' sums before the day and in it. `others`: the sum of all tariffs but the
    present one, `band`, whose share of the day goes from `start` to `end` within the slot.
    """

    day: int = -1
    off: bool = False
    before: Bands = (0, 0, 0, 0)
    whole: Bands = (0, 0, 0, 0)
    slot: int = -1
    band: int = 0
    sums: Bands = (0, 0, 0, 0)
    others: int = 0
    start: float = 0.0
    end: float = 0.0
    turns: float = 0.0
    phase: float = 0.0


class SeededLoad:
    """One customer of a kind: own size, own hours, own whims.

    Without `own_hours` it keeps to the hours of its kind, so that what is drawn and what is fed never meet.
    """

    __slots__ = ("_days", "_key", "_now", "_scale", "_season", "_shape", "power_factor")

    def __init__(
        self, kind: str, seed: int, meter: str, calendar: Calendar, size: float = 1, own_hours: bool = True
    ) -> None:
        of = ALL_KINDS[kind]
        self._key = key_of(seed, meter, "load" if own_hours else kind)
        low, high = of.daily_wh
        self._scale = size * (low + (high - low) * draw(self._key, -1) ** 2)  # many small, few large
        self._season = between(self._key, -2, 0.5, 1.5)
        self._shape = _shape_of(kind, int(between(self._key, -3, -4, 5)) % SLOTS if own_hours else 0)
        self.power_factor = round(between(self._key, -4, *of.power_factor), 3)
        self._days = _days_of(kind, calendar)
        self._now = _Now()

    def power_w(self, t_s: float) -> float:
        now, second = self._at(t_s)
        wave = 1 + _RIPPLE * sin(now.turns * second / SLOT_S + now.phase)
        return now.whole[now.band] * (now.end - now.start) * (3.6 / SLOT_S) * wave

    def energy_mwh(self, t_s: float) -> int:
        now, second = self._at(t_s)
        return now.others + _of_band(now, second)

    def bands_mwh(self, t_s: float) -> Bands:
        now, second = self._at(t_s)
        sums = list(now.sums)
        sums[now.band] = _of_band(now, second)
        sharp, peak, flat, valley = sums
        return sharp, peak, flat, valley

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
        before, after = self._bands_before(day), self._bands_before(day + 1)
        sharp, peak, flat, valley = (later - earlier for later, earlier in zip(after, before, strict=True))
        return _Now(day, self._days.calendar.weekend(day), before, (sharp, peak, flat, valley))

    def _enter(self, now: _Now, slot: int) -> None:
        chance = draw(self._key ^ 0x217713, now.day * SLOTS + slot)
        now.slot = slot
        now.band = BAND_OF_SLOT[slot]
        done = self._shape.done[now.off][slot]
        a, b, c, d = (
            before + int(whole * share)
            for before, whole, share in zip(now.before, now.whole, done, strict=True)
        )
        now.sums = (a, b, c, d)
        now.others = a + b + c + d - now.sums[now.band]
        now.start, now.end = self._bound(now, slot, 0), self._bound(now, slot, 1)
        now.turns = 2 * pi * (1 + int(chance * 3))  # whole turns leave the slot's energy what it is
        now.phase = 2 * pi * chance

    def _bands_before(self, day: int) -> Bands:
        """What each tariff's sum is when that day begins."""
        working, off = 1000 * self._before(day, off=False), 1000 * self._before(day, off=True)
        on_working, on_off = self._shape.parts
        a, b, c, d = (int(working * on_working[n] + off * on_off[n]) for n in range(4))
        return a, b, c, d

    def _before(self, day: int, off: bool) -> float:
        """Energy of all working days (or days off) before that day, Wh.

        Chance is nil where working days and days off meet, so it never goes over from one to the other.
        """
        days = self._days
        if day >= len(days.plain[0]):
            days.reach(day)
        energy: float = days.plain[off][day] + self._season * days.seasonal[off][day]
        calendar = days.calendar
        if day and calendar.weekend(day) == off and calendar.weekend(day - 1) == off:
            weight = days.kind.off_share if off else 1.0
            energy += _DAY_CHANCE * weight * (2 * draw(self._key, day) - 1)
        return self._scale * energy

    def _bound(self, now: _Now, slot: int, side: int) -> float:
        """Where a slot starts (0) or ends (1) in its tariff's day; chance moves it inside a tariff only."""
        bounds = self._shape.bounds[now.off]
        bound, at = bounds[slot][side], slot + side
        if at in _IS_EDGE:
            return bound
        room = min(bounds[at - 1][1] - bounds[at - 1][0], bounds[at][1] - bounds[at][0])
        return bound + _SLOT_CHANCE * room * (2 * draw(self._key ^ 0x51075, now.day * SLOTS + at) - 1)


def _of_band(now: _Now, second: float) -> int:
    """The present tariff's sum: so far into the slot, its ripple summed up."""
    wave = _RIPPLE / now.turns * (cos(now.phase) - cos(now.turns * second / SLOT_S + now.phase))
    share = now.start + (now.end - now.start) * (second / SLOT_S + wave)
    return now.before[now.band] + int(now.whole[now.band] * min(max(share, now.start), now.end))


class ConstantLoad:
    """A load that never changes: the iron losses of a transformer. `power_w` is cut to whole milliwatts."""

    __slots__ = ("_calendar", "_power_mw", "power_factor")

    def __init__(self, power_w: float, power_factor: float, calendar: Calendar) -> None:
        self._power_mw = int(power_w * 1000)
        self._calendar = calendar
        self.power_factor = power_factor

    def power_w(self, t_s: float) -> float:  # noqa: ARG002  (it has the form of every load)
        return self._power_mw / 1000

    def energy_mwh(self, t_s: float) -> int:
        return sum(self.bands_mwh(t_s))

    def bands_mwh(self, t_s: float) -> Bands:
        day, second = self._calendar.split(t_s)
        sharp, peak, flat, valley = (
            int(self._power_mw * (day * whole + part)) // 3600
            for whole, part in zip(band_seconds(DAY_S), band_seconds(second), strict=True)
        )
        return sharp, peak, flat, valley
