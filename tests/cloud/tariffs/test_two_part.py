"""The basic charge: by capacity, by demand, by a contracted demand; what is not known is never guessed."""

from decimal import Decimal

import pytest

from cloud.tariffs.two_part import Basis, Charge, Connection, Discount, TwoPart, basic_charge

HUBEI = TwoPart(capacity=Decimal("26.3"), demand=Decimal("42.0"))
DISCOUNTED = TwoPart(
    capacity=Decimal("26.3"),
    demand=Decimal("42.0"),
    discount=Discount(kwh_per_kva=Decimal(260), factor=Decimal("0.9")),
)


def connection(basis: Basis, **known: str) -> Connection:
    return Connection(basis, Decimal(1000), **{name: Decimal(value) for name, value in known.items()})


def amounts(terms: TwoPart, of: Connection) -> list[tuple[str, Decimal]]:
    return [(each.what, each.amount) for each in basic_charge(terms, of)]


def test_by_capacity() -> None:
    assert amounts(HUBEI, connection(Basis.CAPACITY)) == [("capacity", Decimal(26300))]


def test_a_capacity_in_service_for_ten_of_thirty_days_pays_a_third() -> None:
    of = Connection(Basis.CAPACITY, Decimal(900), share=Decimal(10) / Decimal(30))
    assert basic_charge(HUBEI, of)[0].quantity.quantize(Decimal("0.001")) == Decimal("300.000")


def test_by_the_months_own_demand() -> None:
    assert amounts(HUBEI, connection(Basis.DEMAND, demand_kw="580.5")) == [("demand", Decimal(24381))]


@pytest.mark.parametrize(
    ("demand_kw", "found"),
    [
        ("300", [("contract", Decimal(21000))]),
        ("525", [("contract", Decimal(21000))]),  # 1.05 times: nothing is added yet
        ("526", [("contract", Decimal(21000)), ("over", Decimal(84))]),
        ("600", [("contract", Decimal(21000)), ("over", Decimal(6300))]),  # 75 kW at twice 42
    ],
)
def test_by_a_contracted_demand_of_500_kw(demand_kw: str, found: list[tuple[str, Decimal]]) -> None:
    of = connection(Basis.CONTRACT, demand_kw=demand_kw, contracted_kw="500")
    assert amounts(HUBEI, of) == found


def test_a_contract_below_the_least_share_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 400"):
        basic_charge(HUBEI, connection(Basis.CONTRACT, demand_kw="300", contracted_kw="399"))


@pytest.mark.parametrize(("kwh", "price"), [("259999", "42.0"), ("260000", "37.8"), (None, "42.0")])
def test_who_uses_the_capacity_well_pays_less_for_demand(kwh: str | None, price: str) -> None:
    known = {"demand_kw": "500"} | ({"kwh": kwh} if kwh else {})
    assert basic_charge(DISCOUNTED, connection(Basis.DEMAND, **known)) == (
        Charge("demand", Decimal(500), "kW", Decimal(price)),
    )


@pytest.mark.parametrize("basis", [Basis.DEMAND, Basis.CONTRACT])
def test_a_demand_that_is_not_known_is_not_billed(basis: Basis) -> None:
    with pytest.raises(ValueError, match="not known"):
        basic_charge(HUBEI, connection(basis, contracted_kw="500"))
