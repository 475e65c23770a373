"""Storage: dear energy bought in the valley with its losses, where spread, process and line allow."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from cloud.tiers.advice.equipment.ground import Ground
from cloud.tiers.advice.equipment.storage import storage
from cloud.tiers.advice.rules import Facts, Quartiles
from cloud.tiers.overload import Near, Unknown
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

DAY = np.where((np.arange(96) >= 32) & (np.arange(96) < 88), 200.0, 20.0).astype(np.float32)
KWH = {"sharp": 12_000, "peak": 36_000, "flat": 36_000, "valley": 4_800}
CHANCE = (0.0,) * 96


def near(slots: frozenset[int] = frozenset(), unknown: Unknown | None = None) -> Mapping[str, Near]:
    return {"T1": Near("T1", TODAY, slots, CHANCE, 300.0, unknown)}


def factory(**more: Any) -> Facts:
    given: dict[str, Any] = {
        "kwh": KWH,
        "contract": {"voltage": "10kV", "capacity_kva": Decimal(500)},
        "own": {"base_kw": 20.0, "mean_kw": 120.0},
        "shares": {"sharp": 0.135, "peak": 0.405, "flat": 0.406, "valley": 0.054},
        "peer_shares": {"sharp_peak": Quartiles(0.2, 0.3, 0.4, 30)},
        "profile": profile(DAY),
    }
    return facts("large_industry", **(given | more))


def test_the_dearest_hours_come_first_and_the_losses_are_bought_in_the_valley() -> None:
    of = factory()
    found = advised(storage(ground(), of), of)
    kwh = kwh_change(found)
    # 48,000 kWh in sharp and peak hours of 31 days: half of a day's 1,548 kWh, in steps of 50: 750 kWh
    assert found.evidence["battery_kwh"] == "750"
    # 750 kWh · 300 cycles a year / 12 = 18,750 kWh a month: 12,000 sharp, 6,750 peak
    assert kwh["sharp"] == -12 * 12_000
    assert kwh["peak"] == -12 * 6_750
    assert kwh["valley"] == pytest.approx(Decimal(12 * 18_750) / Decimal("0.86"), abs=Decimal(1))
    gained = 144_000 * Decimal("1.25") + 81_000 * Decimal("1.0")
    assert found.saving == pytest.approx(gained - kwh["valley"] * Decimal("0.25"), abs=Decimal("0.1"))
    assert {"fire_approval", "back_feed_risk"} <= set(found.needs)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"contract": {"voltage": "10kV", "round_the_clock": True}}, "round_the_clock"),
        ({"own": {"base_kw": 95.0, "mean_kw": 100.0}}, "round_the_clock"),
        ({"tariff": "flat", "kwh": {"flat": 90_000}}, "no_spread"),
        ({"months": MONTHS[-10:]}, "few_months"),
        ({"estimated": 0.2}, "estimated"),
        ({"contract": {"voltage": "10kV", "price_source": "market"}}, "market_price"),
        ({"profile": None}, "no_typical_day"),
        ({"contract": {"voltage": "10kV", "capacity_kva": Decimal(20)}}, "no_headroom"),
        ({"contract": {"voltage": "10kV", "capacity_kva": Decimal(50)}}, "too_small"),
        ({"contract": {"voltage": "380V", "capacity_kva": Decimal(500)}}, "area_unknown"),
    ],
)
def test_what_it_is_refused_for(more: dict[str, Any], reason: str) -> None:
    refused(storage(ground(), factory(**more)), reason)


def test_at_low_voltage_the_areas_transformer_must_have_room_in_the_valley() -> None:
    of = factory(contract={"voltage": "380V", "capacity_kva": Decimal(500)})
    assert advised(storage(ground(near=near()), of), of)
    assert advised(storage(ground(near=near(frozenset({80}))), of), of), "the evening is not the valley"
    refused(storage(ground(near=near(frozenset({8}))), of), "area_strained")
    refused(storage(ground(near=near(unknown=Unknown.NO_FORECAST)), of), "area_unknown")


def test_a_spread_that_does_not_cover_price_and_losses_is_told_with_its_years() -> None:
    def dear(price: str) -> Ground:
        return only(ground(), "storage-2h", price=Decimal(price))

    said = refused(storage(dear("20000.00"), factory()), "payback_too_long")
    assert Decimal(said["years"]) > Decimal(said["most"])
    assert said["products"][0]["id"] == "storage-2h"
    battery = product(ground(), "storage-2h").battery
    assert battery is not None
    wasteful = battery.model_copy(update={"efficiency": Decimal("0.20")})
    refused(storage(only(ground(), "storage-2h", battery=wasteful), factory()), "no_saving")


def test_who_uses_little_in_dear_hours_is_left_alone() -> None:
    assert storage(ground(), factory(shares={"sharp": 0.1, "peak": 0.2})) is None
    assert storage(ground(), factory(peer_shares={})) is None
