"""Scores, reasons and nearest changes: properties that hold whatever the customers are like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from cloud.tiers.rating.nearest import nearest, reached
from cloud.tiers.rating.percentiles import comparisons, midrank
from cloud.tiers.rating.scores import Scored, margin, scored, top

NAMES = ("annual_kwh", "load_factor", "coincidence")
WEIGHTS = {"annual_kwh": 0.5, "load_factor": 0.3, "coincidence": -0.2}
LEAST = 10


def judged(values: NDArray[np.float64]) -> Scored:
    return scored(values, NAMES, WEIGHTS, least_share=0.4, least_group=LEAST)


@st.composite
def tables(draw: st.DrawFn) -> NDArray[np.float64]:
    """Shares between 0 and 1 with many ties, an energy; some unknown."""
    count = draw(st.integers(12, 40))
    share = st.integers(0, 20).map(lambda each: each / 20)
    value = st.one_of(share, st.just(float("nan")))
    table = draw(arrays(float, (count, len(NAMES)), elements=value))
    table[:, 0] *= 5_000
    return table


@settings(max_examples=40, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_customers_does_not_matter(table: NDArray[np.float64], random: object) -> None:
    order = np.arange(len(table))
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_allclose(judged(table[order]).score, judged(table).score[order], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from([0.001, 0.5, 4.0, 1024.0]))
def test_another_unit_of_an_input_changes_nothing(table: NDArray[np.float64], factor: float) -> None:
    np.testing.assert_array_equal(judged(table * [factor, 1, 1]).score, judged(table).score)


@settings(max_examples=40, deadline=None)
@given(tables())
def test_the_parts_make_up_the_score(table: NDArray[np.float64]) -> None:
    found = judged(table)
    known = ~np.isnan(found.score)
    np.testing.assert_allclose(0.5 + found.parts[known].sum(axis=1), found.score[known], atol=1e-12)
    np.testing.assert_allclose(found.weight[known].sum(axis=1), 1.0, atol=1e-12)
    assert (found.coverage[known] >= 0.4 - 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(tables())
def test_one_input_changed_as_told_crosses_the_cut(table: NDArray[np.float64]) -> None:
    found = judged(table)
    for target in (0.3, 0.5, 0.7):
        told = nearest(table, found, np.full(len(table), target))
        for row in np.flatnonzero(told.column >= 0):
            after = reached(table, found, int(row), int(told.column[row]), float(told.value[row]))
            assert (after > target) == (found.score[row] < target)


def test_a_missing_input_is_left_out_and_never_counts_as_nothing() -> None:
    table = np.column_stack([np.arange(20.0), np.arange(20.0) / 20, np.full(20, 0.5)])
    holed = table.copy()
    holed[19, 0] = np.nan
    found = judged(holed)
    assert found.coverage[19] == pytest.approx(0.5)
    assert found.score[19] > 0.75
    zeroed = table.copy()
    zeroed[19, 0] = 0
    assert judged(zeroed).score[19] < found.score[19]


def test_what_few_have_is_compared_for_nobody() -> None:
    table = np.full((30, 3), np.nan)
    table[:, 0] = np.arange(30)
    table[:9, 1] = 0.5
    found = judged(table)
    assert found.compared[1] is None
    assert np.isnan(found.q[:, 1]).all()


def test_too_little_known_gives_no_score() -> None:
    table = np.column_stack([np.full(20, np.nan), np.arange(20.0) / 20, np.full(20, np.nan)])
    assert np.isnan(judged(table).score).all()


def test_a_voltage_of_few_is_compared_with_its_whole_class_and_a_class_of_few_with_nobody() -> None:
    classes = ["business"] * 15 + ["farm"] * 9
    voltages = ["380V"] * 11 + ["10kV"] * 4 + ["380V"] * 9
    found = comparisons(classes, voltages, LEAST)
    assert [(each.class_, each.members.tolist(), each.rated.tolist()) for each in found] == [
        ("business", list(range(11)), list(range(11))),
        ("business", list(range(15)), [11, 12, 13, 14]),
    ]


def test_percentiles_of_ties_are_their_mean_rank() -> None:
    known = np.array([1.0, 2, 2, 2, 9])
    assert midrank(known, known).tolist() == [0.1, 0.5, 0.5, 0.5, 0.9]


def test_a_value_that_is_told_is_nobody_elses() -> None:
    random = np.random.default_rng(3)
    table = np.column_stack(
        [random.lognormal(8, 1, 200), random.uniform(0.1, 0.9, 200), random.uniform(0.1, 0.9, 200)]
    )
    told = nearest(table, judged(table), np.full(200, 0.6))
    assert (told.column >= 0).sum() > 150
    for row in np.flatnonzero(told.column >= 0):
        column = int(told.column[row])
        assert told.value[row] not in table[:, column]
        assert float(f"{told.value[row]:.2g}") == pytest.approx(float(told.value[row]))


def test_the_margin_follows_how_much_scores_move_within_its_bounds() -> None:
    assert margin(np.array([0.1, 0.2, 0.3, np.nan]), 0.5, 0.01, 0.2) == pytest.approx(0.05)
    assert margin(np.array([np.nan]), 0.5, 0.01, 0.2) == 0.01
    assert margin(np.array([-1.0, 0, 1.0]), 0.5, 0.01, 0.2) == 0.2


def test_the_top_three_are_those_that_count_most_and_only_what_is_known() -> None:
    parts = np.array([[0.1, -0.3, 0.2, 0.0], [0.1, 0.0, 0.0, 0.0]])
    q = np.array([[0.6, 0.1, 0.7, 0.5], [0.6, np.nan, np.nan, np.nan]])
    assert top(parts, q).tolist() == [[1, 2, 0], [0, -1, -1]]


def test_a_share_of_bills_changes_by_a_whole_bill_and_any_other_by_a_hundredth_at_least() -> None:
    names, weights = ("punctuality", "load_factor"), {"punctuality": 0.6, "load_factor": 0.4}
    table = np.column_stack([np.repeat([10 / 12, 11 / 12, 1.0], 10), np.linspace(0.3, 0.6, 30)])
    found = scored(table, names, weights, least_share=0.4, least_group=LEAST)
    told = nearest(table, found, np.full(30, 0.55))
    for row in np.flatnonzero(told.column >= 0):
        change = abs(told.value[row] - table[row, told.column[row]])
        assert change >= (1 / 12, 0.01)[told.column[row]] - 1e-9
        if told.column[row] == 0:
            assert told.value[row] * 12 == pytest.approx(round(told.value[row] * 12))
