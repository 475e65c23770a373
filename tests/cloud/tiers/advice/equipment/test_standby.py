"""Standby: the base above the peers' quarter, at every hour; refused where a process does not stop."""

from decimal import Decimal
from typing import Any

import pytest

from cloud.customers.file.grades import Grade
from cloud.tiers.advice.equipment.around import Sized
from cloud.tiers.advice.equipment.ground import Ground
from cloud.tiers.advice.equipment.standby import standby
from cloud.tiers.advice.rules import Facts
from tests.cloud.tiers.advice.equipment.given import (
    MONTHS,
    advised,
    bases,
    facts,
    ground,
    kwh_change,
    refused,
    sized,
)

SHORT = bases(now=2.0, before=1.5)["indicators"]["base_kw"][1:]
PEERS = sized("household", 8.0, [1.0] * 20)


def home(**more: Any) -> Facts:
    given: dict[str, Any] = {
        "kwh": {"sharp": 300, "peak": 800, "flat": 900, "valley": 900},
        "contract": {"capacity_kva": None},
    }
    return facts("household", **(given | bases(now=2.0, before=1.5) | more))


def of_peers(of: dict[str, Sized] = PEERS) -> Ground:
    return ground(bases=of)


def test_the_base_above_the_peers_quarter_costs_its_hours_by_band() -> None:
    of = home()
    found = advised(standby(of_peers(), of), of)
    # 1 kW for 365 days: 2 h sharp, 6 h peak, 8 h flat, 8 h valley of every day
    less = {band: -hours * 365 for band, hours in {"sharp": 2, "peak": 6, "flat": 8, "valley": 8}.items()}
    assert kwh_change(found) == less
    day = 2 * Decimal("1.25") + 6 * Decimal("1.0") + 8 * Decimal("0.6") + 8 * Decimal("0.25")
    assert found.saving == 365 * day
    assert "(2.000 − 1.000) kW → −8760 kWh" in found.formula


def test_a_product_gets_its_part_and_pays_by_it() -> None:
    of = home()
    found = advised(standby(of_peers(), of), of)
    strip = found.evidence["products"][0]
    # 8,760 kWh at 200 kWh a piece: 44 strips, half of it saved
    assert (strip["id"], strip["units"], strip["cost"]) == ("power-strip", "44", "2640.00")
    assert found.saving is not None
    assert Decimal(strip["saving"]) == found.saving / 2


def test_no_more_is_saved_than_was_used_in_a_band() -> None:
    of = home(kwh={"sharp": 300, "peak": 800, "flat": 900, "valley": 10})
    assert kwh_change(advised(standby(of_peers(), of), of))["valley"] == -120


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"contract": {"round_the_clock": True}}, "round_the_clock"),
        ({"own": {"base_kw": 2.0, "mean_kw": 2.1}}, "round_the_clock"),
        ({"grade": Grade.SECOND}, "round_the_clock"),
        ({"indicator_months": MONTHS[1:], "indicators": {"base_kw": SHORT}}, "few_months"),
        ({"months": MONTHS[-11:]}, "few_months"),
        ({"estimated": 0.3}, "estimated"),
        ({"contract": {"price_source": "market"}}, "market_price"),
    ],
)  # fmt: skip
def test_what_it_is_refused_for(more: dict[str, Any], reason: str) -> None:
    peers = sized("household", 8.0, [1.0] * 20) if "own" not in more else sized("household", 2.1, [1.0] * 20)
    refused(standby(of_peers(peers), home(**more)), reason)


def test_months_without_a_base_do_not_count_as_known() -> None:
    gaps = bases(now=2.0, before=1.5)["indicators"]["base_kw"].copy()
    gaps[-15:-12] = float("nan")
    few = refused(standby(of_peers(), home(indicators={"base_kw": gaps})), "few_months")
    assert few["need"] > few["have"]


def test_fewer_than_ten_of_its_size_are_no_peers() -> None:
    few = refused(standby(of_peers(sized("household", 8.0, [1.0] * 9)), home()), "few_peers")
    assert few == {"have": 9, "need": 10}
    refused(standby(of_peers(sized("household", 100.0, [1.0] * 50)), home()), "few_peers")


def test_a_base_that_does_not_rise_or_is_like_others_is_left_alone() -> None:
    assert standby(of_peers(), home(**bases(now=2.0, before=2.0))) is None
    assert standby(of_peers(sized("household", 8.0, [1.9] * 20)), home()) is None
    assert standby(of_peers(), home(own={})) is None
