"""How well behaviour tells classes apart on real curves: whole profiles are held out, none is known."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.classes.model import out_of_fold, together
from cloud.tiers.mismatch.policy import mismatch_policy
from tests import simbench_classes

LEAST, LEAK = 0.80, 0.97
"""Customer-months spread over folds at random reach 0.98: above LEAK a profile has seen itself."""


@cache
def found() -> NDArray[np.float64]:
    """(customer-months, 3) by models that never saw the profile."""
    of = simbench_classes.experiment()
    return out_of_fold(of.months, len(of.names))


def balanced(said: NDArray[np.int64], label: NDArray[np.int64]) -> float:
    return float(np.mean([(said[label == each] == each).mean() for each in np.unique(label)]))


def test_a_month_alone_reaches_eight_of_ten_and_no_leak() -> None:
    of = simbench_classes.experiment()
    assert LEAST <= balanced(found().argmax(axis=1), of.months.label[of.months.account]) < LEAK


def test_a_customer_is_judged_by_its_months_together() -> None:
    of = simbench_classes.experiment()
    whole = together(found(), of.months.account, len(of.names))
    assert LEAST <= balanced(whole.argmax(axis=1), of.months.label) < LEAK


def test_what_is_said_each_month_of_the_months_so_far_is_as_good() -> None:
    of = simbench_classes.experiment()
    said = np.empty(len(of.month), np.int64)
    for month in range(1, 13):
        so_far, now = of.month <= month, of.month == month
        accounts = of.months.account
        said[now] = together(found()[so_far], accounts[so_far], len(of.names)).argmax(axis=1)[accounts[now]]
    assert LEAST <= balanced(said, of.months.label[of.months.account]) < LEAK


def test_the_published_profiles_alone_are_better_than_chance_and_seldom_sure() -> None:
    of = simbench_classes.experiment()
    policy = mismatch_policy()
    said = policy.profiles.prior(policy.limits)(of.months.values)
    names = policy.limits.names
    order = [names.index(name) for name in ("household", "business", "farm")]
    right = balanced(said[:, order].argmax(axis=1), of.months.label[of.months.account])
    assert 0.6 <= right < LEAST, "weak, as its README says"
    assert (said.max(axis=1) >= policy.limits.case.prior_probability).mean() < 0.1


def test_the_same_seed_says_the_same() -> None:
    of = simbench_classes.experiment()
    one, other = (out_of_fold(of.months, 2) for _ in range(2))
    assert np.array_equal(one, other)
