"""How good the forecast is on real curves: a smaller measure of what `make bench ONLY=forecast` measures."""

import pytest

from tests import simbench_forecast
from tests.simbench_forecast import AGGREGATES, SINGLE, Outcome


@pytest.fixture(scope="module")
def found() -> Outcome:
    return simbench_forecast.outcome(folds=2, rows=50_000, step=4)


def test_it_misses_customers_by_at_most_22_percent_and_aggregates_by_16_and_a_half(found: Outcome) -> None:
    assert found.wape(SINGLE) <= 0.22
    assert found.wape(AGGREGATES) <= 0.165


def test_what_was_chosen_is_seldom_worse_than_similar_days(found: Outcome) -> None:
    assert found.worse_share(SINGLE) <= 0.10


def test_eight_days_of_ten_lie_between_p10_and_p90(found: Outcome) -> None:
    assert found.coverage(SINGLE) == pytest.approx(0.80, abs=0.03)
    assert found.coverage(AGGREGATES) == pytest.approx(0.80, abs=0.03)
