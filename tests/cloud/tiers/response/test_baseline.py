"""The baseline on made-up days: which days count, how far the day itself moves it, and what it refuses."""

import numpy as np
import pytest

from cloud.tiers.response.baseline import Days, Refused, Rule, Window, baseline, bias, cv_rmse, errors

WINDOW = Window(72, 80, 96)
RULE = Rule()


def days(count: int = 30, level: float = 10.0, seed: int = 0) -> Days:
    """Every day alike, give or take a little."""
    random = np.random.default_rng(seed)
    kw = level * (1 + 0.1 * random.standard_normal((count, 1))) * np.ones((count, 96))
    return Days(kw, np.zeros(count, np.int8), np.ones(count, np.bool_))


def test_the_five_highest_of_the_ten_latest_days_are_averaged() -> None:
    known = days()
    found = baseline(known, 29, WINDOW, Rule(cap=0))
    ten = known.kw[19:29, 75]
    assert set(found.days) == set((np.argsort(-ten)[:5] + 19).tolist())
    assert found.kw[75] == pytest.approx(np.sort(ten)[-5:].mean())


def test_days_with_an_event_of_another_type_or_with_a_gap_do_not_count() -> None:
    known = days()
    known.usable[28] = False
    known.kinds[27] = 1
    known.kw[26, 74] = np.nan
    found = baseline(known, 29, WINDOW, Rule(best=10, least_days=10))
    assert set(found.days) == set(range(16, 26))


@pytest.mark.parametrize(("drawn", "factor"), [(1.1, 1.1), (2.0, 1.2), (0.2, 0.8)])
def test_the_hours_before_move_it_by_a_fifth_at_the_most(drawn: float, factor: float) -> None:
    known = days()
    known.kw[:] = 10
    known.kw[29, 56:64] = 10 * drawn
    found = baseline(known, 29, WINDOW, RULE)
    assert found.wanted == pytest.approx(drawn)
    assert found.factor == pytest.approx(factor)
    assert found.kw[75] == pytest.approx(10 * factor)


def test_what_happens_in_the_event_and_just_before_it_does_not_move_it() -> None:
    known, other = days(), days()
    other.kw[29, 64:] = 0
    one, two = (baseline(each, 29, WINDOW, RULE) for each in (known, other))
    np.testing.assert_array_equal(one.kw, two.kw)


def test_without_readings_before_the_event_it_is_not_adjusted() -> None:
    known = days()
    known.kw[29, 56:61] = np.nan
    assert baseline(known, 29, WINDOW, RULE).factor is None
    assert baseline(known, 29, Window(0, 8, 24), RULE).factor is None


def test_too_few_days_or_no_load_are_refused() -> None:
    assert baseline(days(8), 7, WINDOW, RULE).refused is Refused.FEW_DAYS
    assert baseline(days(9), 8, WINDOW, RULE).refused is None
    dark = days()
    dark.kw[:] = 0
    assert baseline(dark, 29, WINDOW, RULE).refused is Refused.NO_LOAD


def test_its_own_error_is_that_of_each_day_without_an_event_before() -> None:
    known = days(40)
    known.usable[35] = False
    found = errors(known, 39, WINDOW, RULE, 10)
    assert found.days.tolist() == [38, 37, 36, 34, 33, 32, 31, 30, 29, 28]
    for row, error in zip(found.days.tolist(), found.kw, strict=True):
        np.testing.assert_allclose(error, baseline(known, row, WINDOW, RULE).kw - known.kw[row])


def test_bias_and_cv_rmse_are_those_of_the_textbook() -> None:
    found = errors(days(40), 39, WINDOW, Rule(cap=0), 10)
    error, drawn = found.kw[:, 72:80].ravel(), found.drawn[:, 72:80].ravel()
    assert bias(found, WINDOW) == pytest.approx(error.sum() / drawn.sum())
    assert cv_rmse(found, WINDOW) == pytest.approx(np.sqrt((error**2).mean()) / drawn.mean())
    assert (bias(found, WINDOW) or 0) > 0.02
    nothing = errors(days(5), 4, WINDOW, RULE, 10)
    assert bias(nothing, WINDOW) is None
    assert cv_rmse(nothing, WINDOW) is None
