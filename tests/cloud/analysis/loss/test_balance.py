"""Supply against sales: what is measured, what is bounded, what cannot be said, and why."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.analysis.loss.balance import (
    CUSTOMER,
    OUTSIDE,
    SUPPLY,
    Balance,
    Bounded,
    Limits,
    balance,
    bounded,
    like_day_upper,
    states,
)
from cloud.analysis.loss.states import REASONS, STATES, Reason, State

Floats = NDArray[np.float64]
NAN = np.nan


def exact(*rows: list[float]) -> Bounded:
    values = np.array(rows, float)
    return Bounded(values, values, values)


def one_area(
    drawn: Bounded, fed: Bounded | None = None, limits: Limits | None = None
) -> tuple[Balance, State, Reason]:
    """The first row is the area meter."""
    points, days = drawn.value.shape
    role = np.array([SUPPLY] + [CUSTOMER] * (points - 1))
    nothing = exact(*[[0.0] * days] * points)
    found = balance(np.zeros((points, days), int), role, drawn, fed or nothing, 1, limits or Limits())
    return found, *told(found, limits)


def told(found: Balance, limits: Limits | None = None, at: tuple[int, int] = (0, 0)) -> tuple[State, Reason]:
    none = np.full(found.supply.shape, NAN)
    state, reason, _ = states(found, limits or Limits(), none, none)
    return STATES[state[at]], REASONS[reason[at]]


def test_a_loss_is_what_went_in_and_was_not_sold() -> None:
    found, state, reason = one_area(exact([100.0], [60.0], [35.0]))
    assert (found.supply[0, 0], found.sales[0, 0], found.loss[0, 0]) == (100, 95, 5)
    assert found.rate[0, 0] == pytest.approx(0.05)
    assert (state, reason) == (State.NORMAL, Reason.NONE)


def test_what_prosumers_feed_in_is_supply_and_what_the_area_gives_back_is_not() -> None:
    drawn = exact([100.0], [60.0], [20.0])
    fed = exact([30.0], [0.0], [15.0])
    found, state, _ = one_area(drawn, fed)
    assert found.supply[0, 0] == 100 - 30 + 15
    assert found.loss[0, 0] == pytest.approx(5)
    assert state is State.NORMAL


def test_a_missing_meter_never_looks_like_loss() -> None:
    low, high = np.array([[100.0], [60.0], [0.0]]), np.array([[100.0], [60.0], [45.0]])
    drawn = Bounded(np.array([[100.0], [60.0], [NAN]]), low, high)
    found, state, reason = one_area(drawn)
    assert np.isnan(found.loss[0, 0])
    assert (found.low[0, 0], found.high[0, 0]) == (-5, 40)
    assert (state, reason) == (State.NOT_COMPUTABLE, Reason.METERS_MISSING)
    assert found.unmeasured[0, 0] == 1


def test_a_loss_that_no_missing_meter_can_explain_is_high_all_the_same() -> None:
    low, high = np.array([[100.0], [30.0], [0.0]]), np.array([[100.0], [30.0], [20.0]])
    found, state, reason = one_area(Bounded(np.array([[100.0], [30.0], [10.0]]), low, high))
    assert (state, reason) == (State.HIGH, Reason.OVER_LIMIT)
    assert found.estimated[0, 0] == pytest.approx(10 / 40)


def test_a_missing_meter_of_which_nothing_is_known_has_no_upper_bound() -> None:
    drawn = bounded(
        np.array([[100.0], [NAN]]),
        np.array([[100.0], [NAN]]),
        np.array([[True], [False]]),
        np.full((2, 1), NAN),
    )
    found, state, _ = one_area(drawn)
    assert found.low[0, 0] == -np.inf
    assert state is State.NOT_COMPUTABLE


def test_more_sold_than_supplied_is_negative() -> None:
    _, state, reason = one_area(exact([100.0], [80.0], [30.0]))
    assert (state, reason) == (State.NEGATIVE, Reason.MORE_SOLD)


def test_a_day_of_nothing_has_no_rate_but_a_reason() -> None:
    found, state, reason = one_area(exact([0.0], [0.0], [0.0]))
    assert np.isnan(found.rate[0, 0])
    assert (state, reason) == (State.NOT_COMPUTABLE, Reason.SUPPLY_ZERO)


def test_an_area_meter_that_stands_still_is_told_as_that() -> None:
    _, state, reason = one_area(exact([0.0], [40.0], [30.0]))
    assert (state, reason) == (State.NOT_COMPUTABLE, Reason.AREA_METER_STILL)


def test_without_an_area_meter_or_its_day_there_is_no_balance() -> None:
    customers = exact([60.0], [20.0])
    nothing = exact([0.0], [0.0])
    alone = balance(np.zeros((2, 1), int), np.array([CUSTOMER] * 2), customers, nothing, 1, Limits())
    assert told(alone) == (State.NOT_COMPUTABLE, Reason.NO_AREA_METER)
    low, high = np.array([[0.0], [60.0]]), np.array([[150.0], [60.0]])
    found, state, reason = one_area(Bounded(np.array([[NAN], [60.0]]), low, high))
    assert (state, reason) == (State.NOT_COMPUTABLE, Reason.AREA_METER_MISSING)
    assert np.isnan(found.supply[0, 0])


def test_a_point_counts_where_it_stood_that_day() -> None:
    area = np.array([[0, 0], [1, 1], [0, 1], [OUTSIDE, 0], [1, 1]])
    role = np.array([SUPPLY, SUPPLY, CUSTOMER, CUSTOMER, CUSTOMER])
    drawn = exact([20.0, 20.0], [20.0, 20.0], [10.0, 10.0], [5.0, 5.0], [1.0, 1.0])
    found = balance(area, role, drawn, exact(*[[0.0, 0.0]] * 5), 2, Limits())
    assert found.sales.tolist() == [[10, 5], [1, 11]]


def test_above_its_own_technical_loss_an_area_is_high_below_the_limit_too() -> None:
    found, _, _ = one_area(exact([100.0], [50.0], [41.0]))
    state, reason, z = states(found, Limits(), np.array([[3.0]]), np.array([[0.5]]))
    assert (STATES[state[0, 0]], REASONS[reason[0, 0]]) == (State.HIGH, Reason.OVER_BASELINE)
    assert z[0, 0] == pytest.approx(12)


def test_the_upper_bound_is_the_most_of_measured_days_before_and_never_of_the_day_itself() -> None:
    got = like_day_upper(np.array([[3.0, 5.0, NAN, 9.0]]), back=2, margin=2.0)
    np.testing.assert_array_equal(got, [[NAN, 6.0, 10.0, 10.0]])


@given(st.data())
def test_the_bounds_hold_whatever_the_missing_meters_used(data: st.DataObject) -> None:
    kwh = st.floats(0, 50)
    true = np.array([[each] for each in data.draw(st.lists(kwh, min_size=2, max_size=6))])
    supply = true.sum() * 1.03 + 5
    known = np.array(
        [[each] for each in data.draw(st.lists(st.booleans(), min_size=len(true), max_size=len(true)))]
    )
    top = true + data.draw(kwh)
    low, high = np.where(known, true, 0.0), np.where(known, true, top)
    drawn = Bounded(
        np.vstack([[[supply]], np.where(known, true, NAN)]),
        np.vstack([[[supply]], low]),
        np.vstack([[[supply]], high]),
    )
    found, state, _ = one_area(drawn)
    loss = supply - true.sum()
    assert found.low[0, 0] - 1e-9 <= loss <= found.high[0, 0] + 1e-9
    _, with_all, _ = one_area(exact([supply], *true.tolist()))
    assert state in (with_all, State.NOT_COMPUTABLE)


def test_all_areas_at_once_are_each_alone() -> None:
    random = np.random.default_rng(1)
    areas, points, days = 7, 60, 5
    area = random.integers(0, areas, (points, days))
    role = np.where(np.arange(points) < areas, SUPPLY, CUSTOMER)
    area[:areas] = np.arange(areas)[:, None]
    drawn = random.gamma(2.0, 3.0, (points, days))
    fed = random.gamma(0.2, 1.0, (points, days))
    drawn[:areas] += 100
    found = balance(area, role, exact(*drawn.tolist()), exact(*fed.tolist()), areas, Limits())
    for at in range(areas):
        for day in range(days):
            own = [number for number in range(areas, points) if area[number, day] == at]
            supply = drawn[at, day] - fed[at, day] + sum(fed[number, day] for number in own)
            sales = sum(drawn[number, day] for number in own)
            assert found.loss[at, day] == pytest.approx(supply - sales)
            assert found.points[at, day] == len(own)
