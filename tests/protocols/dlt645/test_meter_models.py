"""The models that read all a meter has add to the ordinary ones; those read no more than they did."""

import pytest

from protocols import models


@pytest.mark.parametrize(
    ("name", "count"), [("dlt645-2007-3p", 29), ("dlt645-2007-1p", 7), ("dlt645-1997-1p", 5)]
)
def test_the_ordinary_models_read_what_they_always_read(name: str, count: int) -> None:
    assert len(models.load(name).points) == count


@pytest.mark.parametrize("name", ["dlt645-2007-3p", "dlt645-2007-1p"])
def test_a_full_model_reads_all_of_the_ordinary_one_and_more(name: str) -> None:
    ordinary, full = models.load(name), models.load(f"{name}-full")
    assert {(point.quantity, point.di) for point in ordinary.points} < {
        (point.quantity, point.di) for point in full.points
    }
    more = {point.quantity for point in full.points} - {point.quantity for point in ordinary.points}
    assert {"demand_power_w", "current_n_a", "temperature_c", "apparent_power_va"} <= more
