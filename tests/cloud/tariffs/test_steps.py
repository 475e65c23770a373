"""Steps: every kWh lies in exactly one, limits are inclusive, what was used before counts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.tariffs.steps import crossing, prorated, split

LIMITS = (Decimal(2760), Decimal(4800))
ENERGY = st.decimals(0, 100_000, places=3)


@pytest.mark.parametrize(
    ("kwh", "before", "found"),
    [
        ("2760", "0", ["2760", "0", "0"]),
        ("2760.01", "0", ["2760", "0.01", "0"]),
        ("5000", "0", ["2760", "2040", "200"]),
        ("300", "2600", ["160", "140", "0"]),
        ("100", "4800", ["0", "0", "100"]),
        ("0", "100", ["0", "0", "0"]),
    ],
)
def test_a_use_is_shared_among_the_steps(kwh: str, before: str, found: list[str]) -> None:
    assert list(split(Decimal(kwh), Decimal(before), LIMITS)) == [Decimal(each) for each in found]


@given(ENERGY, ENERGY)
def test_nothing_is_lost_and_nothing_counts_twice(kwh: Decimal, before: Decimal) -> None:
    found = split(kwh, before, LIMITS)
    assert sum(found) == kwh
    assert all(each >= 0 for each in found)


@given(st.lists(ENERGY, min_size=1, max_size=12))
def test_months_one_by_one_come_to_the_year_at_once(months: list[Decimal]) -> None:
    used, sums = Decimal(0), [Decimal(0)] * 3
    for kwh in months:
        sums = [one + other for one, other in zip(sums, split(kwh, used, LIMITS), strict=True)]
        used += kwh
    assert tuple(sums) == split(used, Decimal(0), LIMITS)


def test_without_limits_there_is_one_step() -> None:
    assert split(Decimal(7), Decimal(3), ()) == (Decimal(7),)


def test_who_moved_in_has_a_part_of_the_years_allowance() -> None:
    assert prorated(LIMITS, 5) == (Decimal(1150), Decimal(2000))
    with pytest.raises(ValueError, match="0 months"):
        prorated(LIMITS, 0)


def test_what_is_left_to_the_next_limit() -> None:
    assert crossing(Decimal(2700), LIMITS) == 60
    assert crossing(Decimal(2760), LIMITS) == 2040
    assert crossing(Decimal(4800), LIMITS) is None


def test_a_negative_use_and_limits_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        split(Decimal(-1), Decimal(0), LIMITS)
    with pytest.raises(ValueError, match="do not rise"):
        split(Decimal(1), Decimal(0), (Decimal(5), Decimal(5)))
