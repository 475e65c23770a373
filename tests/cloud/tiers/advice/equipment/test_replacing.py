"""Lamps, motors, hot water: an assumed part of the energy, told as one; refused where hours are too few."""

from decimal import Decimal
from typing import Any

import pytest

from cloud.tiers.advice.equipment.replacing import hot_water, lighting, motor
from cloud.tiers.advice.rules import Facts
from tests.cloud.tiers.advice.equipment.given import MONTHS, advised, facts, ground, kwh_change, only, refused


def shop(class_: str = "business", **more: Any) -> Facts:
    given: dict[str, Any] = {"kwh": {"flat": 2000, "peak": 1000}, "demand_kw": 15.0}
    return facts(class_, **(given | more))


def test_lamps_save_half_of_a_quarter_and_are_counted_by_what_they_burn() -> None:
    of = shop()
    found = advised(lighting(ground(), of), of)
    lamps = found.evidence["products"][0]
    # 36,000 kWh a year: a quarter is lighting, 9,000 / 108 = 84 tubes; half of it saved, band by band
    assert (lamps["units"], lamps["cost"]) == ("84", "3780.00")
    assert kwh_change(found) == {"flat": -3000, "peak": -1500}
    assert found.saving == 3000 * Decimal("0.6") + 1500 * Decimal("1.0")
    assert lamps["payback"] == "1.15"
    assert found.evidence["assumed"]
    assert found.confidence == "low"


def test_hours_of_use_too_few_refuse_the_lamps() -> None:
    params = refused(lighting(ground(), shop(demand_kw=40.0)), "not_fit")
    assert params["fact"] == "full_hours"
    assert "1,500 hours" in params["otherwise"]["en"]
    assert refused(lighting(ground(), shop(demand_kw=None)), "not_fit")["known"] is False


def test_a_pump_that_runs_long_enough_is_worth_a_drive_of_its_own() -> None:
    of = shop("farm", kwh={"flat": 4000}, demand_kw=20.0)
    found = advised(motor(ground(), of), of)
    # 60 % of 48,000 kWh at 2,500 kWh a kW: 12 kW; a fifth of it saved
    assert found.evidence["products"][0]["units"] == "12"
    assert kwh_change(found) == {"flat": -5760}
    refused(motor(ground(), shop("farm", kwh={"flat": 4000}, demand_kw=60.0)), "not_fit")


def test_hot_water_is_for_larger_households_and_pays_by_the_price_of_the_energy() -> None:
    of = shop("household", kwh={"flat": 900, "peak": 300}, contract={"persons": 5, "capacity_kva": None})
    found = advised(hot_water(ground(), of), of)
    assert found.evidence["products"][0]["units"] == "1"
    # one unit takes the place of 2,200 of 2,880 kWh: 0.65 · 2,200 = 1,430 kWh
    assert sum(kwh_change(found).values()) == pytest.approx(-1430, abs=1)
    small = shop("household", kwh={"flat": 300}, contract={"persons": 5, "capacity_kva": None})
    assert hot_water(ground(), small) is None
    few = shop("household", contract={"persons": 2, "capacity_kva": None})
    assert refused(hot_water(ground(), few), "not_fit")["fact"] == "persons"


def test_a_product_that_does_not_pay_in_time_is_refused_with_its_years() -> None:
    of = shop("household", kwh={"flat": 520}, contract={"persons": 5, "capacity_kva": None})
    params = refused(hot_water(ground(), of), "payback_too_long")
    assert Decimal(params["years"]) > 10
    refused(
        hot_water(only(ground(), "heat-pump-water-heater", price=Decimal("99000.00")), of), "payback_too_long"
    )


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"months": MONTHS[-11:]}, "few_months"),
        ({"estimated": 0.11}, "estimated"),
        ({"contract": {"price_source": "market"}}, "market_price"),
        ({"kwh": {"flat": 100}, "demand_kw": 0.5}, "too_small"),
    ],
)
def test_what_it_is_refused_for(more: dict[str, Any], reason: str) -> None:
    refused(lighting(ground(), shop(**more)), reason)


def test_without_a_product_for_the_class_nothing_is_said() -> None:
    assert lighting(only(ground()), shop()) is None
    assert hot_water(ground(), shop()) is None
