"""What is paid: never below zero, never above what was accepted, and always the same."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.tiers.response.settlement import Fixed, LineKind, Why, lines, most

TERMS = Fixed(Decimal("2.00"), Decimal("1.00"), Decimal("0.5"))
MONEY = st.decimals(0, 100, places=4)
KW = st.decimals("0.1", 5000, places=3)
HOURS = st.sampled_from([Decimal(n) / 4 for n in range(1, 17)])
KWH = st.none() | st.floats(-1e6, 1e6, allow_nan=False)


def test_a_settlement_by_hand() -> None:
    """10 kW accepted for 2 h; 15 kWh measured: 15 × 2.00 = 30.00, and 15 / 2 = 7.5 kW × 1.00 = 7.50."""
    energy, power = lines(TERMS, Decimal(10), Decimal(2), 15.0)
    assert (energy.kind, energy.quantity, energy.amount) == (
        LineKind.ENERGY,
        Decimal("15.000"),
        Decimal("30.00"),
    )
    assert (power.kind, power.quantity, power.amount) == (LineKind.POWER, Decimal("7.500"), Decimal("7.50"))
    assert {energy.why, power.why} == {Why.MEASURED}


@pytest.mark.parametrize(
    ("kwh", "why", "cny"),
    [(25.0, Why.BOUNDED, 50), (20.0, Why.MEASURED, 50), (9.9, Why.BELOW_LEAST, 0), (-3.0, Why.NOTHING, 0),
     (None, Why.NOT_MEASURED, 0)],
)  # fmt: skip
def test_why_a_line_is_what_it_is(kwh: float | None, why: Why, cny: int) -> None:
    found = lines(TERMS, Decimal(10), Decimal(2), kwh)
    assert {each.why for each in found} == {why}
    assert sum(each.amount for each in found) == cny


@given(MONEY, MONEY, st.decimals(0, 1, places=3), KW, HOURS, KWH)
def test_never_negative_never_above_the_promise_and_always_the_same(
    per_kwh: Decimal, per_kw: Decimal, least: Decimal, kw: Decimal, hours: Decimal, kwh: float | None
) -> None:
    terms = Fixed(per_kwh, per_kw, least)
    found = lines(terms, kw, hours, kwh)
    assert all(each.amount >= 0 and each.quantity >= 0 for each in found)
    assert sum(each.amount for each in found) <= most(terms, kw, hours)
    assert found == lines(terms, kw, hours, kwh)
    assert all(each.amount == round(each.amount, 2) for each in found)


@given(KW, HOURS, st.floats(0, 1e5), st.floats(0, 1e5))
def test_more_measured_is_never_less_paid(kw: Decimal, hours: Decimal, one: float, other: float) -> None:
    low, high = (sum(each.amount for each in lines(TERMS, kw, hours, kwh)) for kwh in sorted((one, other)))
    assert low <= high
