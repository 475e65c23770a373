"""PV: the sun's hours, what is used on site by band, and who is not asked: without consent, or with PV."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given as by_chance
from hypothesis import settings
from hypothesis import strategies as any_

from cloud.customers.file.consents import Purpose
from cloud.tariffs.catalogue import Catalogue, parsed
from cloud.tiers.advice.documents import documents
from cloud.tiers.advice.equipment import sun
from cloud.tiers.advice.equipment.solar import pv
from cloud.tiers.advice.rules import Advice, Facts
from tests.cloud.tiers.advice.equipment.given import (
    HOURS,
    MONTHS,
    advised,
    facts,
    ground,
    kwh_change,
    profile,
    refused,
)

DAYTIME = np.where((np.arange(96) >= 32) & (np.arange(96) < 72), 10.0, 1.0).astype(np.float32)


def shop(**more: Any) -> Facts:
    given: dict[str, Any] = {
        "kwh": {"sharp": 60, "peak": 1140, "flat": 2000, "valley": 240},
        "own": {"daytime_share": 0.85},
        "profile": profile(DAYTIME),
        "consents": frozenset({Purpose.ROOF}),
    }
    return facts("business", **(given | more))


def test_the_day_is_longest_in_june_and_highest_at_solar_noon() -> None:
    june, december = (sun.clear_sky(date(2025, month, 21), 30.0, 120.0, 8.0) for month in (6, 12))
    assert (june > 0).sum() > (december > 0).sum() + 12
    assert 46 <= int(june.argmax()) <= 49
    assert june.max() == pytest.approx(1098 * 0.993 * np.exp(-0.057 / 0.993), rel=0.01)


def test_a_months_yield_is_the_documents_to_the_last_kwh() -> None:
    kwh = (62, 66, 84, 97, 104, 92, 112, 108, 88, 80, 66, 62)
    found = sun.yields(kwh, 30.3, 120.2, 8)
    days = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    assert found.sum(axis=1) * days == pytest.approx(np.array(kwh, float))
    with pytest.raises(ValueError, match="does not rise"):
        sun.yields([1] * 12, 66.0 + 20, 0, 0)


def test_only_what_is_used_on_site_is_worth_anything() -> None:
    of = shop()
    found = advised(pv(ground(), of), of)
    less = kwh_change(found)
    assert all(kwh <= 0 for kwh in less.values())
    assert set(less) <= {"peak", "flat", "valley"}
    assert float(-sum(less.values())) == pytest.approx(
        float(found.evidence["yield_kwh"]) - float(found.evidence["surplus_kwh"]), abs=2
    )
    assert found.evidence["self_use"] >= 0.6
    assert found.evidence["surplus_priced"] is False
    assert "back_feed_risk" in found.needs
    assert found.confidence == "low"


SURPLUS = '[[surplus]]\nfrom = 2020-01-01\nprice = 0.4\nsource = "made up"\n'


def test_surplus_counts_where_the_document_has_its_price_and_stands_in_the_bill() -> None:
    plain = shop()
    document = Catalogue([parsed(HOURS + SURPLUS, "hours.toml")])
    of = replace(plain, tariff=documents(document, "hours"))
    without, found = advised(pv(ground(), plain), plain), advised(pv(ground(), of), of)
    assert (found.evidence["surplus_priced"], found.evidence["surplus_prices"]) == (True, ["0.4"])
    assert found.evidence["kwp"] == without.evidence["kwp"]
    assert found.bills is not None
    assert found.saving is not None
    assert without.saving is not None
    (line,) = [each for each in found.bills.then.lines if each.kind == "surplus"]
    assert line.amount == -(line.quantity * Decimal("0.4")).quantize(Decimal("0.01")) < 0
    assert float(line.quantity) == pytest.approx(float(found.evidence["surplus_kwh"]), abs=0.5)
    assert found.saving == without.saving - line.amount
    assert f" kWh × 0.4; {found.bills.now.total:.2f}" in found.formula


@pytest.mark.parametrize("days", ["from = 2026-01-01", "from = 2020-01-01\nto = 2026-01-01"])
def test_surplus_without_a_price_in_some_month_is_not_counted(days: str) -> None:
    text = SURPLUS.replace("from = 2020-01-01", days)
    of = replace(shop(), tariff=documents(Catalogue([parsed(HOURS + text, "hours.toml")]), "hours"))
    assert advised(pv(ground(), of), of).evidence["surplus_priced"] is False


@settings(max_examples=25, deadline=None)
@by_chance(any_.lists(any_.floats(0.1, 50), min_size=96, max_size=96))
def test_never_more_is_taken_than_was_used_or_made(kw: list[float]) -> None:
    of = shop(profile=profile(np.array(kw, np.float32)))
    found = pv(ground(), of)
    if not isinstance(found, Advice):
        return
    used = {"sharp": 720, "peak": 13680, "flat": 24000, "valley": 2880}
    less = kwh_change(advised(found, of))
    assert all(-kwh <= used[band] for band, kwh in less.items())
    assert -sum(less.values()) <= Decimal(found.evidence["yield_kwh"]) + 1


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"consents": frozenset()}, "consent_missing"),
        ({"contract": {"pv_kwp": Decimal(20)}}, "has_pv"),
        ({"profile": None}, "no_typical_day"),
        ({"months": MONTHS[-9:]}, "few_months"),
        ({"estimated": 0.4}, "estimated"),
        ({"kwh": {"flat": 600}, "contract": {"capacity_kva": Decimal(3)}}, "too_small"),
    ],
)
def test_what_it_is_refused_for(more: dict[str, Any], reason: str) -> None:
    refused(pv(ground(), shop(**more)), reason)


def test_a_load_of_the_evening_alone_uses_too_little_of_it() -> None:
    evening = np.where(np.arange(96) >= 76, 20.0, 0.01).astype(np.float32)
    params = refused(pv(ground(), shop(profile=profile(evening))), "low_self_use")
    assert params["share"] < params["least"]


def test_who_needs_little_by_day_is_not_asked() -> None:
    assert pv(ground(), shop(own={"daytime_share": 0.2})) is None
    assert pv(ground(), shop(kwh={"flat": 10})) is None
