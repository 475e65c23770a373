"""The forecast's kernels say what their slow twins say, holes and all; trees say what scikit-learn says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.analysis.forecast import model
from cloud.analysis.forecast.similar import HOLIDAY, OFF, SATURDAY, WORK, Alike, candidates, similar
from cloud.analysis.kernels.similar import FEATURES
from cloud.analysis.kernels.spread import error_quantiles
from tests.cloud.analysis.forecast.forecast_twins import block_quantiles, features_of, similar_mean

Kw = NDArray[np.float32]
POINTS, DAYS, SLOTS = 4, 63, 96
KINDS = np.array([WORK, WORK, WORK, WORK, WORK, SATURDAY, OFF] * 10, np.int8)[: DAYS + 2]
WEEKDAYS = (np.arange(DAYS + 2) % 7).astype(np.int8)


def curves(seed: int, missing: float) -> Kw:
    random = np.random.default_rng(seed)
    kw = random.gamma(2, 1, (POINTS, DAYS, SLOTS)).astype(np.float32)
    kw[random.random(kw.shape) < missing] = np.nan
    return kw


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_similar_days_are_those_of_the_twin(missing: float) -> None:
    kw = curves(1, missing)
    usable = np.random.default_rng(2).random((POINTS, DAYS)) < 0.8
    targets = [10, 40, DAYS]
    found, used = similar(kw, usable, KINDS, targets)
    for place, days in enumerate(candidates(KINDS, targets, Alike())):
        np.testing.assert_allclose(found[:, place], similar_mean(kw, usable, days, 5), rtol=1e-5)
    assert used.max() == 5


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("lead", [1, 2])
def test_features_are_those_of_the_twin(missing: float, lead: int) -> None:
    kw = curves(3, missing)
    usable = np.ones((POINTS, DAYS), np.bool_)
    target = DAYS - 1 + lead
    found = model.lags(kw, usable, KINDS, WEEKDAYS, target, Alike(), lead=lead)
    days = candidates(KINDS, [target], Alike(), lead=lead)[0]
    for name, wanted in features_of(kw, usable, days, DAYS - 1, target, 5).items():
        np.testing.assert_allclose(found.column(name), wanted, rtol=2e-4, atol=1e-5, err_msg=name)


def test_what_lies_after_the_newest_known_day_changes_no_feature() -> None:
    kw = curves(4, 0.1)
    usable = np.ones((POINTS, DAYS), np.bool_)
    before = model.lags(kw, usable, KINDS, WEEKDAYS, 50, Alike(), lead=2)
    kw[:, 49:] = 1e6
    after = model.lags(kw, usable, KINDS, WEEKDAYS, 50, Alike(), lead=2)
    np.testing.assert_array_equal(before.rows, after.rows)
    np.testing.assert_array_equal(before.scale, after.scale)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_quantiles_of_errors_are_those_of_the_twin(missing: float) -> None:
    errors = curves(5, missing)[:, :20] - 2
    errors[0, :, :4] = np.nan
    chosen = np.arange(20) % 3 != 0
    out, days = np.empty((POINTS, 2, SLOTS // 4), np.float32), np.empty(POINTS, np.int64)
    error_quantiles(errors.copy(), chosen, 4, 0.1, 0.9, out, days)
    np.testing.assert_allclose(out, block_quantiles(errors, chosen, 4, 0.1, 0.9), rtol=1e-4, atol=1e-6)
    assert days.tolist() == [13] * POINTS


def test_trees_as_arrays_say_what_scikit_learn_says() -> None:
    from sklearn.ensemble import HistGradientBoostingRegressor

    random = np.random.default_rng(6)
    rows = random.normal(size=(5000, len(FEATURES))).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    rows[:, -1] = np.nan  # a feature that nobody knows is not learned from
    truth = (np.nan_to_num(rows[:, 0]) * 2 + np.isnan(rows[:, 1]) + 5).astype(np.float32)
    how = model.Learning(trees=10)
    trees = model.Trees.from_bytes(model.learn(rows, truth, how).to_bytes())
    peer = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=how.trees, max_leaf_nodes=how.leaves, max_depth=how.depth,
        learning_rate=how.rate, min_samples_leaf=how.least_in_leaf, early_stopping=False, random_state=0,
    ).fit(rows[:, :-1], truth)  # fmt: skip
    asked = model.Lags(rows[:960].reshape(10, 96, -1), np.ones(10, np.float32), np.zeros(10, np.int16))
    wanted = np.maximum(peer.predict(rows[:960, :-1]), 0).reshape(10, 96)
    np.testing.assert_allclose(model.predict(trees, asked), wanted, rtol=1e-6)


def test_too_little_to_learn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        model.learn(np.zeros((10, len(FEATURES)), np.float32), np.zeros(10, np.float32))


@given(st.lists(st.sampled_from([WORK, SATURDAY, OFF, HOLIDAY]), min_size=30, max_size=80), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_days_alike_lie_before_what_is_known_and_are_of_that_kind(kinds: list[int], lead: int) -> None:
    every = np.array(kinds, np.int8)
    target = len(kinds) - 1
    days = candidates(every, [target], Alike(), lead=lead)[0]
    known = days[days >= 0]
    assert (known <= target - lead).all()
    assert (np.diff(known) < 0).all()
    allowed = {kinds[target]} if kinds[target] != HOLIDAY else {OFF, HOLIDAY}
    assert {kinds[day] for day in known} <= allowed


def test_a_holiday_is_like_earlier_holidays_when_there_are_enough_and_else_like_a_sunday() -> None:
    kinds = np.array([OFF, WORK, HOLIDAY, WORK, HOLIDAY, OFF, HOLIDAY], np.int8)
    assert candidates(kinds, [6], Alike())[0][:2].tolist() == [4, 2]
    assert candidates(kinds, [6], Alike())[0][2] == -1
    assert candidates(kinds, [4], Alike())[0][:3].tolist() == [2, 0, -1]
    assert candidates(kinds, [5], Alike())[0][:2].tolist() == [0, -1]
