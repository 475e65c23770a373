"""Groups of like rows: adaptive k-means, a hierarchy over its leaves, and Lloyd's steps to settle them.

After Kwac, Flora, Rajagopal, IEEE Trans. Smart Grid 5(1):420-430, 2014: a group is split until its members
meet the relative squared error theta, then groups are merged by a hierarchy (Ward's, weighted by members).
The merged centres are settled by Lloyd's steps beside seeded starts, and the least error wins: that is what
makes groups come out the same from half of the days.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
LEAVES = 128
"""Splitting ends here: single days of single homes meet no theta, and a dictionary needs no leaf for each."""
SMALLEST = 8
PART = 1024
"""Rows at once: they stay in the cache, and so small a product wakes no other thread."""
STEPS = 100
TRIAL = 10
"""Steps of each start before the two best of them are settled."""


def nearest(rows: Rows, centres: Rows) -> NDArray[np.int64]:
    """(rows,) the index of the centre with the least squared distance, the first on ties."""
    found = np.empty(len(rows), np.int64)
    for at in range(0, len(rows), PART):
        found[at : at + PART] = _distances(rows[at : at + PART], centres).argmin(axis=1)
    return found


def settled(rows: Rows, centres: Rows, steps: int = STEPS) -> tuple[Rows, float]:
    """Lloyd's steps from these centres, and the sum of squares within; a centre without rows stays."""
    labels = nearest(rows, centres)
    for _ in range(steps):
        centres = means(rows, labels, centres)
        found = nearest(rows, centres)
        if np.array_equal(found, labels):
            break
        labels = found
    return centres, _error(rows, centres)


def means(rows: Rows, labels: NDArray[np.int64], instead: Rows) -> Rows:
    """(groups, columns) the mean row of each label; a row of `instead` where it has none."""
    groups = np.arange(len(instead))
    sums = np.zeros(instead.shape, np.float64)
    for at in range(0, len(rows), PART):
        one = (labels[at : at + PART, None] == groups).astype(np.float32)
        sums += one.T @ rows[at : at + PART]
    count = np.bincount(labels, minlength=len(instead))[:, None]
    return np.where(count > 0, sums / np.maximum(count, 1), instead).astype(np.float32)


def centres_by_size(
    rows: Rows, sizes: Sequence[int], theta: float, seed: int, starts: int = 8
) -> dict[int, Rows]:
    """For each number of groups its centres; a number beyond what the rows give is left out."""
    random = np.random.default_rng(seed)
    leaves, weights = adaptive(rows, theta, random, max(sizes))
    merged = merge(leaves, weights, max(sizes))
    found: dict[int, Rows] = {}
    for size in sizes:
        if size not in merged:
            continue
        begun = [_weighted(leaves, weights, merged[size], size)]
        begun += [_spread(rows, size, random) for _ in range(starts)]
        tried = sorted((settled(rows, each, TRIAL) for each in begun), key=lambda each: each[1])
        settled_ones = [settled(rows, each) for each, _ in tried[:2]]
        found[size] = min(settled_ones, key=lambda each: each[1])[0]
    return found


def adaptive(
    rows: Rows, theta: float, random: np.random.Generator, least: int = 1
) -> tuple[Rows, NDArray[np.float64]]:
    """Centres and sizes of leaves: each member with |s − c|² ≤ theta |c|², or `LEAVES` of them.

    Groups that meet theta are split all the same until there are `least`: a workshop's day and a household's
    may both meet it around their mean, and whether they are two is for their stability to say.
    """
    waiting = [np.arange(len(rows))]
    leaves: list[tuple[Rows, int]] = []
    while waiting:
        group = waiting.pop(0)
        centre = rows[group].mean(axis=0)
        error = ((rows[group] - centre) ** 2).sum(axis=1)
        meets = bool((error <= theta * float(centre @ centre)).all())
        others = len(leaves) + len(waiting)
        done = others >= LEAVES or (meets and others + 1 >= least)
        parts = None if done or len(group) < SMALLEST else _halves(rows[group], random)
        if parts is None:
            leaves.append((centre, len(group)))
        else:
            waiting += [group[~parts], group[parts]]
    return np.array([each for each, _ in leaves], np.float32), np.array([n for _, n in leaves], np.float64)


def merge(leaves: Rows, weights: NDArray[np.float64], most: int) -> dict[int, NDArray[np.int64]]:
    """Ward's hierarchy: for each number of groups up to `most` the group of every leaf."""
    centres, weight = leaves.astype(np.float64), weights.copy()
    labels = np.arange(len(leaves))
    cost = _costs(centres, weight)
    alive = np.ones(len(leaves), np.bool_)
    found = {len(leaves): labels.copy()} if len(leaves) <= most else {}
    for count in range(len(leaves) - 1, 0, -1):
        one, other = np.unravel_index(int(cost.argmin()), cost.shape)
        both = weight[one] + weight[other]
        centres[one] = (centres[one] * weight[one] + centres[other] * weight[other]) / both
        weight[one], alive[other] = both, False
        labels[labels == other] = one
        anew = ((centres - centres[one]) ** 2).sum(axis=1) * weight * both / (weight + both)
        anew[~alive] = np.inf
        anew[one] = np.inf
        cost[one], cost[:, one] = anew, anew
        cost[other], cost[:, other] = np.inf, np.inf
        if count <= most:
            found[count] = np.unique(labels, return_inverse=True)[1]
    return found


def _distances(rows: Rows, centres: Rows) -> Rows:
    """Squared, less each row's own square, which moves nothing."""
    found: Rows = rows @ (centres.T * np.float32(-2))
    found += (centres**2).sum(axis=1)
    return found


def _error(rows: Rows, centres: Rows) -> float:
    parts = (rows[at : at + PART] for at in range(0, len(rows), PART))
    return sum(
        float(_distances(part, centres).min(axis=1).sum(dtype=np.float64) + (part**2).sum(dtype=np.float64))
        for part in parts
    )


def _costs(centres: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    apart = ((centres[:, None] - centres[None]) ** 2).sum(axis=-1)
    cost: NDArray[np.float64] = apart * weight[:, None] * weight / (weight[:, None] + weight)
    np.fill_diagonal(cost, np.inf)
    return cost


def _halves(rows: Rows, random: np.random.Generator) -> NDArray[np.bool_] | None:
    """2-means begun along the direction of most variance; None where it cannot be split."""
    apart = rows - rows.mean(axis=0)
    along = random.standard_normal((rows.shape[1],)).astype(np.float32)
    for _ in range(6):
        along = apart.T @ (apart @ along)
        along /= float(np.linalg.norm(along)) + 1e-30
    upper = apart @ along > 0
    if upper.all() or not upper.any():
        return None
    centres, _ = settled(rows, np.stack([rows[~upper].mean(axis=0), rows[upper].mean(axis=0)]), 8)
    upper = nearest(rows, centres) == 1
    return None if upper.all() or not upper.any() else upper


def _weighted(leaves: Rows, weights: NDArray[np.float64], labels: NDArray[np.int64], size: int) -> Rows:
    parts = [np.average(leaves[labels == one], axis=0, weights=weights[labels == one]) for one in range(size)]
    return np.array(parts, np.float32)


def _spread(rows: Rows, size: int, random: np.random.Generator) -> Rows:
    """Greedy k-means++: far from one another; of three tries each the one that leaves the least error."""
    centres = [rows[random.integers(len(rows))]]
    least = _apart(rows, centres[0])
    for _ in range(size - 1):
        chance = least.astype(np.float64)
        if chance.sum() <= 0:
            break
        tries = random.choice(len(rows), 3, p=chance / chance.sum())
        left = [np.minimum(least, _apart(rows, rows[each])) for each in tries]
        best = int(np.argmin([float(each.sum(dtype=np.float64)) for each in left]))
        centres.append(rows[tries[best]])
        least = left[best]
    return np.array(centres, np.float32)


def _apart(rows: Rows, one: Rows) -> Rows:
    found: Rows = ((rows - one) ** 2).sum(axis=1)
    return found
