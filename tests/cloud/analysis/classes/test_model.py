"""Judged out of fold: nobody by a model that saw their own label or one of their group."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.analysis.classes import model
from cloud.analysis.classes.model import Months, learned, out_of_fold, together

FEATURES = 4


def drawn(accounts: int, per_account: int = 3, apart: float = 3.0, seed: int = 1) -> Months:
    """Two classes by turns, `apart` standard deviations in every feature."""
    random = np.random.default_rng(seed)
    label = np.arange(accounts) % 2
    account = np.repeat(np.arange(accounts), per_account)
    middle = label[account, None] * apart
    values = (middle + random.normal(0, 1, (len(account), FEATURES))).astype(np.float32)
    return Months(values, account, label.astype(np.int64), np.arange(accounts), 2)


def relabelled(of: Months, label: NDArray[np.int64]) -> Months:
    return Months(of.values, of.account, label, of.group, of.classes)


def test_a_wrong_label_changes_nothing_of_how_its_own_account_is_judged() -> None:
    of = drawn(40)
    label = of.label.copy()
    label[7] = 1 - label[7]
    usual, wrong = (out_of_fold(each, 2) for each in (of, relabelled(of, label)))
    mine = of.account == 7
    assert np.array_equal(usual[mine], wrong[mine])
    assert not np.array_equal(usual[~mine], wrong[~mine]), "the others learn from it"


def test_accounts_of_one_group_never_judge_one_another() -> None:
    of = drawn(40)
    pairs = Months(of.values, of.account, of.label, of.group // 2, 2)
    label = of.label.copy()
    label[6:8] = 1 - label[6:8]
    usual, wrong = (
        out_of_fold(each, 2) for each in (pairs, Months(of.values, of.account, label, pairs.group, 2))
    )
    mine = np.isin(of.account, (6, 7))
    assert np.array_equal(usual[mine], wrong[mine])


def test_one_wrong_contract_in_ten_is_outvoted() -> None:
    of = drawn(100)
    label = of.label.copy()
    wrong = np.arange(0, 100, 10)
    label[wrong] = 1 - label[wrong]
    said = together(out_of_fold(relabelled(of, label), 3), of.account, 100).argmax(axis=1)
    assert (said == of.label).mean() >= 0.97
    assert (said[wrong] == of.label[wrong]).all(), "what they are, not what their contract says"


def test_who_is_not_labelled_is_judged_and_teaches_nothing() -> None:
    of = drawn(40)
    label = of.label.copy()
    label[3] = -1
    found = out_of_fold(relabelled(of, label), 3)
    assert not np.isnan(found).any()
    assert learned(relabelled(of, np.where(of.label == 1, -1, 0)), np.ones(len(of.values), np.bool_)) is None


def test_without_one_of_the_classes_nothing_is_said() -> None:
    of = drawn(8)
    found = out_of_fold(relabelled(of, np.zeros(8, np.int64)), 4)
    assert np.isnan(found).all()


def test_features_that_are_not_known_are_filled_and_a_row_without_any_is_not_judged() -> None:
    of = drawn(40)
    holes = of.values.copy()
    holes[::5, 0] = np.nan
    holes[3] = np.nan
    found = out_of_fold(Months(holes, of.account, of.label, of.group, 2), 2)
    assert np.isnan(found[3]).all()
    assert not np.isnan(np.delete(found, 3, axis=0)).any()


def test_a_fold_learns_from_a_bounded_number_of_months_evenly_of_classes() -> None:
    label = np.array([0] * 2000 + [1] * 30, np.int64)
    account = np.repeat(np.arange(2030), 3)
    of = Months(np.ones((len(account), 1), np.float32), account, label, np.arange(2030), 2)
    rows = model._chosen(of, np.arange(len(account)), 1)
    count = np.bincount(label[account[rows]])
    assert count.tolist() == [model.MOST_ROWS - 90, 90]
    assert len(set(rows)) == len(rows)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_months_together_are_probabilities_whatever_their_order(rows: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    each = random.dirichlet(np.ones(classes), rows)
    each[random.random(rows) < 0.2] = np.nan
    account = random.integers(0, 5, rows)
    found = together(each, account, 5)
    order = random.permutation(rows)
    assert found == pytest.approx(together(each[order], account[order], 5), nan_ok=True)
    known = np.isin(np.arange(5), account[~np.isnan(each).any(axis=1)])
    assert np.array_equal(~np.isnan(found).any(axis=1), known)
    assert found[known].sum(axis=1) == pytest.approx(1)
