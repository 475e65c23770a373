"""A car's charging and a field's water go into the valley: the energy stays, the bill falls."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.tiers.advice.equipment.night import charging, ev_night, irrigation
from cloud.tiers.advice.rules import Facts
from cloud.tiers.overload import Near
from tests.cloud.tiers.advice.equipment.given import (
    MONTHS,
    TODAY,
    advised,
    facts,
    ground,
    kwh_change,
    only,
    product,
    profile,
    refused,
)


def evening(kw: float = 7.5, first: int = 68, quarters: int = 8) -> NDArray[np.float32]:
    """A house of half a kilowatt whose charger runs from 17:00 to 19:00."""
    found = np.full(96, 0.5, np.float32)
    found[np.arange(first, first + quarters) % 96] = kw
    return found


def home(**more: Any) -> Facts:
    given: dict[str, Any] = {
        "kwh": {"sharp": 60, "peak": 700, "flat": 200, "valley": 200},
        "contract": {"capacity_kva": None, "voltage": "220V"},
        "profile": profile(evening(), 0.5),
    }
    return facts("household", **(given | more))


def farm(**more: Any) -> Facts:
    given: dict[str, Any] = {
        "kwh": {"sharp": 300, "peak": 1200, "flat": 1000, "valley": 500},
        "shares": {"sharp": 0.1, "peak": 0.4, "flat": 0.33, "valley": 0.17},
        "own": {"base_kw": 0.5, "mean_kw": 4.0},
    }
    return facts("farm", **(given | more))


def strained(slots: set[int]) -> dict[str, Near]:
    return {"T1": Near("T1", TODAY, frozenset(slots), (0.0,) * 96, 100.0, None)}


def test_a_charger_is_a_block_high_above_the_rest_of_the_day() -> None:
    found = charging(ground(), evening().astype(np.float64))
    assert found is not None
    assert found.sum() / 4 == pytest.approx(14.0)
    assert charging(ground(), evening(quarters=3).astype(np.float64)) is None
    assert charging(ground(), evening(kw=4.0).astype(np.float64)) is None
    assert charging(ground(), np.full(96, 9.0)) is None
    over_midnight = charging(ground(), evening(first=94, quarters=4).astype(np.float64))
    assert over_midnight is not None


def test_charging_of_working_days_goes_to_the_valley_and_keeps_its_energy() -> None:
    of = home()
    found = advised(ev_night(ground(), of), of)
    kwh = kwh_change(found)
    # 14 kWh of each working day, nine tenths of it: all of it peak at 1.0, then valley at 0.25
    assert sum(kwh.values()) == 0
    assert found.evidence["kwh_day"] == "14.00"
    assert found.saving == pytest.approx(-kwh["peak"] * Decimal("0.75"), abs=Decimal("0.1"))
    assert found.evidence["products"][0]["units"] == "1"


def test_what_is_charged_in_the_valley_already_stays() -> None:
    assert ev_night(ground(), home(profile=profile(evening(first=4), 0.5))) is None


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"tariff": "flat", "kwh": {"flat": 1000}}, "no_spread"),
        ({"months": MONTHS[-3:]}, "few_months"),
        ({"estimated": 0.4}, "estimated"),
    ],
)
def test_what_the_car_is_refused_for(more: dict[str, Any], reason: str) -> None:
    refused(ev_night(ground(), home(**more)), reason)


def test_nothing_is_moved_into_hours_in_which_the_transformer_is_near_overload() -> None:
    refused(ev_night(ground(near=strained({4})), home()), "area_strained")
    of = home()
    assert advised(ev_night(ground(near=strained({76})), of), of), "out of the evening is what helps"
    refused(irrigation(ground(near=strained({4})), farm(profile=profile())), "area_strained")


def test_water_waits_for_the_valley() -> None:
    of = farm()
    found = advised(irrigation(ground(), of), of)
    kwh = kwh_change(found)
    # four fifths of sharp and peak: 240 at 1.25 and 960 at 1.0 a month, 1,200 at 0.25 instead
    assert kwh == {"sharp": -2880, "peak": -11520, "valley": 14400}
    assert found.saving == 12 * (240 * Decimal("1.25") + 960 - 1200 * Decimal("0.25"))
    assert found.needs == ("crop_allows",)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"own": {"base_kw": 3.9, "mean_kw": 4.0}}, "round_the_clock"),
        ({"contract": {"round_the_clock": True}}, "round_the_clock"),
        ({"months": MONTHS[-5:]}, "few_months"),
        ({"estimated": 0.4}, "estimated"),
        ({"contract": {"price_source": "market"}}, "market_price"),
    ],
)
def test_what_the_field_is_refused_for(more: dict[str, Any], reason: str) -> None:
    refused(irrigation(ground(), farm(**more)), reason)


def test_a_saving_too_small_for_a_word_is_refused_with_its_sum() -> None:
    size = product(ground(), "irrigation-timer").size
    cheap = only(ground(), "irrigation-timer", price=Decimal("0.01"), size=size)
    of = farm(kwh={"peak": 4, "flat": 1, "valley": 5})
    assert Decimal(refused(irrigation(cheap, of), "little_saving")["saving"]) < 50


def test_a_farm_that_pays_little_in_dear_hours_is_left_alone() -> None:
    assert irrigation(ground(), farm(shares={"sharp": 0.05, "peak": 0.1})) is None
