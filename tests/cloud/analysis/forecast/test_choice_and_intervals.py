"""Who speaks for a customer, how wide its interval is, and what a forecast was worth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.analysis.forecast import backtest, coherence, intervals
from cloud.analysis.forecast.choice import Method, Reason, choose
from cloud.analysis.forecast.figures import figures
from cloud.analysis.forecast.intervals import Levels
from cloud.analysis.forecast.outlook import Limits, Unknown, outlook

SLOTS = 96


def test_the_model_speaks_only_where_it_won_by_the_margin_over_enough_days() -> None:
    errors = np.array([[10, 11, 9.9, 9.95], [10, 11, 8, 9], [10, 11, 8, 9], [10, 9, np.nan, np.nan],
                       [10, 10, np.nan, np.nan]])  # fmt: skip
    method, reason = choose(errors, np.array([28, 28, 5, 28, 28]), margin=0.03, least_days=14)
    assert method.tolist() == [
        Method.SIMILAR, Method.MODEL, Method.SIMILAR, Method.WEIGHTED, Method.SIMILAR,
    ]  # fmt: skip
    assert reason.tolist() == [
        Reason.NO_GAIN, Reason.WINS, Reason.FEW_DAYS, Reason.WINS, Reason.NO_MODEL,
    ]  # fmt: skip


def test_figures_are_those_reckoned_by_hand() -> None:
    truth = np.full((1, SLOTS), 2, np.float32)
    truth[0, 10], truth[0, 20] = 4, np.nan
    p50 = np.full((1, SLOTS), 3, np.float32)
    p50[0, 12] = 5
    found = figures(backtest.sums(truth, p50 - 2, p50, p50 + 0.5, truth + 4).astype(np.float64)[0])
    assert found.days == 1
    assert found.wape == pytest.approx((93 + 1 + 3) / (94 * 2 + 4))
    assert found.bias == pytest.approx((93 - 1 + 3) / (94 * 2 + 4))
    assert found.mase == pytest.approx(97 / 95 / 4)
    assert found.coverage == pytest.approx(93 / 95)
    assert found.peak_error == pytest.approx(1 / 4)
    assert found.peak_shift_min == 30


def test_days_of_which_too_little_is_known_tell_nothing_of_peaks() -> None:
    truth = np.full((2, SLOTS), 2, np.float32)
    truth[:, 10] = 4
    p50 = np.full((2, SLOTS), 2, np.float32)
    p50[:, 12] = 4
    truth[1, 50:] = np.nan
    found = figures(backtest.sums(truth, p50, p50, p50, truth).astype(np.float64).sum(axis=0))
    assert found.days == 2
    assert found.peak_shift_min == 30


def test_zeros_have_no_share_of_error_and_what_was_estimated_counts_nowhere() -> None:
    zero, nan = np.zeros((1, SLOTS), np.float32), np.full((1, SLOTS), np.nan, np.float32)
    nothing = figures(backtest.sums(zero, zero, zero, zero, zero).astype(np.float64)[0])
    assert nothing.wape is None
    assert nothing.days == 1
    unknown = figures(backtest.sums(nan, zero, zero, zero, zero).astype(np.float64)[0])
    assert unknown.days == 0
    assert unknown.coverage is None


def test_intervals_are_as_lopsided_as_the_errors_were() -> None:
    random = np.random.default_rng(3)
    errors = random.exponential(1, (2, 40, SLOTS)).astype(np.float32) - 0.1
    kinds = np.array([0, 0, 0, 0, 1] * 8, np.int8)
    offset = intervals.offsets(errors, kinds, 0, Levels())
    low, high = intervals.around(np.full((2, SLOTS), 5, np.float32), offset, np.ones((2, 2), np.float32))
    assert (high - 5).mean() > 10 * (5 - low).mean()
    fresh = 5 + random.exponential(1, (500, 2, SLOTS)) - 0.1
    assert np.mean((fresh >= low) & (fresh <= high)) == pytest.approx(0.8, abs=0.06)


def test_intervals_of_days_off_are_drawn_from_days_off_and_holidays() -> None:
    kinds = np.array([0, 0, 0, 0, 0, 1, 2] * 6 + [3], np.int8)
    errors = np.random.default_rng(4).normal(0, 1, (1, len(kinds), SLOTS)).astype(np.float32)
    errors[:, kinds >= 2] *= 10
    wide = {
        kind: float(np.ptp(intervals.offsets(errors, kinds, kind, Levels()), axis=1).mean())
        for kind in (0, 1, 2, 3)
    }
    assert wide[2] == wide[3] > 5 * wide[0]
    assert wide[1] < 2 * wide[0]


def test_a_side_that_is_missed_too_often_grows_and_one_never_missed_shrinks() -> None:
    truth = np.full((1, SLOTS), 10, np.float32)
    width = intervals.stretched(np.ones((1, 2), np.float32), truth, truth - 1, truth - 0.5, Levels())
    assert width[0, 1] > 1.3
    assert width[0, 0] < 1
    nothing = intervals.stretched(width, truth * np.nan, truth, truth, Levels())
    np.testing.assert_array_equal(nothing, width)


@given(st.integers(0, 10_000), st.floats(0.5, 2))
@settings(max_examples=40, deadline=None)
def test_reconciled_customers_add_up_to_their_area_and_none_is_negative(seed: int, by: float) -> None:
    random = np.random.default_rng(seed)
    p50 = random.gamma(2, 1, (12, SLOTS)).astype(np.float32)
    p50[0] = np.nan
    whole = np.nansum(p50, axis=0) * np.float32(by)
    found = coherence.shared(p50, p50 * 0.7, p50 * 1.6, whole)
    np.testing.assert_allclose(np.nansum(found, axis=0), whole, rtol=1e-4)
    assert np.nanmin(found) >= 0
    assert np.isnan(found[0]).all()


def test_a_total_with_few_missing_is_scaled_and_with_many_is_not_said() -> None:
    kw = np.full((20, 2, SLOTS), 3, np.float32)
    kw[0, 0, 5] = np.nan
    kw[:10, 1, 7] = np.nan
    found = coherence.total(kw)
    assert found[0, 5] == pytest.approx(60)
    assert np.isnan(found[1, 7])
    assert found[1, 8] == 60


def test_what_came_of_a_sum_is_held_against_those_that_were_forecast() -> None:
    truth = np.full((20, SLOTS), 3, np.float32)
    said = np.full((20, SLOTS), 2, np.float32)
    truth[0, 5], truth[:10, 7], said[1] = np.nan, np.nan, np.nan
    found = coherence.came(truth, said)
    assert found[4] == 57  # of the one without a forecast nothing counts
    assert found[5] == pytest.approx(57)
    assert np.isnan(found[7])


def test_the_better_of_two_forecasts_of_a_whole_is_taken_and_its_own_while_nobody_knows() -> None:
    a, b = np.full(SLOTS, 10, np.float32), np.full(SLOTS, 20, np.float32)
    assert coherence.better(a, b, 1, 3)[0] == 10
    assert coherence.better(a, b, 3, 1)[0] == 20
    assert coherence.better(a, b, np.nan, np.nan)[0] == 10
    assert coherence.better(a * np.nan, b, 1, 3)[0] == 20


def test_two_hours_over_the_limit_count_and_a_peak_of_one_does_not() -> None:
    def said(slots: int, **more: float) -> float | None:
        p50 = np.full(SLOTS, 50, np.float32)
        p50[40 : 40 + slots] = 120
        found = outlook(p50 - 0.1, p50, p50 + 0.1, 100, Limits(), power_factor=1, assumed=False)
        return found.over_probability

    assert said(8) == pytest.approx(1)
    assert said(7) == pytest.approx(0)


def test_the_chance_of_overload_is_that_of_the_median_at_the_limit() -> None:
    p50 = np.full(SLOTS, 95, np.float32)
    found = outlook(p50 - 20, p50, p50 + 20, 100, Limits(), power_factor=0.95, assumed=True)
    assert found.over_probability == pytest.approx(0.5, abs=0.03)
    assert found.heavy_probability is not None
    assert 0.8 < found.heavy_probability < 1
    assert found.peak_beta_p50 == pytest.approx(1)
    assert found.over_hours == pytest.approx(12, abs=1)
    unknown = outlook(p50, p50, p50, None, Limits(), power_factor=0.95, assumed=True)
    assert unknown.reason is Unknown.NO_CAPACITY
    assert unknown.over_probability is None


def test_an_outlook_without_bounds_stands_on_the_median_and_not_on_nothing() -> None:
    p50, nothing = np.full(SLOTS, 101, np.float32), np.full(SLOTS, np.nan, np.float32)
    found = outlook(nothing, p50, nothing, 100, Limits(), power_factor=1, assumed=False)
    assert found.over_probability == pytest.approx(1)
    assert found.peak_beta_p90 == pytest.approx(1.01)
