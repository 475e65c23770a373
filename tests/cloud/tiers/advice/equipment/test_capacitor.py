"""Capacitors: sized by P · (tan φ1 − tan φ2), worth the table's difference, never where it leads already."""

from decimal import Decimal
from math import acos, tan
from typing import Any

import pytest

from cloud.tiers.advice.equipment.capacitor import capacitor
from cloud.tiers.advice.product_documents import Size
from cloud.tiers.advice.rules import Advice, Facts, Refused
from tests.cloud.tiers.advice.equipment.given import MONTHS, advised, facts, ground, only, profile, refused

HOURS_OF = {"flat": 72_000.0}
"""100 kW on average over a month of 30 days."""


def factory(cos: float = 0.80, back: float | None = 0.0, **more: Any) -> Facts:
    drawn = 72_000 * tan(acos(cos))
    given: dict[str, Any] = {
        "kwh": HOURS_OF,
        "contract": {"standard": 90, "capacity_kva": Decimal(400), "basis": "capacity"},
        "reactive": (round(drawn, 3), back),
        "own": {"max_ramp_kw": 20.0, "max_kw": 200.0},
    }
    return facts("large_industry", **(given | more))


def judged(of: Facts) -> Advice | Refused | None:
    return capacitor(ground(), of)


def test_kvar_is_power_times_the_difference_of_the_tangents_and_its_worth_that_of_the_tables() -> None:
    of = factory()
    found = advised(judged(of), of)
    # the month with the highest mean power: February, 672 h, 72,000 / 672 = 107.14 kW;
    # tan φ of 0.80 is 0.75 and of 0.95 0.32868: 107.14 × 0.42132 = 45.14 kvar, in steps of 5: 50 kvar
    assert Decimal("45.0") <= Decimal(found.evidence["kvar"]) <= Decimal("45.2")
    best = found.evidence["products"][0]
    assert (best["id"], best["units"], best["cost"]) == ("shunt-capacitor", "50", "4750.00")
    # a month: 72,000 × 0.6 = 43,200 and 400 kVA × 25 = 10,000: 53,200 CNY; +5 % at 0.80, −0.75 % from 0.95 on
    assert found.saving == 12 * (Decimal("2660.00") + Decimal("399.00"))
    assert best["payback"] == "0.13"


def test_a_target_that_the_largest_bank_misses_is_priced_as_what_it_reaches() -> None:
    of = factory(cos=0.60)
    small = Size(by="kvar", step=Decimal(5), least=Decimal(10), most=Decimal(30))
    found = advised(capacitor(only(ground(), "shunt-capacitor", size=small), of), of)
    assert found.evidence["products"][0]["units"] == "30"
    whole = advised(judged(of), of)
    assert (found.saving or 0) < (whole.saving or 0)


def test_hours_that_the_load_is_on_make_the_bank_larger() -> None:
    night_off = profile(work=[0.01] * 48 + [1.0] * 48)  # type: ignore[arg-type]
    of = factory(profile=night_off)
    found = advised(judged(of), of)
    assert Decimal("90.0") <= Decimal(found.evidence["kvar"]) <= Decimal("90.4")


def test_leading_energy_refuses_more_capacitors() -> None:
    assert refused(judged(factory(back=5_000)), "leading")["share"] >= 0.05


def test_a_meter_that_does_not_count_leading_energy_asks_for_a_look_at_night() -> None:
    of = factory(back=None)
    found = advised(judged(of), of)
    assert found.needs == ("check_night",)
    assert found.evidence["products"][0]["id"] == "shunt-capacitor"


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (factory(months=MONTHS[-4:]), "few_months"),
        (factory(reactive=(None, None)), "reactive_unknown"),
        (factory(estimated=0.2), "estimated"),
        (factory(contract={"standard": 90, "price_source": "market"}), "market_price"),
        (factory(kwh={"flat": 7_200}, reactive=(4_500, 0)), "too_small"),
    ],
)
def test_what_it_is_refused_for(of: Facts, reason: str) -> None:
    refused(judged(of), reason)


def test_a_jumping_load_is_offered_static_compensation() -> None:
    of = factory(own={"max_ramp_kw": 160.0, "max_kw": 200.0})
    found = advised(judged(of), of)
    first, second = found.evidence["products"]
    assert first["id"] == "static-var"
    assert second["params"]["otherwise"]["en"] == "the load jumps faster than steps can be switched"


def test_nothing_is_said_at_or_above_the_standard_or_without_one() -> None:
    assert judged(factory(cos=0.93)) is None
    assert judged(factory(contract={"standard": None})) is None
