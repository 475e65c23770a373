"""Quarter-hours out of raw readings: what each meter took, was heard and measured, all meters at once. Pure.

Nothing is estimated: a meter's energy is known when its register is known at both ends of the quarter-hour.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.topology import Installation
from cloud.metering.primary import ratio_of
from cloud.metering.store import QUALITY_ID, Columns, ms
from protocols.readings import Quality

ENERGY = "energy_import_wh"
VOLTAGES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
QUANTITIES = (ENERGY, *VOLTAGES)
QUARTER = timedelta(minutes=15)
QUARTER_MS = 900_000
NO_VOLTAGE_V = 20.0
"""A phase below it has no voltage or is not connected: for the outage watch, not for voltage limits."""
_SUSPECT = QUALITY_ID[Quality.SUSPECT]
_LEAST_REACH_MS, _MOST_REACH_MS = 300_000, 1_800_000
_FOREVER_MS = 2**62

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Quarters:
    """`count` quarter-hours in a row from `start_ms`, a whole one of UTC."""

    start_ms: int
    count: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.count * QUARTER_MS

    @property
    def edges_ms(self) -> Ints:
        """Shape (count + 1,)."""
        return self.start_ms + np.arange(self.count + 1, dtype=np.int64) * QUARTER_MS


@dataclass(frozen=True, slots=True)
class Track:
    """Values of one quantity, one of an instant, in order of (owner, at): four arrays of one length."""

    owner: Ints
    at_ms: Ints
    values: Floats
    sound: Bools

    def only(self, these: Bools) -> "Track":
        return Track(self.owner[these], self.at_ms[these], self.values[these], self.sound[these])

    def find(self, owner: Ints, when_ms: Ints) -> Ints:
        """Where each owner's first value at or after each instant is, or would be: (owners, instants)."""
        if not len(self.at_ms):
            return np.zeros((len(owner), len(when_ms)), np.int64)
        base = min(self.at_ms.min(), when_ms.min())
        span = max(self.at_ms.max(), when_ms.max()) - base + 1
        keys = self.owner * span + (self.at_ms - base)
        found: Ints = np.searchsorted(keys, owner[:, None] * span + (when_ms - base)[None, :])
        return found


class Readings:
    """The columns of some meters; an owner is an index into `meters`."""

    def __init__(self, meters: Sequence[str], columns: Iterable[Columns]) -> None:
        self._place = {meter: number for number, meter in enumerate(meters)}
        self._tracks = {each.quantity: _track(each) for each in columns}

    @property
    def count(self) -> int:
        return len(self._place)

    def owners(self, installations: Sequence[Installation]) -> Ints:
        return np.array([self._place[one.meter] for one in installations], np.int64)

    def track(self, quantity: str) -> Track:
        empty = np.empty(0)
        nothing = Track(empty.astype(np.int64), empty.astype(np.int64), empty, empty.astype(np.bool_))
        return self._tracks.get(quantity, nothing)


def _track(column: Columns) -> Track:
    """Of sources that speak of one instant the preferred comes first, and stays."""
    owner, values = column.meter.astype(np.int64), column.values.astype(np.float64)
    first = np.ones(len(column), np.bool_)
    first[1:] = (owner[1:] != owner[:-1]) | (column.at_ms[1:] != column.at_ms[:-1])
    return Track(owner, column.at_ms, values, column.quality != _SUSPECT).only(first)


@dataclass(frozen=True, slots=True)
class Hung:
    """Installations as arrays of shape (n,); `factor` is what their energy is multiplied by."""

    owner: Ints
    start_ms: Ints
    end_ms: Ints
    reach_ms: Ints
    factor: Floats
    is_frequent: Bools
    has_limits: Bools

    def inside(self, quarters: Quarters) -> Bools:
        """(n, count): quarter-hours that lie wholly in an installation."""
        edges = quarters.edges_ms
        found: Bools = (edges[:-1] >= self.start_ms[:, None]) & (edges[1:] <= self.end_ms[:, None])
        return found

    def touched(self, quarters: Quarters) -> Bools:
        """(n, count): quarter-hours that have some of an installation in them."""
        edges = quarters.edges_ms
        found: Bools = (edges[1:] > self.start_ms[:, None]) & (edges[:-1] < self.end_ms[:, None])
        return found


def hung(installations: Sequence[Installation], owners: Ints) -> Hung:
    return Hung(
        owners,
        np.array([ms(one.start) for one in installations], np.int64),
        np.array([_FOREVER_MS if one.end is None else ms(one.end) for one in installations], np.int64),
        np.array([reach_ms(one.interval_s) for one in installations], np.int64),
        np.array([_factor(one.model, one.ct_ratio, one.pt_ratio) for one in installations], np.float64),
        np.array([one.interval_s * 1000 <= QUARTER_MS for one in installations], np.bool_),
        np.array([one.pt_ratio == 1 for one in installations], np.bool_),
    )


@lru_cache(1 << 12)
def _factor(model: str, ct: Decimal, pt: Decimal) -> float:
    return float(ratio_of(model, float(ct), float(pt)).factor(ENERGY))


def reach_ms(interval_s: int) -> int:
    """So far apart two readings may be for the register between them to be known: less than a missed one."""
    return min(max(interval_s * 1500, _LEAST_REACH_MS), _MOST_REACH_MS)


def registers_at(track: Track, these: Hung, when_ms: Ints) -> Floats:
    """(n, instants): each register between the readings around an instant; NaN if they are too far apart.

    A register that falls is known on neither side of its fall; a reading of the very instant needs no other.
    """
    found = np.full((len(these.owner), len(when_ms)), np.nan)
    if not len(track.at_ms):
        return found
    right = track.find(these.owner, when_ms)
    at, has = _reading(track, these, right)
    before, had = _reading(track, these, right - 1)
    last, first = track.values[_clip(right, track)], track.values[_clip(right - 1, track)]
    exact = has & (at == when_ms)
    near = had & has & (at - before <= these.reach_ms[:, None]) & (last >= first)
    share = (when_ms - before)[near] / (at - before)[near]
    found[near] = first[near] + (last - first)[near] * share
    found[exact] = last[exact]
    return found


def _clip(index: Ints, track: Track) -> Ints:
    clipped: Ints = np.clip(index, 0, len(track.at_ms) - 1)
    return clipped


def _reading(track: Track, these: Hung, index: Ints) -> tuple[Ints, Bools]:
    """When the readings at `index` were, and whether there is such a one of this installation."""
    place = _clip(index, track)
    at = track.at_ms[place]
    mine = (track.owner[place] == these.owner[:, None]) & (place == index)
    return at, mine & (at >= these.start_ms[:, None]) & (at < these.end_ms[:, None])


@dataclass(frozen=True, slots=True)
class MeterQuarters:
    """What installations say, each of shape (n, count); floats are NaN where not known."""

    due: Bools
    heard: Bools
    energy_wh: Floats
    low_v: Floats
    high_v: Floats


def meter_quarters(
    installations: Sequence[Installation], readings: Readings, quarters: Quarters
) -> MeterQuarters:
    these = hung(installations, readings.owners(installations))
    inside = these.inside(quarters)
    due = inside & these.is_frequent[:, None]
    energy = readings.track(ENERGY)
    heard = _heard(energy, these, quarters)
    rise = np.diff(registers_at(energy.only(energy.sound), these, quarters.edges_ms))
    shape = (len(installations), quarters.count)
    low, high = np.full(shape, np.nan), np.full(shape, np.nan)
    for quantity in VOLTAGES:
        track = readings.track(quantity)
        heard |= _heard(track, these, quarters)
        lowest, highest = _extremes(track, quarters, readings.count)
        low, high = np.fmin(low, lowest[these.owner]), np.fmax(high, highest[these.owner])
    limited = inside & these.has_limits[:, None]
    return MeterQuarters(
        due,
        heard & due,
        np.where(inside & (rise >= 0), rise * these.factor[:, None], np.nan),
        np.where(limited, low, np.nan),
        np.where(limited, high, np.nan),
    )


def _heard(track: Track, these: Hung, quarters: Quarters) -> Bools:
    found: Bools = np.diff(track.find(these.owner, quarters.edges_ms)) > 0
    return found


def _extremes(track: Track, quarters: Quarters, owners: int) -> tuple[Floats, Floats]:
    """(owners, count): the lowest and the highest sound voltage in each quarter-hour, NaN without one."""
    slot = (track.at_ms - quarters.start_ms) // QUARTER_MS
    used = track.sound & (slot >= 0) & (slot < quarters.count) & (track.values >= NO_VOLTAGE_V)
    low, high = np.full((owners, quarters.count), np.nan), np.full((owners, quarters.count), np.nan)
    place, values = (track.owner[used], slot[used]), track.values[used]
    np.fmin.at(low, place, values)
    np.fmax.at(high, place, values)
    return low, high
