"""What groups of curves draw together, slot by slot, and what each of them draws at most: one pass."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

_LANES = 16


@compiled
def _add(total: NDArray[np.float64], known: NDArray[np.int32], row: NDArray[Any]) -> None:
    for slot in range(len(row)):
        value = row[slot]
        there = not np.isnan(value)
        total[slot] += value if there else 0.0
        known[slot] += 1 if there else 0


@compiled
def _most(row: NDArray[Any], lanes: NDArray[Any]) -> float:
    """The highest value that is there; -inf where none is."""
    lanes[:] = -np.inf
    whole = len(row) // _LANES
    for turn in range(whole):
        part = row[turn * _LANES : (turn + 1) * _LANES]
        for lane in range(_LANES):
            lanes[lane] = part[lane] if part[lane] > lanes[lane] else lanes[lane]  # noqa: FURB136 - NaN
    for slot in range(whole * _LANES, len(row)):
        if row[slot] > lanes[0]:
            lanes[0] = row[slot]
    return lanes.max()  # type: ignore[no-any-return]


@compiled
def add_up(
    values: NDArray[Any],
    group: NDArray[np.int64],
    total: NDArray[np.float64],
    known: NDArray[np.int32],
    own: NDArray[Any],
) -> None:
    """Rows `values` (rows, slots) added into `total` (groups, slots); NaN is left out, `known` counts.

    `group` (rows,): below 0 it is added nowhere. `own` (rows,) is each row's highest value, NaN where it has
    none. `total` and `known` are added to, not set anew: threads have their own and add them up.
    """
    lanes = np.empty(_LANES, values.dtype)
    for row in range(len(values)):
        most = _most(values[row], lanes)
        own[row] = most if most > -np.inf else np.nan
        if group[row] >= 0:
            _add(total[group[row]], known[group[row]], values[row])
