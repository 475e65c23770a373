"""One boosted model of all customers: learned with scikit-learn, kept and asked as plain arrays of trees.

Absolute error on features in parts of each customer's own mean (Ke et al. 2017's histograms), so that large
customers do not outvote small ones; what it says is times that mean. It serves a customer only where it wins.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast.similar import Alike, candidates
from cloud.analysis.kernels.similar import FEATURES, features
from cloud.analysis.kernels.trees import sum_of_trees

Kw = NDArray[np.float32]
VERSION = 2
"""Raise it when a feature changes: a model of another version is not asked."""


@dataclass(frozen=True, slots=True)
class Trees:
    """Nodes of all trees one behind the other, as `sum_of_trees` takes them; `roots` where each begins."""

    roots: NDArray[np.uint32]
    depth: int
    feature: NDArray[np.uint32]
    threshold: Kw
    missing_left: NDArray[np.uint8]
    child: NDArray[np.uint32]
    value: NDArray[np.float64]
    baseline: float

    def to_bytes(self) -> bytes:
        """As an .npz; `from_bytes` reads it back without unpickling anything."""
        file = io.BytesIO()
        np.savez_compressed(file, **{each.name: getattr(self, each.name) for each in fields(self)})
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Trees":
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            known = {each.name: found[each.name] for each in fields(cls)}
        return cls(**known | {"depth": int(known["depth"]), "baseline": float(known["baseline"])})


@dataclass(frozen=True, slots=True)
class Lags:
    """What is known of a target day: `rows` float32 (points, slots, FEATURES), `scale` (points,) kW."""

    rows: Kw
    scale: Kw
    used: NDArray[np.int16]

    def column(self, name: str) -> Kw:
        """(points, slots) kW of an energy feature."""
        found: Kw = self.rows[:, :, FEATURES.index(name)] * self.scale[:, None]
        return found


def lags(
    values: Kw,
    valid: NDArray[np.bool_],
    kinds: NDArray[np.int8],
    weekdays: NDArray[np.int8],
    target: int,
    rule: Alike,
    *,
    lead: int = 1,
) -> Lags:
    """The features of day `target` (an index into `kinds`), nothing after target - lead being known."""
    points, _, slots = values.shape
    last = target - lead
    alike = candidates(kinds, [target], rule, lead=lead)[0]
    marks = np.array([kinds[target], kinds[last], weekdays[target]], np.float32)
    found = Lags(
        np.empty((points, slots, len(FEATURES)), np.float32),
        np.empty(points, np.float32),
        np.empty(points, np.int16),
    )
    features(values, valid, alike, last, target, rule.days, marks, found.rows, found.scale, found.used)
    return found


def predict(trees: Trees, known: Lags) -> Kw:
    """(points, slots) kW, never below 0; NaN for a point of which nothing, or nothing but 0, is known."""
    points, slots, width = known.rows.shape
    out = np.empty(points * slots, np.float32)
    rows = known.rows.reshape(-1, width)
    sum_of_trees(
        rows, trees.roots, trees.depth, trees.feature, trees.threshold, trees.missing_left, trees.child,
        trees.value, trees.baseline, out,
    )  # fmt: skip
    found: Kw = np.maximum(out.reshape(points, slots), 0) * known.scale[:, None]
    return found


@dataclass(frozen=True, slots=True)
class Learning:
    """How a model learns: so many trees of so many leaves; measured on SimBench, profiles held out whole."""

    trees: int = 60
    leaves: int = 31
    depth: int = 7
    rate: float = 0.12
    least_in_leaf: int = 100
    seed: int = 0


def learn(rows: Kw, truth: Kw, how: Learning | None = None) -> Trees:
    """`rows` (n, FEATURES), `truth` (n,) in parts of the customer's mean; rows of unknown truth are left out.

    ValueError with fewer than 1,000 rows.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    how = how or Learning()
    known = ~np.isnan(truth)
    if known.sum() < 1000:
        raise ValueError(f"{known.sum()} rows are too few to learn from")
    learner = HistGradientBoostingRegressor(
        loss="absolute_error",
        max_iter=how.trees,
        max_leaf_nodes=how.leaves,
        max_depth=how.depth,
        learning_rate=how.rate,
        min_samples_leaf=how.least_in_leaf,
        early_stopping=False,
        random_state=how.seed,
    )
    told = np.flatnonzero(~np.isnan(rows[known]).all(axis=0))
    with threadpool_limits(1, user_api="openmp"):  # beside others, its threads wait for one another spinning
        learner.fit(rows[known][:, told], truth[known])
    return _plain(learner, told)


def _plain(learner: Any, told: NDArray[np.int64]) -> Trees:
    """scikit-learn's trees as arrays; `told` are the features it was shown, by their number here."""
    nodes = [one.nodes for each in learner._predictors for one in each]
    roots = _starts([len(each) for each in nodes])
    every = np.concatenate(nodes)
    shift = np.repeat(roots, [len(each) for each in nodes])
    leaf = every["is_leaf"].astype(np.bool_)
    itself = np.arange(len(every))
    child = np.stack([np.where(leaf, itself, every[side] + shift) for side in ("left", "right")], axis=1)
    return Trees(
        roots=roots,
        depth=int(every["depth"].max()),
        feature=np.where(leaf, 0, told[np.where(leaf, 0, every["feature_idx"])]).astype(np.uint32),
        threshold=_below(every["num_threshold"]),
        missing_left=every["missing_go_to_left"].astype(np.uint8),
        child=child.ravel().astype(np.uint32),
        value=every["value"].astype(np.float64),
        baseline=float(np.ravel(learner._baseline_prediction)[0]),
    )


def _starts(sizes: Sequence[int]) -> NDArray[np.uint32]:
    return np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.uint32)


def _below(limits: NDArray[np.float64]) -> Kw:
    """The greatest float32 not above each: to a float32 feature it is the same limit."""
    near = limits.astype(np.float32)
    found: Kw = np.where(near > limits, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)
    return found
