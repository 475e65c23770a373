"""Technical loss of an area as its own history shows it: a + b x squared supply, neither below zero.

What has been lost all along is in the baseline, too: it tells changes, the search tells the rest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_HUBER = 1.345
_TO_SIGMA = 1.4826
"""Of a median of absolute deviations, for normal errors."""
_ROUNDS = 12
_LEAST_SPREAD = 0.001
"""Of the median supply: no meter is steadier."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """Each (areas,): kWh a day, kWh per kWh², kWh; NaN where fewer than the least days were clean."""

    constant: Floats
    per_square: Floats
    spread: Floats
    days: NDArray[np.int64]

    def expected(self, square: Floats) -> Floats:
        """(areas, days) kWh for squared supplies of the same kind as it was fitted on."""
        found: Floats = self.constant[:, None] + self.per_square[:, None] * square
        return found


def fit(loss: Floats, square: Floats, supply: Floats, clean: NDArray[np.bool_], least_days: int) -> Baselines:
    """All arguments (areas, days). Huber's M-estimate by reweighting, weights relative to supply."""
    usable = clean & np.isfinite(loss) & np.isfinite(square) & (supply > 0)
    days = usable.sum(axis=1)
    y = np.where(usable, loss, 0.0)
    x = np.where(usable, square, 0.0)
    base = np.where(usable, 1.0 / np.where(usable, supply, 1.0) ** 2, 0.0)
    weight = base.copy()
    a = b = spread = np.zeros(len(loss))
    for _ in range(_ROUNDS):
        a, b = _nonnegative(x, y, weight)
        error = np.where(usable, y - a[:, None] - b[:, None] * x, np.nan)
        relative = np.abs(error) * np.sqrt(base)
        scale = _TO_SIGMA * _median(np.where(usable, relative, np.nan))
        with np.errstate(divide="ignore", invalid="ignore"):
            far = _HUBER * scale[:, None] / relative
        weight = base * np.where(usable & (relative > 0), np.minimum(1.0, far), 1.0) * usable
        spread = _TO_SIGMA * _median(np.abs(error))
    few = days < least_days
    usual = _median(np.where(usable, supply, np.nan))
    spread = np.maximum(spread, _LEAST_SPREAD * usual)
    a, b, spread = (np.where(few, np.nan, each) for each in (a, b, spread))
    return Baselines(a, b, spread, days)


def _nonnegative(x: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted least squares of y = a + b x with a, b >= 0, row by row: two unknowns need no iteration."""
    w, wx, wy = weight.sum(axis=1), (weight * x).sum(axis=1), (weight * y).sum(axis=1)
    wxx, wxy = (weight * x * x).sum(axis=1), (weight * x * y).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        b = (w * wxy - wx * wy) / (w * wxx - wx * wx)
        a = (wy - b * wx) / w
        alone_a, alone_b = np.maximum(wy / w, 0.0), np.maximum(wxy / wxx, 0.0)
    b = np.where(np.isfinite(b), b, 0.0)
    a = np.where(np.isfinite(a), a, alone_a)
    flat, through = b < 0, a < 0
    return (
        np.nan_to_num(np.where(flat, alone_a, np.where(through, 0.0, a))),
        np.nan_to_num(np.where(flat, 0.0, np.where(through, alone_b, b))),
    )


def _median(values: Floats) -> Floats:
    """Of each row without its NaN; 0 of a row that has nothing else."""
    rows = np.sort(values, axis=1)
    known = np.isfinite(rows).sum(axis=1)
    at = np.arange(len(rows))
    low = rows[at, np.maximum((known - 1) // 2, 0)]
    high = rows[at, np.minimum(known // 2, rows.shape[1] - 1)]
    return np.where(known > 0, (low + high) / 2, 0.0)
