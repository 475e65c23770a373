"""Draws from the posterior of a sparse nonnegative regression: few of many coefficients are not zero.

Spike and slab by Gibbs sampling (George & McCulloch, JASA 88:881-889, 1993) with a half-normal slab.
"""

import math

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled

Floats = NDArray[np.float64]
_LEAST = 1e-12
"""No residual is smaller than this part of what was to be explained: a perfect fit has a variance, too."""


@compiled
def _above_zero(mean: float, spread: float) -> float:
    """A normal number given that it is above zero (Robert, Statistics and Computing 5:121-125, 1995)."""
    low = -mean / spread
    if low < 0.5:
        while True:
            z = np.random.standard_normal()
            if z > low:
                return mean + spread * z
    rate = (low + math.sqrt(low * low + 4.0)) / 2.0
    while True:
        z = low + np.random.exponential() / rate
        if np.random.random() < math.exp(-0.5 * (z - rate) ** 2):
            return mean + spread * z


@compiled
def _log_below(z: float) -> float:
    """Log of the normal distribution function."""
    if z > -6.0:
        return math.log(0.5 * math.erfc(-z / math.sqrt(2.0)))
    return -0.5 * z * z - math.log(-z * math.sqrt(2.0 * math.pi))


@compiled
def spike_and_slab(
    gram: Floats,
    moment: Floats,
    total: float,
    rows: int,
    sparse: int,
    share: float,
    slab: float,
    draws: int,
    burn: int,
    seed: int,
    start: Floats,
) -> tuple[Floats, Floats]:
    """(probability of not being zero (sparse,), coefficients (draws, sparse)) of y = X b + noise, b >= 0.

    `gram` X'X (columns, columns), `moment` X'y (columns,), `total` y'y of `rows` rows. The first `sparse`
    columns are zero but with probability `share`, else half-normal of scale `slab`; the others are always in.
    `start` (columns,) is where it begins. The noise's variance is unknown. The same seed gives the same.
    """
    np.random.seed(seed)
    columns = len(moment)
    b = start.copy()
    left = moment - gram @ b
    chance = np.zeros(sparse)
    out = np.zeros((draws, sparse))
    log_odds = math.log(share / (1.0 - share))
    floor = _LEAST * total
    variance = max(total - np.dot(b, moment) - np.dot(b, left), floor) / rows
    for turn in range(burn + draws):
        for j in range(columns):
            pull = left[j] + gram[j, j] * b[j]
            new = 0.0
            if j < sparse:
                sure = gram[j, j] / variance + 1.0 / (slab * slab)
                mean, spread = pull / variance / sure, 1.0 / math.sqrt(sure)
                odds = log_odds + math.log(2.0 / slab * spread) + 0.5 * sure * mean * mean
                odds += _log_below(mean / spread)
                inside = 1.0 / (1.0 + math.exp(-odds)) if odds > -500.0 else 0.0
                if np.random.random() < inside:
                    new = _above_zero(mean, spread)
                if turn >= burn:
                    chance[j] += inside / draws
                    out[turn - burn, j] = new
            elif gram[j, j] > 0.0:
                new = _above_zero(pull / gram[j, j], math.sqrt(variance / gram[j, j]))
            if new != b[j]:
                left -= gram[:, j] * (new - b[j])
                b[j] = new
        rest = max(total - np.dot(b, moment) - np.dot(b, left), floor)
        variance = rest / 2.0 / np.random.gamma(rows / 2.0)
    return chance, out
