"""Sums of regression trees over rows of features: what a boosted model comes down to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

TOGETHER = 128


@compiled
def sum_of_trees(
    rows: NDArray[Any],
    roots: NDArray[Any],
    depth: int,
    feature: NDArray[Any],
    threshold: NDArray[Any],
    missing_left: NDArray[Any],
    child: NDArray[Any],
    value: NDArray[Any],
    baseline: float,
    out: NDArray[Any],
) -> None:
    """Fill out float32 (rows,) with `baseline` plus the value of the leaf that each tree leads to.

    `rows` float32 (rows, features), NaN where unknown. A node goes to child[2 node] where the feature is at
    most `threshold` (float32), or unknown and `missing_left` says so, else to child[2 node + 1]; a leaf is
    its own child. All rows take `depth` steps, so no branch has to be guessed. Numbers of nodes and features
    are uint32: signed ones would be looked at for counting from the end.
    """
    node = np.empty(TOGETHER, np.uint32)
    two = np.uint32(2)
    one = np.uint32(1)
    zero = np.uint32(0)
    total = np.empty(TOGETHER, np.float64)
    for first in range(0, rows.shape[0], TOGETHER):
        count = min(TOGETHER, rows.shape[0] - first)
        own = rows[first : first + count]
        total[:] = baseline
        for tree in range(len(roots)):
            node[:] = roots[tree]
            for _ in range(depth):
                for r in range(count):
                    at = node[r]
                    x = own[r, feature[at]]
                    right = (x > threshold[at]) | ((x != x) & (missing_left[at] == 0))
                    node[r] = child[two * at + (one if right else zero)]
            for r in range(count):
                total[r] += value[node[r]]
        for r in range(count):
            out[first + r] = total[r]
