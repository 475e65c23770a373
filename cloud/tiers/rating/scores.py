"""The value score inside a class: V = Σ wᵢ qᵢ over percentiles of what is known, and each input's part.

Pure. A missing input is never 0: its weight is spread over those known, and the share known is told. After
the weighted percentile scores of RFM practice; load analysis §4.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.tiers.rating.percentiles import midrank

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Compared:
    """One input in one group: the members' values, oriented so that more is better, sorted."""

    known: Floats
    sign: float
    spread: float
    """The interquartile range, or another measure of spread above 0 where that is 0."""


@dataclass(frozen=True, slots=True)
class Scored:
    """(n,) accounts, (n, k) inputs named by `names`.

    `score` NaN: too little is known of it; `q` percentile with 1 best, NaN unknown; `weight` after spreading;
    `parts` weight · (q - 0.5), summing to score - 0.5; `coverage` the known share of weights.
    """

    names: tuple[str, ...]
    score: Floats
    q: Floats
    weight: Floats
    parts: Floats
    coverage: Floats
    compared: tuple[Compared | None, ...]


def scored(values: Floats, names: tuple[str, ...], weights: Mapping[str, float], *, least_share: float,
           least_group: int) -> Scored:  # fmt: skip
    """Of one group: `values` (n, k) by `names`, NaN unknown.

    An input that fewer than `least_group` have is unknown to all: they could not be compared, or would be
    told of one another.
    """
    signs = np.array([np.sign(weights[name]) for name in names])
    full = np.array([abs(weights[name]) for name in names])
    oriented = values * signs
    q = np.full(values.shape, np.nan)
    compared: list[Compared | None] = []
    for at in range(len(names)):
        there = ~np.isnan(oriented[:, at])
        if there.sum() < least_group:
            compared.append(None)
            continue
        known = np.sort(oriented[there, at])
        q[there, at] = midrank(known, oriented[there, at])
        compared.append(Compared(known, float(signs[at]), _spread(known)))
    known_weight = np.where(np.isnan(q), 0.0, full)
    coverage = known_weight.sum(axis=1)
    enough = coverage >= max(least_share, 1e-9) - 1e-9
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(enough[:, None], known_weight / coverage[:, None], np.nan)
    parts = np.where(np.isnan(q), 0.0, weight * (np.nan_to_num(q) - 0.5))
    score = np.where(enough, 0.5 + parts.sum(axis=1), np.nan)
    return Scored(names, score, q, weight, parts, coverage, tuple(compared))


def _spread(known: Floats) -> float:
    low, high = np.quantile(known, [0.25, 0.75])
    return float(high - low) or float(np.ptp(known)) or 1.0


def margin(
    changes: Floats, factor: float, least: float, most: float
) -> float:  # fmt: skip
    """`factor` times the median absolute deviation of scores' changes from one month to the next, bounded."""
    known = changes[~np.isnan(changes)]
    if not len(known):
        return least
    mad = float(np.median(np.abs(known - np.median(known))))
    return min(most, max(least, factor * mad))


def top(parts: Floats, q: Floats, count: int = 3) -> Ints:
    """(n, count) columns of the inputs that count most, -1 where there are fewer known; ties by column."""
    size = np.where(np.isnan(q), -1.0, np.round(np.abs(parts), 12))
    order = np.argsort(-size, axis=1, kind="stable")[:, :count]
    chosen: Ints = np.where(np.take_along_axis(size, order, axis=1) < 0, -1, order)
    return chosen
