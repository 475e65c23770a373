"""Kernels of the day-ahead forecast: means of days alike, features of the lags.

`values` float32 (points, days, slots) kW, NaN where missing. `candidates` int64 (targets, most), for each
target the days like it, latest first, -1 behind the last. `usable` bool (points, days). Loops over slots lie
innermost, so that one instruction serves many slots.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

FEATURES = (
    "mean", "median", "weighted", "day_before", "two_before", "week_before", "fortnight_before", "last_week",
    "smooth", "spread", "lowest", "level", "newest_day", "newest_week", "slot", "day_type", "newest_type",
    "weekday",
)  # fmt: skip
"""What `features` fills in, in this order; energies in parts of the customer's own mean of 28 days."""
WEIGHT = 0.7
"""Of a day alike, for each such day after it: measured on SimBench, 10 days."""
MOST = 10


@compiled
def similar_means(
    values: NDArray[Any],
    usable: NDArray[Any],
    candidates: NDArray[Any],
    count: int,
    out: NDArray[Any],
    used: NDArray[Any],
) -> None:
    """Fill out (points, targets, slots) with the mean of the `count` latest usable days; `used` how many.

    A slot that none of them has is NaN.
    """
    points, _, slots = values.shape
    total = np.empty(slots, np.float32)
    known = np.empty(slots, np.float32)
    zero = np.float32(0)
    one = np.float32(1)
    for p in range(points):
        for t in range(candidates.shape[0]):
            total[:] = zero
            known[:] = zero
            number = 0
            for c in range(candidates.shape[1]):
                day = candidates[t, c]
                if day < 0 or number == count:
                    break
                if not usable[p, day]:
                    continue
                row = values[p, day]
                for s in range(slots):
                    there = row[s] == row[s]
                    total[s] += row[s] if there else zero
                    known[s] += one if there else zero
                number += 1
            used[p, t] = number
            for s in range(slots):
                out[p, t, s] = total[s] / known[s] if known[s] > zero else np.float32(np.nan)


@compiled
def features(
    values: NDArray[Any],
    usable: NDArray[Any],
    alike: NDArray[Any],
    last: int,
    target: int,
    count: int,
    marks: NDArray[Any],
    out: NDArray[Any],
    scale: NDArray[Any],
    used: NDArray[Any],
) -> None:
    """Fill out (points, slots, FEATURES) for one target day of which nothing after day `last` is known.

    `alike` int64 (most,): one row of candidates. `target` may lie behind the last day of `values`. `marks`
    float32 (3,): day type of the target and of `last`, weekday. `scale` float32 (points,): mean of the last
    28 days, NaN where that is unknown or 0.
    """
    points, _, slots = values.shape
    chosen = np.empty((MOST, slots), np.float32)
    few = np.empty(count, np.float32)
    nan = np.float32(np.nan)
    for p in range(points):
        newest = _mean(values[p], last, last + 1)
        week = _mean(values[p], last - 6, last + 1)
        three = _mean(values[p], last - 20, last + 1)
        four = _mean(values[p], last - 27, last + 1)
        number = 0
        for c in range(alike.shape[0]):
            if alike[c] < 0 or number == MOST:
                break
            if usable[p, alike[c]]:
                chosen[number] = values[p, alike[c]]
                number += 1
        used[p] = min(number, count)
        scale[p] = four if four > 0 else nan
        unit = np.float32(1) / scale[p]
        level = week / three if three > 0 else nan
        for s in range(slots):
            row = out[p, s]
            _of_alike(chosen, min(number, count), number, s, few, row)
            for k in range(3):
                row[k] *= unit
            row[9] *= unit
            row[10] *= unit
            row[3] = _at(values[p], target - 1, last, s) * unit
            row[4] = _at(values[p], target - 2, last, s) * unit
            row[5] = _at(values[p], target - 7, last, s) * unit
            row[6] = _at(values[p], target - 14, last, s) * unit
            row[7] = _of_week(values[p], last, s) * unit
            row[11] = level
            row[12] = newest * unit
            row[13] = week * unit
            row[14] = s * (np.float32(96) / slots)
            row[15] = marks[0]
            row[16] = marks[1]
            row[17] = marks[2]
        for s in range(slots):
            out[p, s, 8] = _around(out[p], s, slots)


@compiled
def _mean(own: NDArray[Any], first: int, until: int) -> np.float32:
    total, known = 0.0, 0
    for day in range(max(first, 0), min(until, own.shape[0])):
        for s in range(own.shape[1]):
            value = own[day, s]
            if value == value:
                total += value
                known += 1
    return np.float32(total / known) if known else np.float32(np.nan)


@compiled
def _at(own: NDArray[Any], day: int, last: int, s: int) -> Any:
    return own[day, s] if 0 <= day <= last else np.float32(np.nan)


@compiled
def _of_week(own: NDArray[Any], last: int, s: int) -> np.float32:
    total, known = np.float32(0), np.float32(0)
    for day in range(max(last - 6, 0), last + 1):
        value = own[day, s]
        if value == value:
            total += value
            known += np.float32(1)
    return total / known if known > 0 else np.float32(np.nan)


@compiled
def _of_alike(
    chosen: NDArray[Any], some: int, all_of_them: int, s: int, few: NDArray[Any], row: NDArray[Any]
) -> None:
    """Mean, median and spread of the `some` latest at slot s, the weighted mean of all, and their lowest."""
    nan = np.float32(np.nan)
    total, weighed, weights, weight = np.float32(0), np.float32(0), np.float32(0), np.float32(1)
    known = 0
    for d in range(all_of_them):
        value = chosen[d, s]
        if value == value:
            weighed += weight * value
            weights += weight
            if d < some:
                total += value
                place = known
                while place > 0 and few[place - 1] > value:
                    few[place] = few[place - 1]
                    place -= 1
                few[place] = value
                known += 1
        weight *= np.float32(WEIGHT)
    row[2] = weighed / weights if weights > 0 else nan
    row[0] = total / np.float32(known) if known else nan
    row[1] = np.float32(0.5) * (few[known // 2] + few[(known - 1) // 2]) if known else nan
    row[9] = few[known - 1] - few[0] if known else nan
    row[10] = few[0] if known else nan


@compiled
def _around(rows: NDArray[Any], s: int, slots: int) -> np.float32:
    """The mean of `mean` over five slots; the day's ends have fewer."""
    total, known = np.float32(0), 0
    for other in range(max(s - 2, 0), min(s + 3, slots)):
        value = rows[other, 0]
        if value == value:
            total += value
            known += 1
    return total / np.float32(known) if known else np.float32(np.nan)
