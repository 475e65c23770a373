"""Fills the holes of a day by the ladder, the first step that applies; pure, and exact to the Wh.

1 the registers on both sides say how much: a shape is scaled to it and nothing is lost. 2 up to two hours: a
straight line, never over midnight. 3 like days. 4 the class's profile. 5 in an outage: zero, no estimate.
Where supply itself is in doubt the steps 2 to 4 stop and the hole stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cloud.metering.vee.point_day import ESTIMATES, Flag, Method
from cloud.metering.vee.policy import EstimateLimits
from cloud.metering.vee.shapes import Shape

NOTHING: NDArray[np.float64] = np.empty(0)


@dataclass(frozen=True, slots=True)
class Gap:
    """Slots `first` up to and without `last` of a day hold no value; `wh`: what the registers say they hold.

    A gap that goes on over midnight brings the weights of its slots on other days, `before` and `after` this
    one, and `weights` of its own: `wh` is then what all of them hold together.
    """

    first: int
    last: int
    wh: int | None = None
    before: NDArray[np.float64] = field(default_factory=lambda: NOTHING)
    weights: NDArray[np.float64] | None = None
    after: NDArray[np.float64] = field(default_factory=lambda: NOTHING)
    references: tuple[date, ...] = ()

    @property
    def crosses_midnight(self) -> bool:
        return len(self.before) + len(self.after) > 0


@dataclass(frozen=True, slots=True)
class Filled:
    """`final_wh`, `method`, `flags` (OUTAGE, MD_ESTIMATED): each (slots,); the days it was made after."""

    final_wh: NDArray[np.float64]
    method: NDArray[np.uint8]
    flags: NDArray[np.uint32]
    references: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Of each slot: `outage`: there was no supply; `unsure`: nobody knows whether there was."""

    outage: NDArray[np.bool_]
    unsure: NDArray[np.bool_]


def gaps(wh: NDArray[np.float64]) -> list[tuple[int, int]]:
    """(first, last) of each run of NaN, `last` not included."""
    unknown = np.isnan(wh)
    if not unknown.any():
        return []
    missing = np.concatenate(([False], unknown, [False]))
    turns = np.flatnonzero(missing[1:] != missing[:-1])
    return [(int(first), int(last)) for first, last in zip(turns[::2], turns[1::2], strict=True)]


def share_out(total: int, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers in proportion to the weights whose sum is exactly `total`: largest remainder, first wins.

    Weights that are not known or all 0 share alike. ValueError for a total below 0 or nobody to share.
    """
    if total < 0 or not len(weights):
        raise ValueError(f"{total} cannot be shared among {len(weights)}")
    sound = np.where(np.isfinite(weights) & (weights > 0), weights, 0.0)
    high = sound.max()
    sound = sound / high if high > 0 else np.ones(len(weights))
    exact = sound * (total / sound.sum())
    parts = np.floor(exact).astype(np.int64)
    rest = total - int(parts.sum())
    order = np.argsort(parts - exact, kind="stable")
    whole, odd = divmod(rest, len(parts))  # a rest below 0 or above the count comes of rounding only
    parts += whole
    parts[order[:odd]] += 1
    return _none_below_zero(parts)


def _none_below_zero(parts: NDArray[np.int64]) -> NDArray[np.int64]:
    lack = int(-parts[parts < 0].sum())
    parts = np.maximum(parts, 0)
    while lack:
        slot = int(parts.argmax())
        taken = min(lack, int(parts[slot]))
        parts[slot] -= taken
        lack -= taken
    return parts


def fill(
    raw_wh: NDArray[np.float64],
    holes: Sequence[Gap],
    doubt: Doubt,
    shape: Shape | None,
    limits: EstimateLimits,
) -> Filled:
    """The final values of a day; what is known stays as it is.

    `shape` is a like day or a class's profile, whichever the length of the hole allows, or None.
    """
    final, method = raw_wh.copy(), np.full(len(raw_wh), Method.MEASURED, np.uint8)
    if not holes and not doubt.outage.any():
        return Filled(final, method, np.zeros(len(raw_wh), np.uint32), ())
    method[np.isnan(raw_wh)] = Method.MISSING
    references: tuple[date, ...] = ()
    for hole in holes:
        values, how, days = _one(raw_wh, hole, doubt, shape, limits)
        final[hole.first : hole.last], method[hole.first : hole.last] = values, how
        references += tuple(day for day in days if day not in references)
    return Filled(final, method, _marks(raw_wh, final, method, doubt), tuple(sorted(references)))


_Part = tuple[NDArray[np.float64], NDArray[np.uint8], tuple[date, ...]]


def _one(
    raw: NDArray[np.float64], hole: Gap, doubt: Doubt, shape: Shape | None, limits: EstimateLimits
) -> _Part:
    if hole.wh is not None:
        return _by_register(raw, hole, doubt, shape, limits)
    part = slice(hole.first, hole.last)
    outage, unsure = doubt.outage[part], doubt.unsure[part]
    line = _line(raw, hole, doubt, limits)
    days: tuple[date, ...] = ()
    if line is not None:
        values, how = line, Method.INTERPOLATED
    elif shape is not None:
        values, how, days = shape.wh[part], shape.method, shape.references
    else:
        values, how = np.full(hole.last - hole.first, np.nan), Method.MISSING
    values = np.where(unsure, np.nan, np.rint(values))
    values = np.where(outage, 0.0, values)
    method = np.where(np.isnan(values), Method.MISSING, how)
    method = np.where(outage, Method.OUTAGE_ZERO, method).astype(np.uint8)
    return values, method, days if np.any(method == how) else ()


def _by_register(
    raw: NDArray[np.float64], hole: Gap, doubt: Doubt, shape: Shape | None, limits: EstimateLimits
) -> _Part:
    assert hole.wh is not None
    outage, days = doubt.outage[hole.first : hole.last], hole.references
    weights = hole.weights
    if weights is None:
        weights = _line(raw, hole, doubt, limits)
    if weights is None:
        usable = shape is not None and bool(np.nansum(shape.wh[hole.first : hole.last]) > 0)
        weights = shape.wh[hole.first : hole.last] if shape and usable else np.ones(len(outage))
        days = shape.references if shape and usable else ()
    if hole.weights is None:
        weights = _without(weights, outage)  # those of a gap over midnight come without, the same on each day
    whole = np.concatenate((hole.before, weights, hole.after))
    if not np.nansum(whole) > 0 and hole.wh:
        # the outage was not as long as it was told: the registers know better, and nothing is lost
        whole, outage = np.ones(len(whole)), np.zeros(len(outage), np.bool_)
    mine = share_out(hole.wh, whole)[len(hole.before) : len(hole.before) + len(outage)].astype(np.float64)
    method = np.where(outage & (mine == 0), Method.OUTAGE_ZERO, Method.REGISTER_SHAPED).astype(np.uint8)
    return mine, method, days


def _without(weights: NDArray[np.float64], outage: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(outage, 0.0, np.nan_to_num(weights))


def _line(
    raw: NDArray[np.float64], hole: Gap, doubt: Doubt, limits: EstimateLimits
) -> NDArray[np.float64] | None:
    """Between two measured neighbours of the same day, neither of which lost its supply."""
    count = hole.last - hole.first
    left, right = hole.first - 1, hole.last
    if count > limits.linear_slots or left < 0 or right >= len(raw) or hole.crosses_midnight:
        return None
    if np.any(np.isnan(raw[[left, right]])) or np.any((doubt.outage | doubt.unsure)[left : right + 1]):
        return None
    steps = np.arange(1, count + 1, dtype=np.float64) / (count + 1)
    return np.asarray(raw[left] + (raw[right] - raw[left]) * steps)


def _marks(
    raw: NDArray[np.float64], final: NDArray[np.float64], method: NDArray[np.uint8], doubt: Doubt
) -> NDArray[np.uint32]:
    out = doubt.outage & ((method == Method.OUTAGE_ZERO) | (raw == 0))
    flags = np.where(out, np.uint32(Flag.OUTAGE), np.uint32(0))
    estimated = np.isin(method, list(ESTIMATES))
    highest = np.nanmax(np.where(estimated, np.nan, final), initial=-np.inf)
    return np.asarray(
        flags | np.where(estimated & (final >= highest), np.uint32(Flag.MD_ESTIMATED), np.uint32(0))
    )
