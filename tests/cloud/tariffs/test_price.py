"""Bills of customers of all classes, each reckoned by hand beside it, and what holds of all of them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.tariffs.bill import Bill, as_json
from cloud.tariffs.catalogue import parsed, read
from cloud.tariffs.power_factor import Standard
from cloud.tariffs.price import price, price_under
from cloud.tariffs.two_part import Basis
from cloud.tariffs.usage import Household, Part, Supply, Usage, spread

SHIPPED = read()
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
ENERGY = st.decimals(0, 20_000, places=2)


def whole(kwh: str, first: date = YEAR[0], last: date = YEAR[1]) -> tuple[Part, ...]:
    return spread(Decimal(kwh), first, last)


def by_band(first: date, last: date, **kwh: str) -> Part:
    return Part(first, last, {band: Decimal(value) for band, value in kwh.items()})


def bill(tariff: str, plan: str, usage: Usage) -> Bill:
    return price(lambda day: SHIPPED.in_force(tariff, day), plan, usage)


def amounts(of: Bill) -> Mapping[tuple[str, str], str]:
    return {(line.kind, line.what): f"{line.amount}" for line in of.lines}


def test_1_a_household_of_zhejiang_with_a_years_steps() -> None:
    """5,000 kWh: 5000 x 0.538 = 2690.00; 2040 above 2760 x 0.05 = 102.00; 200 above 4800 x 0.30 = 60.00."""
    found = bill("zhejiang-household", "plain", Usage(whole("5000")))
    assert amounts(found) == {
        ("energy", "flat"): "2690.00",
        ("step", "2"): "102.00",
        ("step", "3"): "60.00",
    }
    assert found.total == Decimal("2852.00")


def test_2_the_same_by_hours_first_the_hours_then_the_steps() -> None:
    """3000 peak x 0.568 = 1704.00; 2000 valley x 0.288 = 576.00; steps as before: 102.00 and 60.00."""
    parts = (by_band(*YEAR, peak="3000", valley="2000"),)
    found = bill("zhejiang-household", "tou", Usage(parts))
    assert found.total == Decimal("1704.00") + Decimal("576.00") + Decimal("162.00")


def test_3_one_month_of_guangzhou_in_summer() -> None:
    """700 kWh in July: 700 x 0.58886875 = 412.208125 -> 412.21; 340 x 0.05 = 17.00; 100 x 0.30 = 30.00."""
    july = (by_band(date(2026, 7, 1), date(2026, 7, 31), flat="700"),)
    found = bill("guangdong-household", "plain", Usage(july))
    assert amounts(found) == {("energy", "flat"): "412.21", ("step", "2"): "17.00", ("step", "3"): "30.00"}


def test_4_a_large_household_of_guangzhou_in_winter() -> None:
    """450 kWh, limits 300 and 500: 450 x 0.58886875 = 264.9909 -> 264.99; 150 x 0.05 = 7.50."""
    usage = Usage((by_band(date(2026, 1, 1), date(2026, 1, 31), flat="450"),), Household(persons=5))
    assert amounts(bill("guangdong-household", "plain", usage)) == {
        ("energy", "flat"): "264.99",
        ("step", "2"): "7.50",
    }


def test_5_a_shared_meter_has_no_steps() -> None:
    """9,000 kWh x 0.558 = 5022.00."""
    assert bill("zhejiang-household", "shared", Usage(whole("9000"))).total == Decimal("5022.00")


def test_6_guizhous_year_begins_in_december() -> None:
    """Nov: 500 after 2,900 used: 400 above 3000. Dec begins anew: 500 all in the first step.

    1000 x 0.4556 = 455.60; 400 x 0.05 = 20.00.
    """
    parts = (
        by_band(date(2026, 11, 1), date(2026, 11, 30), flat="500"),
        by_band(date(2026, 12, 1), date(2026, 12, 31), flat="500"),
    )
    found = bill("guizhou-household", "plain", Usage(parts, Household(before_kwh=Decimal(2900))))
    assert amounts(found) == {("energy", "flat"): "455.60", ("step", "2"): "20.00"}


def test_7_yunnan_has_steps_in_the_dry_months_only() -> None:
    """April 300: 130 above 170 of which 40 above 260: 90 x 0.05 = 4.50, 40 x 0.35 = 14.00; May none.

    600 x 0.423625 = 254.175 -> 254.18.
    """
    parts = (
        by_band(date(2026, 4, 1), date(2026, 4, 30), flat="300"),
        by_band(date(2026, 5, 1), date(2026, 5, 31), flat="300"),
    )
    assert amounts(bill("yunnan-household", "plain", Usage(parts))) == {
        ("energy", "flat"): "254.18",
        ("step", "2"): "4.50",
        ("step", "3"): "14.00",
    }


def test_8_sichuans_valley_is_cheaper_in_the_wet_months() -> None:
    """May 100 valley x 0.2535 = 25.35; June 100 x 0.175 = 17.50."""
    parts = (
        by_band(date(2026, 5, 1), date(2026, 5, 31), valley="100"),
        by_band(date(2026, 6, 1), date(2026, 6, 30), valley="100"),
    )
    assert bill("sichuan-household", "tou", Usage(parts)).total == Decimal("42.85")


JANUARY = (date(2026, 1, 1), date(2026, 1, 31))


def industry(basis: Basis, reactive: str | None = "60000", **known: str) -> Usage:
    part = by_band(*JANUARY, sharp="10000", peak="40000", flat="50000", valley="60000")
    supply = Supply(
        basis,
        Decimal(1000),
        standard=Standard.HIGH,
        reactive_kvarh=None if reactive is None else Decimal(reactive),
        **{name: Decimal(value) for name, value in known.items()},
    )
    return Usage((part,), supply={JANUARY[0]: supply})


def test_9_a_two_part_factory_of_hubei_by_capacity_and_a_good_power_factor() -> None:
    """Energy: 10000 x 1.049999 = 10499.99; 40000 x 0.848961 = 33958.44; 50000 x 0.651886 = 32594.30;
    60000 x 0.432924 = 25975.44: 103028.17. Basic: 1000 x 26.3 = 26300.00.
    cos: 160000 / sqrt(160000² + 60000²) = 0.93633 -> 0.94: -0.60 % of energy and basic without funds:
    funds 160000 x 0.0452 = 7232.00; (103028.17 + 26300 - 7232) x -0.006 = -732.5770 -> -732.58.
    """
    found = bill("hubei-industry", "tou", industry(Basis.CAPACITY))
    assert amounts(found) == {
        ("energy", "sharp"): "10499.99",
        ("energy", "peak"): "33958.44",
        ("energy", "flat"): "32594.30",
        ("energy", "valley"): "25975.44",
        ("basic", "capacity"): "26300.00",
        ("power_factor", "0.94"): "-732.58",
    }
    assert found.total == Decimal("128595.59")


def test_10_the_same_by_contract_beyond_its_demand_and_a_bad_power_factor() -> None:
    """Contract 500 x 42 = 21000.00; 560 kW: 35 beyond 525 x 84 = 2940.00.

    cos: 160000 / sqrt(160000² + 120000²) = 0.80: +5 % of (103028.17 + 23940 - 7232) = 5986.8085 -> 5986.81.
    """
    found = bill(
        "hubei-industry", "tou", industry(Basis.CONTRACT, "120000", demand_kw="560", contracted_kw="500")
    )
    assert found.total == Decimal("103028.17") + Decimal("23940.00") + Decimal("5986.81")


def test_an_adjustment_that_cannot_be_made_is_told_and_not_zero() -> None:
    found = bill("hubei-industry", "tou", industry(Basis.CAPACITY, None))
    assert found.remarks == ("2026-01: no power-factor adjustment: reactive energy is not known",)
    idle = Usage(
        (by_band(*JANUARY, flat="0"),),
        supply={JANUARY[0]: Supply(standard=Standard.FARM, reactive_kvarh=Decimal(5))},
    )
    assert "no active energy" in bill("hubei-industry", "tou", idle).remarks[0]


def test_who_moved_in_in_august_has_five_months_of_the_years_allowance() -> None:
    """2760 x 5/12 = 1150, 4800 x 5/12 = 2000: of 2,500 kWh 850 in step 2 and 500 in step 3."""
    parts = whole("2500", date(2026, 8, 1), YEAR[1])
    found = bill("zhejiang-household", "plain", Usage(parts, Household(moved_in=date(2026, 8, 20))))
    assert amounts(found)["step", "2"] == "42.50"
    assert amounts(found)["step", "3"] == "150.00"


def test_a_new_price_within_a_year_takes_over_what_was_used() -> None:
    text = """
id = "own-household"
name = { zh_CN = "自有", en = "own" }
province = "示例"
class = "household"
from = 2026-01-01
to = 2026-07-01
source = "made up"
steps = { cycle = "year", adders = [0.10], limits = [{ kwh = [1000] }] }
[[plan]]
id = "plain"
name = { zh_CN = "不分时", en = "one price" }
steps = true
prices = [{ flat = 0.5 }]
"""
    newer = text.replace("from = 2026-01-01\nto = 2026-07-01", "from = 2026-07-01").replace("0.5 ", "0.6 ")
    old, new = (parsed(each, "own.toml").document for each in (text, newer))
    parts = (
        by_band(date(2026, 6, 1), date(2026, 6, 30), flat="900"),
        by_band(date(2026, 7, 1), date(2026, 7, 31), flat="300"),
    )
    found = price(lambda day: old if old.holds(day) else new, "plain", Usage(parts))
    assert found.total == Decimal("450.00") + Decimal("180.00") + Decimal("20.00")
    across = Usage((by_band(date(2026, 6, 20), date(2026, 7, 5), flat="100"),))
    with pytest.raises(ValueError, match="begins within it"):
        price(lambda day: old if old.holds(day) else new, "plain", across)


@given(st.lists(ENERGY, min_size=12, max_size=12))
def test_steps_cost_the_closed_form(months: list[Decimal]) -> None:
    """bill = E x p1 + 0.05 x max(0, min(E, U2) - U1) + 0.30 x max(0, E - U2)"""
    (tariff,) = SHIPPED.documents("beijing-household")
    parts = tuple(
        Part(date(2026, month, 1), date(2026, month, 28), {"flat": kwh})
        for month, kwh in enumerate(months, 1)
    )
    energy = sum(months, Decimal(0))
    second = max(Decimal(0), min(energy, Decimal(4800)) - 2880)
    third = max(Decimal(0), energy - 4800)
    wanted = energy * Decimal("0.4883") + second * Decimal("0.05") + third * Decimal("0.30")
    assert abs(price_under(tariff, "plain", Usage(parts)).total - wanted) <= Decimal("0.015")


@given(ENERGY, st.dates(date(2026, 1, 1), date(2027, 6, 1)), st.integers(0, 500))
def test_a_use_spread_over_its_days_adds_up_to_it(kwh: Decimal, first: date, days: int) -> None:
    parts = spread(kwh, first, date.fromordinal(first.toordinal() + days))
    assert sum(part.total_kwh for part in parts) == kwh
    assert all(one.first.month == one.last.month for one in parts)


def test_for_machines_money_is_text_and_exact() -> None:
    found = as_json(bill("zhejiang-household", "plain", Usage(whole("2860"))))
    assert found["total"] == "1543.68"
    assert found["lines"] == [
        {
            "kind": "energy",
            "what": "flat",
            "quantity": "2860",
            "unit": "kWh",
            "price": "0.538",
            "amount": "1538.68",
            "tariff": "zhejiang-household",
        },
        {
            "kind": "step",
            "what": "2",
            "quantity": "100",
            "unit": "kWh",
            "price": "0.05",
            "amount": "5.00",
            "tariff": "zhejiang-household",
        },
    ]
