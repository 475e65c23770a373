"""Load-duration points: exact order statistics of long rows without sorting, and counts near the highest."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

BINS = 4096


@compiled
def _edges(row: NDArray[Any]) -> tuple[int, float, float]:
    """How many are there, the lowest and the highest."""
    count, low, high = 0, np.inf, -np.inf
    for slot in range(len(row)):
        value = row[slot]
        if not np.isnan(value):
            count += 1
            low = min(low, value)
            high = max(high, value)
    return count, low, high


@compiled
def _binned(row: NDArray[Any], low: float, scale: float, bins: NDArray[Any], counts: NDArray[Any]) -> None:
    """The bin of each value, BINS where there is none; `counts` has one place more than there are bins."""
    counts[:] = 0
    for slot in range(len(row)):
        value = row[slot]
        place = BINS if np.isnan(value) else min(int((value - low) * scale), BINS - 1)
        bins[slot] = place
        counts[place] += 1


@compiled
def _ranked(row: NDArray[Any], bins: NDArray[Any], wanted: int, count: int, rank: int) -> float:
    """The value of a rank, highest first, among the `count` values of one bin."""
    inside = np.empty(count, row.dtype)
    there = 0
    for slot in range(len(row)):
        if bins[slot] == wanted:
            inside[there] = row[slot]
            there += 1
    inside.sort()
    return inside[count - 1 - rank]  # type: ignore[no-any-return]


@compiled
def duration(
    values: NDArray[Any],
    shares: NDArray[np.float64],
    of_highest: NDArray[np.float64],
    points: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> None:
    """Of rows (rows, slots): `points` (rows, shares), `counts` (rows, of_highest); NaN slots are left out.

    A point is the value that is reached or passed for at least that share of the known slots: the one of rank
    ceil(share * n), highest first. `counts` are slots at or above that part of the highest, 0 where that is
    not above 0.
    """
    bins = np.empty(values.shape[1], np.int16)
    histogram = np.empty(BINS + 1, np.int64)
    for row in range(len(values)):
        of = values[row]
        count, low, high = _edges(of)
        points[row], counts[row] = np.nan, 0
        if count == 0:
            continue
        for place in range(len(of_highest)):
            if high > 0:
                counts[row, place] = np.sum(of >= of_highest[place] * high)
        _binned(of, low, (BINS - 1) / (high - low) if high > low else 0.0, bins, histogram)
        for place in range(len(shares)):
            rank = min(max(int(np.ceil(shares[place] * count)) - 1, 0), count - 1)
            at = BINS - 1
            while rank >= histogram[at]:
                rank -= histogram[at]
                at -= 1
            points[row, place] = _ranked(of, bins, at, histogram[at], rank)
