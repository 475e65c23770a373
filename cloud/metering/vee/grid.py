"""The slots of a local day, and what the registers stood at on their boundaries.

A boundary's value is a stamp of the meter's own memory (freeze, profile) made at that instant, else it lies
on the line between two polled readings close enough around it, else it is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.kit.days import bounds
from cloud.metering.store import QUALITY_ID, SOURCE_ID, Columns, ms
from cloud.metering.vee.registers import advances
from protocols.readings import Quality, Source

_PREFERRED = (Source.FREEZE, Source.PROFILE, Source.IMPORT, Source.FIELD, Source.POLLED)
"""Of several values of one instant; unlike the store's order, the meter's own stamps come first."""
_RANK = np.zeros(len(SOURCE_ID), np.int64)
for _rank, _source in enumerate(_PREFERRED):
    _RANK[SOURCE_ID[_source]] = _rank
_POLLED = SOURCE_ID[Source.POLLED]


@dataclass(frozen=True, slots=True)
class Grid:
    """A local day cut into slots: boundary i begins slot i, the last one ends the day."""

    day: date
    start: datetime
    interval_s: int
    bounds_ms: NDArray[np.int64]

    @property
    def slots(self) -> int:
        return len(self.bounds_ms) - 1

    def slot_of(self, at_ms: int) -> int:
        """The slot that holds an instant; below 0 or from `slots` on: it lies outside."""
        return int((at_ms - self.bounds_ms[0]) // (self.interval_s * 1000))


@dataclass(frozen=True, slots=True)
class Span:
    """Readings of one meter count from `start_ms` to `end_ms`, both included, while it stood at a point.

    `meter` is its index in the columns; `limit_ms` how far apart two readings may bridge a boundary;
    `modulus_wh` and `most_w` belong to its register as it is read: where it rolls over, what it can take.
    """

    meter: int
    start_ms: int
    end_ms: int
    limit_ms: int
    modulus_wh: float
    most_w: float


@lru_cache(maxsize=1024)
def grid(day: date, zone: tzinfo, interval_s: int) -> Grid:
    """`day` in `zone`: 92, 96 or 100 slots of 15 minutes. An interval that does not fit cuts its end."""
    start, end = bounds(day, zone)
    slots = round((end - start).total_seconds()) // interval_s
    bounds_ms = ms(start) + np.arange(slots + 1, dtype=np.int64) * interval_s * 1000
    bounds_ms.flags.writeable = False  # many share it
    return Grid(day, start, interval_s, bounds_ms)


def boundaries(columns: Columns, spans: Sequence[Span], bounds_ms: NDArray[np.int64]) -> NDArray[np.float64]:
    """(spans, boundaries) register values in the meter's own Wh, interpolated ones not rounded; NaN unknown.

    SUSPECT values count for nothing here, and a stamp of a meter whose clock is off only as a reading.
    """
    found = np.full((len(spans), len(bounds_ms)), np.nan)
    key, at, value = _preferred(columns)
    if not len(at) or not spans:
        return found
    base, width = int(columns.at_ms.min()), int(columns.at_ms.max() - columns.at_ms.min()) + 1
    base, width = min(base, int(bounds_ms[0])), width + int(bounds_ms[-1] - bounds_ms[0]) + 2**40
    line = key * width + (at - base)
    wanted = np.array([each.meter for each in spans], np.int64)[:, None] * width + (bounds_ms - base)[None, :]
    right = np.searchsorted(line, wanted)
    left = np.where(_at(line, right) == wanted, right, right - 1)
    start, end, limit = (np.array([getattr(each, name) for each in spans])[:, None] for name in _EDGES)
    meter = np.array([each.meter for each in spans])[:, None]
    at_left, at_right = _at(at, left), _at(at, right)
    usable = (
        (_at(key, left) == meter) & (_at(key, right) == meter) & (left >= 0) & (right < len(line))
        & (at_left >= start) & (at_right <= end) & (at_right - at_left <= limit)
    )  # fmt: skip
    between = _between(spans, _at(value, left), _at(value, right), at_left, at_right, bounds_ms)
    found[usable] = between[usable]
    return found


_EDGES = ("start_ms", "end_ms", "limit_ms")


def _at(items: NDArray[Any], index: NDArray[np.int64]) -> NDArray[Any]:
    return items[np.clip(index, 0, len(items) - 1)]


def _between(
    spans: Sequence[Span],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    at_low: NDArray[np.int64],
    at_high: NDArray[np.int64],
    bounds_ms: NDArray[np.int64],
) -> NDArray[np.float64]:
    modulus = np.broadcast_to(np.array([each.modulus_wh for each in spans])[:, None], low.shape)
    apart_s = np.maximum(at_high - at_low, 1) / 1000
    most = np.array([each.most_w for each in spans])[:, None] * apart_s / 3600
    share = np.where(at_high > at_low, (bounds_ms[None, :] - at_low) / (apart_s * 1000), 0.0)
    value = low + advances(low, high, most, modulus) * share
    with np.errstate(invalid="ignore"):
        return np.where(value >= modulus, value - modulus, value)


def _preferred(columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """One value for each (meter, instant), in that order."""
    good = columns.quality != QUALITY_ID[Quality.SUSPECT]
    off = (columns.quality == QUALITY_ID[Quality.METER_CLOCK_OFF]) & (columns.source != _POLLED)
    good &= ~off
    meter, at = columns.meter[good].astype(np.int64), columns.at_ms[good]
    rank, value = _RANK[columns.source[good]], columns.values[good].astype(np.float64)
    order = np.lexsort((rank, at, meter))
    meter, at, value = meter[order], at[order], value[order]
    first = np.ones(len(at), np.bool_)
    first[1:] = (meter[1:] != meter[:-1]) | (at[1:] != at[:-1])
    return meter[first], at[first], value[first]
