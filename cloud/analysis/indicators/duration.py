"""The load-duration curve (负荷持续曲线) by a few of its points, and the hours near the highest load."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels import duration as kernels

SHARES = (0.001, 0.01, 0.05, 0.5, 0.95)
OF_HIGHEST = (0.97, 0.95, 0.90)
"""Hours at or above these parts of the highest load: what demand response could cut."""


@dataclass(frozen=True, slots=True)
class Duration:
    """`kw` float64 (rows, shares): the load reached for that share of the known time, NaN without any;
    `hours` float64 (rows, of_highest), NaN where the highest load is not above 0; `coverage` (rows,)."""

    shares: tuple[float, ...]
    of_highest: tuple[float, ...]
    kw: NDArray[np.float64]
    hours: NDArray[np.float64]
    coverage: NDArray[np.float64]


def duration(
    wh: NDArray[np.float32],
    *,
    interval_s: int = 900,
    shares: tuple[float, ...] = SHARES,
    of_highest: tuple[float, ...] = OF_HIGHEST,
) -> Duration:
    """Of rows (rows, slots) Wh, NaN where missing: a month or a year of each. Missing time is left out."""
    rows, slots = wh.shape
    points, counts = np.empty((rows, len(shares))), np.empty((rows, len(of_highest)), np.int64)
    kernels.duration(np.ascontiguousarray(wh), np.array(shares), np.array(of_highest), points, counts)
    known = (~np.isnan(wh)).sum(axis=1)
    drawn = np.fmax.reduce(wh, axis=1, initial=-np.inf) > 0
    hours = np.where(drawn[:, None], counts * (interval_s / 3600), np.nan)
    return Duration(shares, of_highest, points * (3.6 / interval_s), hours, known / max(slots, 1))
