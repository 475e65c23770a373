"""Shapes of days: which there are, how surely, and which one a day has.

A day is a shape by its sum: how much of its energy falls into which slot. Shapes are compared by the hour:
a kettle ten minutes later is no other way of living, and groups come out steadier. How many there are is said
by stability: of refits on half of the days, the mean adjusted Rand index with one another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.profile import clusters

VERSION = 1
HOURS = 24
NONE = -1
"""The code of a day that has no shape."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How shapes are sought: `theta` of the adaptive k-means, sizes tried, `refits` on half of the days.

    `tie`: a larger dictionary that is less stable by no more than this is preferred, it says more. Where none
    of `least` to `most` is as stable as `steady`, fewer are tried. `apart`: no two shapes are nearer to one
    another, |a − b|² / |a|² by the hour (a peak moved by half an hour is, real ones stand at 0.06 and more).
    """

    theta: float = 0.3
    least: int = 6
    most: int = 16
    refits: int = 4
    tie: float = 0.02
    steady: float = 0.85
    apart: float = 0.03
    judged: int = 8000
    starts: int = 8
    seed: int = 1


WANTED = Wanted()


@dataclass(frozen=True, slots=True)
class Fit:
    """`centres` float32 (shapes, slots), each of sum 1. `stability` by number of shapes, of those tried.

    `explained` is the share of the variance of hourly shapes, `within_theta` of days that meet theta.
    """

    centres: NDArray[np.float32]
    stability: dict[int, float]
    explained: float
    within_theta: float


def shapes_of(energy: NDArray[np.floating], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(days, slots) energies of the valid ones by their sum; (valid days, slots) float32.

    A slot that is missing within a valid day is between its neighbours; a day of sum 0 has no shape and may
    not be called valid.
    """
    rows = filled(np.asarray(energy, np.float32)[valid])
    found: NDArray[np.float32] = rows / rows.sum(axis=1, keepdims=True)
    return found


def filled(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Missing slots on the straight line between those beside them; a row of nothing stays missing."""
    holes = np.flatnonzero(np.isnan(rows).any(axis=1))
    if not len(holes):
        return rows
    rows = rows.copy()
    slots = np.arange(rows.shape[1])
    for each in holes:
        known = ~np.isnan(rows[each])
        if known.any():
            rows[each] = np.interp(slots, slots[known], rows[each][known])
    return rows


def by_hour(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows, slots) as (rows, 24)"""
    found: NDArray[np.float32] = shapes.reshape(len(shapes), HOURS, -1).sum(axis=2)
    return found


def encode(shapes: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """(rows,) which of the centres each shape is nearest to."""
    return clusters.nearest(by_hour(shapes), by_hour(centres))


def fit(shapes: NDArray[np.float32], wanted: Wanted = WANTED) -> Fit:
    """A dictionary of these days (rows, slots). ValueError: fewer days than shapes are wanted at least."""
    if len(shapes) < max(2 * wanted.least, clusters.SMALLEST):
        raise ValueError(f"{len(shapes)} days are too few for {wanted.least} shapes")
    hours = by_hour(shapes)
    found = stability(hours, range(wanted.least, wanted.most + 1), wanted)
    if wanted.least > 2 and max(found.values(), default=0) < wanted.steady:
        found |= stability(hours, range(2, wanted.least), wanted)
    size = chosen(found, wanted)
    return described(shapes, _apart(hours, size, wanted), wanted.theta, found)


def _apart(hours: NDArray[np.float32], most: int, wanted: Wanted) -> NDArray[np.float32]:
    """So many centres, or the largest number of which all stand apart; at last the mean of all days."""
    for size in range(most, 1, -1):
        made = clusters.centres_by_size(hours, [size], wanted.theta, wanted.seed, wanted.starts)
        if size in made and _least_distance(made[size]) >= wanted.apart:
            return made[size]
    mean: NDArray[np.float32] = hours.mean(axis=0, keepdims=True)
    return mean


def _least_distance(centres: NDArray[np.float32]) -> float:
    apart = ((centres[:, None] - centres[None]) ** 2).sum(axis=2) / (centres**2).sum(axis=1)
    np.fill_diagonal(apart, np.inf)
    return float(apart.min())


def refit(shapes: NDArray[np.float32], centres: NDArray[np.float32], theta: float = WANTED.theta) -> Fit:
    """These days with the shapes there were, each moved to where its days are now."""
    moved, _ = clusters.settled(by_hour(shapes), by_hour(centres))
    return described(shapes, moved, theta, {}, centres)


def described(
    shapes: NDArray[np.float32],
    hourly: NDArray[np.float32],
    theta: float,
    found: dict[int, float],
    instead: NDArray[np.float32] | None = None,
) -> Fit:
    """The centres by slot, and how well they say the days."""
    hours = by_hour(shapes)
    labels = clusters.nearest(hours, hourly)
    unused = np.repeat(hourly, shapes.shape[1] // HOURS, axis=1) * HOURS / shapes.shape[1]
    centres = clusters.means(shapes, labels, unused if instead is None else instead)
    own = by_hour(centres)[labels]
    error = ((hours - own) ** 2).sum(axis=1)
    spread = float(((hours - hours.mean(axis=0)) ** 2).sum())
    explained = 1 - float(error.sum()) / spread if spread > 1e-9 * len(hours) else 1.0
    return Fit(centres, found, explained, float((error <= theta * (own**2).sum(axis=1)).mean()))


def stability(hours: NDArray[np.float32], sizes: Sequence[int], wanted: Wanted = WANTED) -> dict[int, float]:
    """By number of shapes: refits on random halves, each says all days; their mean adjusted Rand index."""
    random = np.random.default_rng(wanted.seed)
    if len(hours) > wanted.judged:
        hours = hours[random.choice(len(hours), wanted.judged, replace=False)]
    halves = [random.permutation(len(hours))[: len(hours) // 2] for _ in range(wanted.refits)]
    refits = [
        clusters.centres_by_size(hours[half], sizes, wanted.theta, wanted.seed + number, wanted.starts)
        for number, half in enumerate(halves, 1)
    ]
    found = {}
    for size in sizes:
        if all(size in each for each in refits):
            labels = [clusters.nearest(hours, each[size]) for each in refits]
            found[size] = float(np.mean([rand_index(one, other) for one, other in combinations(labels, 2)]))
    return found


def chosen(found: dict[int, float], wanted: Wanted = WANTED) -> int:
    """How many shapes: of those as stable as the most stable but for `tie`, the largest number.

    Two groups come out of nearly anything the same each time, so fewer than `least` never win by being more
    stable: of them the largest that is steady is taken, and only where `least` and more are not.
    """
    usual = {size: value for size, value in found.items() if size >= wanted.least}
    top = max(usual.values(), default=0.0)
    if top >= wanted.steady:
        return max(size for size, value in usual.items() if value >= top - wanted.tie)
    best = max(found.values(), default=0.0)
    enough = min(best - wanted.tie, wanted.steady)
    return max((size for size, value in found.items() if value >= enough), default=1)


def rand_index(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Adjusted Rand index of two labellings (Hubert, Arabie, J. Classification 2:193-218, 1985)."""
    table = np.zeros((int(one.max()) + 1, int(other.max()) + 1), np.float64)
    np.add.at(table, (one, other), 1)
    both, rows, columns = (_pairs(each) for each in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = rows * columns / max(_pairs(np.array([len(one)], np.float64)), 1.0)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def _pairs(counts: NDArray[np.float64]) -> float:
    return float((counts * (counts - 1) / 2).sum())
