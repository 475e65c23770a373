"""On real load curves with an error of 5 % in every monthly figure tiers are steady, and still tell apart."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.simbench_station import station
from tests.simbench_tiers import lived, steadiness


@pytest.fixture(scope="module")
def tiers() -> NDArray[np.int64]:
    return lived(station(400, 5))


def test_few_move_in_a_month_and_hardly_any_come_back(tiers: NDArray[np.int64]) -> None:
    found = steadiness(tiers)
    assert found.rated == 400
    assert found.flips <= 0.03
    assert found.later <= 0.03
    assert found.oscillation < 0.01


def test_a_tier_that_was_reached_stayed_for_three_months(tiers: NDArray[np.int64]) -> None:
    for row in tiers:
        changes = np.flatnonzero(np.diff(row) != 0)
        assert (np.diff(changes) >= 3).all()


def test_every_tier_has_its_customers(tiers: NDArray[np.int64]) -> None:
    shares = np.bincount(tiers[:, -1], minlength=4) / len(tiers)
    assert (shares > 0.03).all()
