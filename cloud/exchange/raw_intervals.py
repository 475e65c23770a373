"""Interval energies as differences of register values, for days that have not been validated: marked raw.

A difference across a hole, or across a register that fell, is not known and stays NaN.
"""

import numpy as np
from numpy.typing import NDArray

LONGEST_HOLE_MS = 45 * 60_000


def energies(
    edges_ms: NDArray[np.int64], at_ms: NDArray[np.int64], values: NDArray[np.int64], hole_ms: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Wh between neighbouring edges (edges - 1,), and whether both edges were read exactly then.

    `at_ms` rising, `values` the register at those instants (readings,). Between two readings no further apart
    than `hole_ms` the register is taken on a straight line.
    """
    at_edge, exact = _at(edges_ms, at_ms, values, hole_ms)
    energy = np.diff(at_edge)
    energy[_fallen(edges_ms, at_ms, values)] = np.nan
    energy[energy < 0] = np.nan
    return energy, exact[:-1] & exact[1:]


def _at(
    edges_ms: NDArray[np.int64], at_ms: NDArray[np.int64], values: NDArray[np.int64], hole_ms: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    known = np.full(len(edges_ms), np.nan)
    if not len(at_ms):
        return known, np.zeros(len(edges_ms), bool)
    after = np.searchsorted(at_ms, edges_ms)
    inside = after < len(at_ms)
    exact = inside.copy()
    exact[inside] = at_ms[after[inside]] == edges_ms[inside]
    known[exact] = values[after[exact]]
    between = inside & ~exact & (after > 0)
    right = after[between]
    left = right - 1
    width, rise = at_ms[right] - at_ms[left], values[right] - values[left]
    share = (edges_ms[between] - at_ms[left]) / width
    known[between] = np.where((width <= hole_ms) & (rise >= 0), values[left] + rise * share, np.nan)
    return known, exact


def _fallen(
    edges_ms: NDArray[np.int64], at_ms: NDArray[np.int64], values: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Intervals in which the register fell (edges - 1,)."""
    fallen = np.zeros(len(edges_ms) - 1, bool)
    falls = np.flatnonzero(np.diff(values) < 0)
    first = np.searchsorted(edges_ms, at_ms[falls], side="right") - 1
    last = np.searchsorted(edges_ms, at_ms[falls + 1], side="left")
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        fallen[max(begin, 0) : max(end, 0)] = True
    return fallen
