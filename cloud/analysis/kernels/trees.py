"""Sums of regression trees over rows of features: what a boosted model comes down to once it has learned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

TOGETHER = 64


@compiled
def sum_of_trees(
    rows: NDArray[Any],
    roots: NDArray[Any],
    feature: NDArray[Any],
    threshold: NDArray[Any],
    left: NDArray[Any],
    right: NDArray[Any],
    missing_left: NDArray[Any],
    value: NDArray[Any],
    baseline: float,
    out: NDArray[Any],
) -> None:
    """Fill out float32 (rows,) with `baseline` plus the value of the leaf that each tree leads to.

    `rows` float32 (rows, features), NaN where unknown. A node with `feature` -1 is a leaf; others go left
    where the feature is at most `threshold` (float64), and with an unknown one where `missing_left` says so.
    """
    for first in range(0, rows.shape[0], TOGETHER):
        until = min(first + TOGETHER, rows.shape[0])
        total = np.zeros(TOGETHER, np.float64)
        for tree in range(len(roots)):
            for r in range(first, until):
                node = roots[tree]
                while feature[node] >= 0:
                    x = rows[r, feature[node]]
                    if x == x:
                        node = left[node] if x <= threshold[node] else right[node]
                    else:
                        node = left[node] if missing_left[node] else right[node]
                total[r - first] += value[node]
        for r in range(first, until):
            out[r] = baseline + total[r - first]
