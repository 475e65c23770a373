"""What may be promoted into which hours: never where nothing is known."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.analysis.forecast.figures import NOTHING
from cloud.insight.forecast.store import Forecast, Kind, Method, Outlook, Reason
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.tiers.overload import OverloadPolicy, Unknown, near, near_overload, overload_policy, reached

DAY = date(2026, 8, 3)
POLICY = OverloadPolicy(version="t", source="t", beta=0.8, probability=0.1)


def forecast(p50: NDArray[np.float32], capacity: float | None = 100.0, width: float = 5.0) -> Forecast:
    outlook = Outlook(capacity, 0.95, False, None, None, None, None, None, None, None)
    at = datetime(2026, 8, 2, tzinfo=UTC)
    low, high = p50 - np.float32(width), p50 + np.float32(width)
    return Forecast(
        Kind.TRANSFORMER, "A01", DAY, at, DAY, Method.SIMILAR, Reason.NO_GAIN,
        low, p50, high, 5, 0.0, NOTHING, NOTHING, NOTHING, outlook,
    )  # fmt: skip


def evening(kw: float) -> NDArray[np.float32]:
    found = np.full(96, 20, np.float32)
    found[72:84] = kw
    return found


def test_hours_that_may_reach_the_limit_are_near_and_the_others_are_free() -> None:
    found = near("A01", DAY, forecast(evening(74)), POLICY)
    assert found.slots == frozenset(range(72, 84))
    assert found.limit_kw == pytest.approx(76)
    assert not found.allows(range(70, 73))
    assert found.allows(range(40, 48))


def test_the_width_of_the_forecast_decides_not_its_middle_alone() -> None:
    assert near("A01", DAY, forecast(evening(74), width=1), POLICY).slots == frozenset()
    assert near("A01", DAY, forecast(evening(74), width=3), POLICY).slots


def test_the_probability_at_p90_is_a_tenth_and_at_the_median_a_half() -> None:
    one = np.full(1, 50, np.float32)
    for limit, chance in ((50.0, 0.5), (60.0, 0.1), (45.0, 0.9), (200.0, 0.0)):
        assert reached(one - 5, one, one + 10, limit)[0] == pytest.approx(chance, abs=1e-6)


def test_without_a_forecast_or_a_capacity_nothing_is_allowed(database: Database) -> None:
    with database.read() as connection:
        none = near_overload(connection, "A01", DAY, POLICY)
    assert none.unknown is Unknown.NO_FORECAST
    assert not none.allows([0])
    assert near("A01", DAY, forecast(evening(10), capacity=None), POLICY).unknown is Unknown.NO_CAPACITY
    blank = near("A01", DAY, forecast(np.full(96, np.nan, np.float32)), POLICY)
    assert blank.unknown is Unknown.NO_FORECAST


def test_a_hole_in_the_forecast_is_near() -> None:
    curve = evening(10)
    curve[5] = np.nan
    assert near("A01", DAY, forecast(curve), POLICY).slots == {5}


def test_the_policy_ships_and_a_wrong_one_is_refused_with_its_line(tmp_path: Path) -> None:
    assert overload_policy().beta > 0
    (tmp_path / "overload.toml").write_text('version = "1"\nsource = "s"\nbeta = 9.0\nprobability = 0.1\n')
    with pytest.raises(Invalid, match=r"overload.toml:3"):
        overload_policy(tmp_path)
