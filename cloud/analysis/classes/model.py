"""What class each month of an account behaves like, by models that never saw that account's label.

A linear model and a forest, both with classes weighed evenly, learn from the station's own contracts; their
probabilities are averaged. Accounts are judged out of fold, folds by group, so a wrong contract is never
learned by the model that judges it; the few wrong ones among the others are outvoted. The same seed and
rows give the same numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Raise it when the model changes."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TREES, STRENGTH = 100, 0.1
"""Of the forest; of the linear model's penalty (its inverse): fixed beforehand, not sought."""
MOST_ROWS = 2000
"""A fold learns from so many months, evenly of classes and then of accounts."""
LEAST_PROBABILITY = 1e-3
"""Of one month: however sure it is, others can outvote it."""


@dataclass(frozen=True, slots=True)
class Months:
    """`values` (rows, features), NaN where unsaid; `account` (rows,) which of the accounts each row is of.

    Of the accounts: `label` the class as contracted, -1 where nothing is to be learned from it; `group`:
    accounts that must not judge one another, as those of one customer.
    """

    values: NDArray[np.float32]
    account: Ints
    label: Ints
    group: Ints
    classes: int


class Judge(Protocol):
    """Gives (rows, classes) probabilities of rows of features."""

    def __call__(self, values: NDArray[np.float32]) -> Floats: ...


def out_of_fold(months: Months, folds: int, seed: int = 1) -> Floats:
    """(rows, classes): each row by a model that saw no row of its group. NaN in a fold that lacks a class.

    As many folds as groups leaves one group out at a time.
    """
    found = np.full((len(months.values), months.classes), np.nan)
    fold = _folds(months, folds, seed)[months.account]
    for each in np.unique(fold):
        judged = fold == each
        if judge := learned(months, ~judged, seed):
            found[judged] = judge(months.values[judged])
    return found


def learned(months: Months, among: NDArray[np.bool_], seed: int = 1) -> Judge | None:
    """A judge taught by the labelled rows `among`; None where one of the classes is not among them."""
    taught = among & (months.label[months.account] >= 0)
    rows = _chosen(months, np.flatnonzero(taught), seed)
    target = months.label[months.account[rows]]
    if len(np.unique(target)) < months.classes:
        return None
    return _Pair(months.values[rows], target, seed)


def together(probabilities: Floats, account: Ints, accounts: int) -> Floats:
    """(accounts, classes): the months of each together, by the mean of their logarithms; NaN without any.

    The geometric mean: a month that is unsure says little, none decides alone.
    """
    known = ~np.isnan(probabilities).any(axis=1)
    logs = np.log(np.maximum(probabilities[known], LEAST_PROBABILITY))
    total = np.zeros((accounts, probabilities.shape[1]))
    np.add.at(total, account[known], logs)
    count = np.bincount(account[known], minlength=accounts)[:, None]
    mean = np.exp(total / np.maximum(count, 1))
    return np.where(count > 0, mean / mean.sum(axis=1, keepdims=True), np.nan)


class _Pair:
    """A logistic regression on scaled features and a random forest, averaged."""

    def __init__(self, values: NDArray[np.float32], target: Ints, seed: int) -> None:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression

        self._middle = _middle(values)
        filled = self._filled(values)
        self._mean, spread = filled.mean(axis=0), filled.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1)
        self._line: Any = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500)
        self._line.fit(self._scaled(filled), target)
        self._forest: Any = RandomForestClassifier(
            TREES, class_weight="balanced", random_state=seed, n_jobs=1, min_samples_leaf=1
        )
        self._forest.fit(filled, target)

    def __call__(self, values: NDArray[np.float32]) -> Floats:
        filled = self._filled(values)
        line = self._line.predict_proba(self._scaled(filled))
        found: Floats = (line + self._forest.predict_proba(filled)) / 2
        found[np.isnan(values).all(axis=1)] = np.nan
        return found

    def _filled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(np.isnan(values), self._middle, values).astype(np.float32)

    def _scaled(self, filled: NDArray[np.float32]) -> Floats:
        found: Floats = np.clip((filled - self._mean) / self._spread, -10.0, 10.0).astype(np.float64)
        return found


def _middle(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median of each column of those that are known, 0 of a column that is not."""
    known = ~np.isnan(values).all(axis=0)
    found = np.zeros(values.shape[1], np.float32)
    found[known] = np.nanmedian(values[:, known], axis=0)
    return found


def _folds(months: Months, folds: int, seed: int) -> Ints:
    """(accounts,) the fold of each, whole groups at a time, by lot."""
    groups, which = np.unique(months.group, return_inverse=True)
    lot = np.random.default_rng(seed).permutation(len(groups))
    return np.asarray(lot[which] % max(2, min(folds, len(groups))), np.int64)


def _chosen(months: Months, rows: Ints, seed: int) -> Ints:
    """At most MOST_ROWS, by lot: the same number of each class where there are enough, else all of it."""
    rows = rows[~np.isnan(months.values[rows]).all(axis=1)]
    if len(rows) <= MOST_ROWS:
        return rows
    mixed = np.random.default_rng(seed).permutation(rows)
    return np.sort(np.concatenate(list(_shares(months.label[months.account[mixed]], mixed, months.classes))))


def _shares(label: Ints, mixed: Ints, classes: int) -> Iterator[Ints]:
    left, room = classes, MOST_ROWS
    for each in np.argsort(np.bincount(label, minlength=classes), kind="stable"):
        part = mixed[label == each][: room // left]
        left, room = left - 1, room - len(part)
        yield part
