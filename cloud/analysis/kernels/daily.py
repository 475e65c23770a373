"""The daily indicators, sixteen days at a time: the days are turned so that a slot of all is one value.

Nothing branches on what a load is; `now == now` is false of NaN alone. Sums are of float32: a day of 96 slots
loses about 1e-6 of itself, and the deviation is taken about the mean. Wh go in and are scaled at the end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled
from cloud.analysis.kernels.lanes import (
    LANES,
    Lanes,
    fetch,
    higher,
    load,
    lower,
    magnitude,
    pick,
    product_and_sum,
    root,
    spread,
    store,
    store_first,
    total_of_bytes,
    turn,
)

BANDS, PARTS = 5, 3
CORE, ALL = 13, 26
_HIGH_BANDS = 2
_ROOM = 2 * LANES  # columns of a block's results, turned twice by sixteen
_NO_MARKS = np.zeros(0, np.uint8)
_INF, _NAN = np.float32(np.inf), np.float32(np.nan)
_ZERO, _ONE, _NEAR_MAX = np.float32(0), np.float32(1), np.float32(0.95)


@dataclass(frozen=True, slots=True)
class Days:
    """Days of one length and one table: slot `first` of the rows is where day `place` of the result begins.

    `classes` int8 (slots,): band + 5 × part of the day (1 night, 2 daytime); `parts_known`: whether the
    latter says anything.
    """

    slots: int
    first: NDArray[np.int64]
    place: NDArray[np.int64]
    classes: NDArray[np.int8]
    parts_known: bool


def fill_days(
    wh: NDArray[np.float32],
    estimated: NDArray[np.bool_] | None,
    days: Days,
    interval_s: int,
    begin: int,
    end: int,
    out: NDArray[np.float32],
) -> None:
    """Days [begin, end) of (points × days) into `out` (points, all days, 13 or 26), which is contiguous."""
    order = np.argsort(days.classes, kind="stable").astype(np.int64)
    cuts = np.searchsorted(days.classes[order], np.arange(BANDS * PARTS + 1)).astype(np.int64)
    marks = _NO_MARKS if estimated is None else _flat(estimated.view(np.uint8))
    shape = (days.slots, wh.shape[1], out.shape[1], out.shape[2])
    scale = (np.float32(interval_s / 3.6), np.float32(3600 / interval_s))
    tables = (days.first, days.place, order, cuts)
    _fill(_flat(wh), marks, tables, shape, scale, days.parts_known, begin, end, out.reshape(-1))


def _flat(rows: NDArray[Any]) -> NDArray[Any]:
    """One kind of array for the compiler, whether or not it may be written to."""
    flat = np.ascontiguousarray(rows).reshape(-1)
    flat.flags.writeable = False
    return flat


@compiled
def _starts(
    block: int, end: int, tables: Any, shape: Any, sources: NDArray[np.int64], targets: NDArray[np.int64]
) -> None:
    """Where each of sixteen days begins in the input and the result; after the last it is the last again."""
    first, place, _, _ = tables
    _, width, days, columns = shape
    point, day = block // len(first), block % len(first)
    for lane in range(LANES):
        sources[lane] = point * width + first[day]
        targets[lane] = (point * days + place[day]) * columns
        if block + lane < end - 1:
            day += 1
            if day == len(first):
                point, day = point + 1, 0


@compiled
def _turned(
    wh: NDArray[np.float32],
    sources: NDArray[np.int64],
    slots: int,
    loads: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> None:
    """Sixteen days into `loads`: the loads of slot s from s × 16 on."""
    if slots < LANES:
        for slot in range(slots):
            for lane in range(LANES):
                loads[slot * LANES + lane] = wh[sources[lane] + slot]
        return
    for slot in range(0, slots - LANES + 1, LANES):
        turn(wh, sources, slot, loads, rows, slot)
    if slots % LANES:
        turn(wh, sources, slots - LANES, loads, rows, slots - LANES)


@compiled
def _walk(
    loads: NDArray[np.float32], slots: int, wh: NDArray[np.float32], ahead: NDArray[np.int64]
) -> tuple[Lanes, ...]:
    """Count, highest with its slot, steepest step, the five lowest; meanwhile the next days are fetched."""
    zero, one, inf, none = spread(_ZERO), spread(_ONE), spread(_INF), spread(-_INF)
    count = at = slot = zero
    high = ramp = none
    low = second = third = fourth = fifth = inf
    before = spread(_NAN)
    for s in range(slots):
        fetch(wh, ahead[s % LANES] + s // LANES * LANES)
        now = load(loads, s * LANES)
        at = pick(now > high, slot, at)
        high = higher(now, high)
        ramp = higher(magnitude(now - before), ramp)
        before = now
        known = now == now
        count = count + pick(known, one, zero)
        now = pick(known, now, inf)
        now, low = higher(now, low), lower(now, low)
        now, second = higher(now, second), lower(now, second)
        now, third = higher(now, third), lower(now, third)
        now, fourth = higher(now, fourth), lower(now, fourth)
        fifth = lower(now, fifth)
        slot = slot + one
    return count, high, at, ramp, low, second, third, fourth, fifth


@compiled
def _class_sums(loads: NDArray[np.float32], tables: Any, sums: NDArray[np.float32]) -> None:
    """The sum of each class from class × 16 on."""
    zero = spread(_ZERO)
    _, _, order, cuts = tables
    for each in range(BANDS * PARTS):
        total = zero
        for place in range(cuts[each], cuts[each + 1]):
            now = load(loads, order[place] * LANES)
            total = total + pick(now == now, now, zero)
        store(sums, each * LANES, total)


@compiled
def _band(sums: NDArray[np.float32], band: int) -> Lanes:
    night, daytime = (band + BANDS) * LANES, (band + 2 * BANDS) * LANES
    return load(sums, band * LANES) + load(sums, night) + load(sums, daytime)


@compiled
def _part(sums: NDArray[np.float32], part: int) -> Lanes:
    total = spread(_ZERO)
    for band in range(BANDS):
        total = total + load(sums, (band + part * BANDS) * LANES)
    return total


@compiled
def _deviation(loads: NDArray[np.float32], slots: int, count: Lanes, mean: Lanes) -> Lanes:
    """Root of the mean square about the mean, mended for what rounding left in the mean."""
    zero = spread(_ZERO)
    rest = squares = zero
    for s in range(slots):
        off = load(loads, s * LANES) - mean
        off = pick(off == off, off, zero)
        rest = rest + off
        squares = product_and_sum(off, off, squares)
    return root(higher((squares - rest * rest / count) / count, zero))


@compiled
def _runs(loads: NDArray[np.float32], slots: int, high: Lanes) -> tuple[Lanes, ...]:
    """Slot of the lowest, slots near the highest, longest runs of 0 and of another value, third highest."""
    zero, one, none = spread(_ZERO), spread(_ONE), spread(-_INF)
    near = spread(_NEAR_MAX) * high
    at = slot = count = same = zeros = frozen = zero
    low = spread(_INF)
    first = second = third = none
    before = spread(_NAN)
    for s in range(slots):
        now = load(loads, s * LANES)
        at = pick(now < low, slot, at)
        low = lower(now, low)
        count = count + pick(now >= near, one, zero)
        same = one + pick(now == before, same, zero)
        before = now
        zeros = higher(pick(now == zero, same, zero), zeros)
        frozen = higher(pick(magnitude(now) > zero, same, zero), frozen)
        now = pick(now == now, now, none)
        now, first = lower(now, first), higher(now, first)
        now, second = lower(now, second), higher(now, second)
        third = higher(now, third)
        slot = slot + one
    return at, count, zeros, frozen, third


@compiled
def _highest(loads: NDArray[np.float32], tables: Any) -> Lanes:
    """The highest load of the sharp and peak bands."""
    _, _, order, cuts = tables
    high = spread(-_INF)
    for part in range(PARTS):
        for place in range(cuts[part * BANDS], cuts[part * BANDS + _HIGH_BANDS]):
            high = higher(load(loads, order[place] * LANES), high)
    return high


@compiled
def _marked(marks: NDArray[np.uint8], start: int, slots: int) -> int:
    """How many marks are set."""
    total = 0
    whole = slots // LANES * LANES
    for slot in range(0, whole, LANES):
        total += total_of_bytes(marks, start + slot)
    for slot in range(whole, slots):
        total += marks[start + slot]
    return total


@compiled
def _core(loads: Any, sums: Any, slots: int, wh_of_kw: Any, found: Any, results: NDArray[np.float32]) -> None:
    """Columns 0 to 12."""
    count, high, at, ramp, low, second, third, fourth, fifth = found
    nan, zero, scale = spread(_NAN), spread(_ZERO), spread(wh_of_kw)
    total = zero
    for band in range(BANDS):
        total = total + _band(sums, band)
    some = count > zero
    ratio = (high > zero) & (low >= zero)
    store(results, 0 * LANES, pick(some, total / spread(np.float32(1000)), nan))
    store(results, 1 * LANES, pick(some, high / scale, nan))
    store(results, 2 * LANES, pick(some, low / scale, nan))
    store(results, 3 * LANES, pick(some, at, nan))
    store(results, 4 * LANES, pick(ratio, total / count / high, nan))
    store(results, 5 * LANES, pick(ratio, (high - low) / high, nan))
    for band in range(BANDS - 1):
        store(results, (6 + band) * LANES, pick(ratio, _band(sums, band) / total, nan))
    store(results, 10 * LANES, pick(ramp >= zero, ramp / scale, nan))
    deviation = _deviation(loads, slots, count, total / count)
    store(results, 11 * LANES, pick(some, deviation / scale, nan))
    rank = min(5, (slots + 19) // 20)
    base = low
    if rank == 2:
        base = second
    elif rank == 3:
        base = third
    elif rank == 4:
        base = fourth
    elif rank == 5:
        base = fifth
    enough = count >= spread(np.float32(rank))
    store(results, 12 * LANES, pick(enough, base / scale, nan))


@compiled
def _rest(
    loads: Any,
    sums: Any,
    tables: Any,
    slots: int,
    scales: Any,
    parts_known: bool,
    found: Any,
    results: NDArray[np.float32],
) -> None:
    """Columns 13 to 25 but for the estimated slots."""
    count, high, _, _, low, _, _, _, _ = found
    nan, zero, scale = spread(_NAN), spread(_ZERO), spread(scales[0])
    total = _part(sums, 0) + _part(sums, 1) + _part(sums, 2)
    some = count > zero
    ratio = (high > zero) & (low >= zero)
    at, near, zeros, frozen, third = _runs(loads, slots, high)
    store(results, 13 * LANES, pick(some, at, nan))
    store(results, 14 * LANES, pick(ratio, low / high, nan))
    store(results, 15 * LANES, pick(some, (high - low) / scale, nan))
    store(results, 16 * LANES, pick(ratio, _band(sums, BANDS - 1) / total, nan))
    store(results, 17 * LANES, count)
    store(results, 19 * LANES, pick(high > zero, near / spread(scales[1]), nan))
    store(results, 20 * LANES, pick(ratio, _part(sums, 1) / total, nan) if parts_known else nan)
    store(results, 21 * LANES, pick(ratio, _part(sums, 2) / total, nan) if parts_known else nan)
    store(results, 22 * LANES, pick(some, zeros, nan))
    store(results, 23 * LANES, pick(some, frozen, nan))
    store(results, 24 * LANES, pick(third > zero, high / third, nan))
    band_high = _highest(loads, tables)
    store(results, 25 * LANES, pick(band_high > spread(-_INF), band_high / scale, nan))


@compiled
def _written(
    results: Any, rows: Any, turned: Any, out: NDArray[np.float32], targets: NDArray[np.int64], columns: int
) -> None:
    """The columns of sixteen days as rows of the result; days that are there twice are written twice."""
    turn(results, rows, 0, turned, rows, 0)
    for lane in range(LANES):
        store_first(out, targets[lane], load(turned, lane * LANES), min(columns, LANES))
    if columns > LANES:
        turn(results, rows[LANES:], 0, turned, rows, 0)
        for lane in range(LANES):
            store_first(out, targets[lane] + LANES, load(turned, lane * LANES), columns - LANES)


@compiled
def _fill(
    wh: NDArray[np.float32],
    marks: NDArray[np.uint8],
    tables: Any,
    shape: Any,
    scales: Any,
    parts_known: bool,
    begin: int,
    end: int,
    out: NDArray[np.float32],
) -> None:
    slots, _, _, columns = shape
    loads = np.empty(slots * LANES, np.float32)
    sums = np.empty(BANDS * PARTS * LANES, np.float32)
    results = np.full(_ROOM * LANES, _NAN, np.float32)
    turned = np.empty(LANES * LANES, np.float32)
    rows = np.arange(max(slots, _ROOM)) * LANES
    sources, targets = np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    ahead, targets_ahead = np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    if begin < end:
        _starts(begin, end, tables, shape, sources, targets)
    for block in range(begin, end, LANES):
        _starts(min(block + LANES, end - 1), end, tables, shape, ahead, targets_ahead)
        _turned(wh, sources, slots, loads, rows)
        found = _walk(loads, slots, wh, ahead)
        _class_sums(loads, tables, sums)
        _core(loads, sums, slots, scales[0], found, results)
        if columns > CORE:
            _rest(loads, sums, tables, slots, scales, parts_known, found, results)
            if len(marks):
                for lane in range(LANES):
                    results[18 * LANES + lane] = _marked(marks, sources[lane], slots)
        _written(results, rows, turned, out, targets, columns)
        sources, ahead = ahead, sources
        targets, targets_ahead = targets_ahead, targets
