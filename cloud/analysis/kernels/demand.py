"""Maximum demand (最大需量): the highest sum over a window that slides, and over windows side by side.

Every window is summed anew, from sums of its parts: nothing is ever subtracted, so nothing drifts. A window
with a hole is no window. Of equal ones the first counts.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

CHUNK = 512
"""So many windows at a time: their sums stay in the first cache."""
STRETCH = 16 * CHUNK
"""So many before it is seen whether they hold the highest of all."""
LANES = 64
BANDS = 5


@compiled
def _two(found: NDArray[Any], a: NDArray[Any], b: NDArray[Any], count: int) -> None:
    for j in range(count):
        found[j] = a[j] + b[j]


@compiled
def _three(found: NDArray[Any], a: NDArray[Any], b: NDArray[Any], c: NDArray[Any], count: int) -> None:
    for j in range(count):
        found[j] = a[j] + b[j] + c[j]


@compiled
def _five(
    found: NDArray[Any],
    a: NDArray[Any],
    b: NDArray[Any],
    c: NDArray[Any],
    d: NDArray[Any],
    e: NDArray[Any],
    count: int,
) -> None:
    for j in range(count):
        found[j] = (a[j] + b[j]) + (c[j] + d[j]) + e[j]


@compiled
def _many(found: NDArray[Any], part: NDArray[Any], span: int, factor: int, count: int) -> None:
    for j in range(count):
        found[j] = part[j]
    for turn in range(1, factor):
        ahead = part[turn * span :]
        for j in range(count):
            found[j] += ahead[j]


@compiled
def _longer(found: NDArray[Any], part: NDArray[Any], span: int, factor: int, count: int) -> None:
    """`found[j]` is the sum of `factor` sums of `span` slots, `part[j]`, `part[j + span]` …"""
    if factor == 2:
        _two(found, part, part[span:], count)
    elif factor == 3:
        _three(found, part, part[span:], part[2 * span :], count)
    elif factor == 5:
        _five(found, part, part[span:], part[2 * span :], part[3 * span :], part[4 * span :], count)
    else:
        _many(found, part, span, factor, count)


@compiled
def _factors(width: int) -> NDArray[np.int64]:
    """Prime factors, rising; of 1 one 1."""
    found = np.ones(64, np.int64)
    count, rest, by = 0, width, 2
    while rest > 1:
        if rest % by:
            by += 1
            continue
        found[count] = by
        count, rest = count + 1, rest // by
    return found[: max(count, 1)]


@compiled
def _sums(
    row: NDArray[Any], count: int, factors: NDArray[np.int64], found: NDArray[Any], scratch: NDArray[Any]
) -> None:
    """`found[j]` is the sum of `row[j : j + width]`, where `factors` make the width; scratch (2, enough)."""
    width = 1
    for factor in factors:
        width *= factor
    length, span = count + width - 1, 1
    part = row
    for turn in range(len(factors)):
        factor = factors[turn]
        length -= span * (factor - 1)
        into = found if turn == len(factors) - 1 else scratch[turn % 2]
        _longer(into, part, span, factor, length)
        part = into
        span *= factor


@compiled
def _lift(lanes: NDArray[Any], sums: NDArray[Any], count: int) -> None:
    """`lanes`, side by side, to the highest of `sums` that is there."""
    whole = count // LANES * LANES
    for start in range(0, whole, LANES):
        part = sums[start : start + LANES]
        for j in range(LANES):
            lanes[j] = part[j] if part[j] > lanes[j] else lanes[j]  # noqa: FURB136 - max() differs with NaN
    for j in range(whole, count):
        lanes[0] = sums[j] if sums[j] > lanes[0] else lanes[0]  # noqa: FURB136


@compiled
def sliding(wh: NDArray[Any], width: int, highest: NDArray[Any], at: NDArray[np.int64]) -> None:
    """The highest sum over `width` slots of each row of `wh` (rows, slots), of floats; slip one slot.

    `highest` (rows,) of the type of `wh`, NaN where no window is whole; `at` (rows,) the slot its window
    begins with, -1 where there is none.
    """
    rows, slots = wh.shape
    windows, factors = slots - width + 1, _factors(width)
    sums, scratch = np.empty(CHUNK, wh.dtype), np.empty((2, CHUNK + width), wh.dtype)
    lanes = np.empty(LANES, wh.dtype)
    for row in range(rows):
        top, of = -np.inf, -1
        for first in range(0, windows, STRETCH):
            lanes[:] = -np.inf
            for start in range(first, min(first + STRETCH, windows), CHUNK):
                count = min(CHUNK, windows - start)
                _sums(wh[row, start:], count, factors, sums, scratch)
                _lift(lanes, sums, count)
            most = lanes.max()
            if most > top:
                top, of = most, first
        highest[row], at[row] = np.nan, -1
        if of >= 0:
            highest[row] = top
            at[row] = _first(wh[row], of, windows, factors, top, sums, scratch)


@compiled
def _first(
    row: NDArray[Any],
    since: int,
    windows: int,
    factors: NDArray[np.int64],
    top: float,
    sums: NDArray[Any],
    scratch: NDArray[Any],
) -> int:
    """The first window from `since` on that sums to `top`: summed again, as they were."""
    for start in range(since, windows, CHUNK):
        count = min(CHUNK, windows - start)
        _sums(row[start:], count, factors, sums, scratch)
        for j in range(count):
            if sums[j] == top:
                return start + j
    return -1


@compiled
def by_band(
    wh: NDArray[Any],
    width: int,
    slip: int,
    bands: NDArray[np.int8],
    highest: NDArray[Any],
    at: NDArray[np.int64],
) -> None:
    """As `sliding`, with windows from 0, slip, 2 slip …, each band for itself: `highest`, `at` (rows, 5).

    `bands` int8 (slots,): a window counts in a band when all of it lies there; one across an edge in none.
    """
    rows, slots = wh.shape
    windows, factors = slots - width + 1, _factors(width)
    of = _band_of_windows(bands, width, slip)
    sums, scratch = np.empty(CHUNK, wh.dtype), np.empty((2, CHUNK + width), wh.dtype)
    best, where = np.empty(BANDS, wh.dtype), np.empty(BANDS, np.int64)
    for row in range(rows):
        best[:], where[:] = -np.inf, -1
        for start in range(0, windows, CHUNK):
            count = min(CHUNK, windows - start)
            _sums(wh[row, start:], count, factors, sums, scratch)
            for j in range(count):
                band = of[start + j]
                if band >= 0 and sums[j] > best[band]:
                    best[band], where[band] = sums[j], start + j
        for band in range(BANDS):
            highest[row, band] = best[band] if where[band] >= 0 else np.nan
            at[row, band] = where[band]


@compiled
def _band_of_windows(bands: NDArray[np.int8], width: int, slip: int) -> NDArray[np.int8]:
    """int8 (slots,): of the window that begins here; -1 where it lies in no one band, or none begins."""
    found = np.full(len(bands), -1, np.int8)
    left = 0
    for slot in range(len(bands) - 1, -1, -1):
        left = left + 1 if slot + 1 < len(bands) and bands[slot] == bands[slot + 1] else 1
        if left >= width and slot % slip == 0 and 0 <= bands[slot] < BANDS:
            found[slot] = bands[slot]
    return found
