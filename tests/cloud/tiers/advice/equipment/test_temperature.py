"""A degree beside the peers': (slope − median) · degree-days; refused where temperature says too little."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from cloud.analysis.profile.temperature import Sensitivity
from cloud.tiers.advice.equipment.ground import Ground
from cloud.tiers.advice.equipment.temperature import cooling, heating
from cloud.tiers.advice.rules import Facts
from tests.cloud.tiers.advice.equipment.given import (
    MONTHS,
    advised,
    facts,
    ground,
    kwh_change,
    only,
    profile,
    refused,
    sized,
)

SENSITIVE = Sensitivity(
    300, cooling_kwh_per_c=3.0, cooling_above_c=26.0, heating_kwh_per_c=4.0, heating_below_c=10.0,
    base_kwh=20.0, r2=0.8, gain=0.5,
)  # fmt: skip


def weather(celsius: float = 30.0, known: float = 1.0) -> Ground:
    """The same temperature every day of which something is known; twenty peers of 1 kWh/°C."""
    days = np.full(500, celsius)
    days[round(known * 500) :] = np.nan
    peers = sized("household", 20.0, [1.0] * 20)
    return ground(celsius=days, celsius_first=MONTHS[0], cooling=peers, heating=peers)


def home(sensitive: Sensitivity = SENSITIVE, **more: Any) -> Facts:
    given: dict[str, Any] = {"kwh": {"flat": 1000, "peak": 500}, "contract": {"capacity_kva": None}}
    return facts("household", **(given | {"profile": profile(temperature=sensitive)} | more))


def test_the_slope_above_the_median_times_degree_days_is_priced_band_by_band() -> None:
    of = home()
    found = advised(cooling(weather(), of), of)
    # (3 − 1) kWh/°C · 4 °C · 365 days = 2,920 kWh, two thirds of it flat at 0.6 and one at 1.0
    assert found.evidence["degree_days"] == 4 * 365
    assert sum(kwh_change(found).values()) == pytest.approx(-2920, abs=Decimal("0.1"))
    assert found.saving == pytest.approx(Decimal(2920) * (2 * Decimal("0.6") + 1) / 3, abs=Decimal("0.1"))


def test_products_close_a_part_of_the_gap_each_with_its_own_bills() -> None:
    of = home()
    found = advised(cooling(weather(), of), of)
    by_id = {each["id"]: each for each in found.evidence["products"]}
    assert Decimal(by_id["thermostat"]["saving"]) == pytest.approx(
        (found.saving or 0) * Decimal("0.3"), abs=Decimal("0.1")
    )
    assert by_id["inverter-air-conditioner"]["units"] == "4"
    assert by_id["inverter-air-conditioner"]["payback"] == "7.47"


def test_heating_is_the_same_below_its_limit() -> None:
    of = home()
    found = advised(heating(weather(0.0), of), of)
    assert sum(kwh_change(found).values()) == pytest.approx(-3 * 10 * 365, abs=Decimal("0.1"))
    assert found.kind == "heating"


def test_never_more_of_a_month_than_the_weather_can_be_the_cause_of() -> None:
    of = home(kwh={"flat": 100})
    assert kwh_change(advised(cooling(only(weather()), of), of)) == {"flat": -12 * 80}


def test_what_it_is_refused_for() -> None:
    assert refused(cooling(weather(), home(replace(SENSITIVE, r2=0.29))), "low_r2") == {
        "r2": 0.29,
        "least": 0.3,
    }
    assert refused(cooling(weather(known=0.5), home()), "no_weather")["least"] == 0.9
    assert refused(cooling(ground(), home()), "few_peers")["have"] == 0
    refused(cooling(weather(), home(months=MONTHS[-8:])), "few_months")
    refused(cooling(weather(), home(estimated=0.5)), "estimated")


def test_whoever_is_like_the_peers_or_has_no_such_part_is_left_alone() -> None:
    assert cooling(weather(), home(replace(SENSITIVE, cooling_kwh_per_c=1.1))) is None
    assert cooling(weather(), home(replace(SENSITIVE, cooling_kwh_per_c=None))) is None
    assert cooling(weather(), home(profile=None)) is None
