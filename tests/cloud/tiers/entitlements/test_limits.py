"""Limits that are promised to be watched: what passes them, and what is too little to say so."""

from decimal import Decimal

import pytest

from cloud.analysis.indicators.daily import INDICATORS
from cloud.tiers.entitlements import limit_facts, limits
from cloud.tiers.entitlements.limits import Judged, Kept, Month, Peak, Volts, is_over
from cloud.tiers.entitlements.policy import read
from cloud.tiers.entitlements.verdicts import Days, State
from cloud.tiers.entitlements.verdicts import limits as verdict

POLICY = read().watch
DAY_MIN = 1440.0


def volts(over: float = 0.0, under: float = 0.0, monitored: float = DAY_MIN, outage: float = 0.0) -> Volts:
    highest, lowest = 0.08 if over else 0.02, -0.09 if under else -0.01
    return Volts(220.0, monitored, over, under, DAY_MIN - outage, lowest, highest)


def month(**more: object) -> Month:
    plain = {"days": 10, "slots": 960, "known": 960, "estimated": 0, "kwh": Decimal(900)}
    reactive = {"kvarh_import": Decimal(300), "kvarh_export": Decimal(0)}
    return Month(**plain | reactive | more)  # type: ignore[arg-type]


def said(found: Judged) -> tuple[Kept, str | None]:
    return found.kept, found.reason


@pytest.mark.parametrize(
    ("seen", "points", "kept", "reason"),
    [
        ([volts()], 1, Kept.WITHIN, None),
        ([volts(over=28)], 1, Kept.WITHIN, None),  # two hundredths of the day are 28.8 minutes
        ([volts(over=29)], 1, Kept.PASSED, None),
        ([volts(under=400, monitored=1200, outage=240)], 1, Kept.PASSED, None),  # an outage is no low voltage
        ([volts(over=29, monitored=1100)], 1, Kept.UNKNOWN, "few_data"),
        ([], 1, Kept.UNKNOWN, "not_measured"),
        ([volts()], 2, Kept.UNKNOWN, "not_measured"),
        ([volts(), volts(over=100)], 3, Kept.PASSED, None),
    ],
)
def test_a_voltage_is_judged_by_the_time_it_was_monitored(
    seen: list[Volts], points: int, kept: Kept, reason: str | None
) -> None:
    assert said(limits.voltage(seen, points, -0.07, 0.07, POLICY)) == (kept, reason)


def test_the_figure_of_a_voltage_is_of_the_side_that_was_farther_out() -> None:
    found = limits.voltage([volts(over=30, under=300)], 1, -0.07, 0.07, POLICY)
    assert (found.value, found.bound, found.coverage) == (-0.09, -0.07, 1.0)
    assert found.evidence["beyond_share"] == round(330 / 1440, 4)


def peak(kw: float | None, estimated: int = 0, valid: int = 96, slots: int = 96) -> Peak:
    return Peak(kw, slots, valid, estimated)


@pytest.mark.parametrize(
    ("peaks", "kept", "reason"),
    [
        ([peak(90.0)], Kept.WITHIN, None),
        ([peak(90.1)], Kept.PASSED, None),
        ([peak(90.1, estimated=1)], Kept.UNKNOWN, "estimated"),
        ([peak(80.0, estimated=1)], Kept.WITHIN, None),
        ([peak(120.0, valid=91)], Kept.UNKNOWN, "few_data"),
        ([peak(None, valid=0)], Kept.UNKNOWN, "not_measured"),
        ([], Kept.UNKNOWN, "not_measured"),
        ([peak(80.0, valid=24, slots=24)], Kept.UNKNOWN, "slots_coarser"),
        ([peak(95.0, valid=24, slots=24)], Kept.PASSED, None),  # a quarter within is at least as high
        ([peak(50.0), peak(39.0)], Kept.WITHIN, None),
        ([peak(50.0), peak(41.0)], Kept.UNKNOWN, "several_points"),  # maxima of two meters do not add up
        ([peak(91.0), peak(10.0)], Kept.PASSED, None),
    ],
)
def test_a_demand_is_held_against_the_contract(peaks: list[Peak], kept: Kept, reason: str | None) -> None:
    assert said(limits.demand(peaks, ("capacity_kva", Decimal(100)), 0.9, POLICY)) == (kept, reason)


def test_without_a_contract_there_is_nothing_to_hold_a_demand_against() -> None:
    assert said(limits.demand([peak(500.0)], None, 0.9, POLICY)) == (Kept.UNKNOWN, "no_contract")


@pytest.mark.parametrize(
    ("found", "kept", "reason"),
    [
        (month(), Kept.WITHIN, None),
        (month(kvarh_import=Decimal(436)), Kept.WITHIN, None),  # 0.89996 is billed as 0.90
        (month(kvarh_import=Decimal(450)), Kept.PASSED, None),
        (month(kvarh_export=Decimal(150)), Kept.PASSED, None),  # over-compensation counts
        (month(kvarh_export=None), Kept.WITHIN, None),
        (month(kvarh_import=None), Kept.UNKNOWN, "not_measured"),
        (month(days=6), Kept.UNKNOWN, "young_month"),
        (month(known=900), Kept.UNKNOWN, "few_data"),
        (month(estimated=60), Kept.UNKNOWN, "few_data"),
        (month(kwh=Decimal(0)), Kept.UNKNOWN, "nothing_used"),
        (None, Kept.UNKNOWN, "not_measured"),
    ],
)
def test_a_power_factor_is_the_months_as_it_is_billed(
    found: Month | None, kept: Kept, reason: str | None
) -> None:
    assert said(limits.power_factor(found, 0.90, POLICY)) == (kept, reason)


@pytest.mark.parametrize(
    ("newest_first", "over"),
    [("www", True), ("ww", False), ("wwp", False), ("w?w?w?p", True), ("???", False)],
)
def test_an_alert_ends_after_judged_days_within_the_limit(newest_first: str, over: bool) -> None:
    kinds = {"w": Kept.WITHIN, "p": Kept.PASSED, "?": Kept.UNKNOWN}
    assert is_over([kinds[each] for each in newest_first], 3) is over


@pytest.mark.parametrize(
    ("days", "state"),
    [
        ([Days("voltage", 20, 1, 0, 0, 0)], State.DELIVERED),
        ([Days("voltage", 20, 1, 4, 0, 0)], State.DELIVERED),
        ([Days("voltage", 20, 1, 4, 1, 0)], State.MISSED),
        ([Days("voltage", 20, 1, 4, 0, 1)], State.NOT_DUE),
        ([Days("voltage", 0, 21, 0, 0, 0)], State.NOT_KNOWN),
        ([], State.NOT_KNOWN),
    ],
)
def test_the_promise_is_that_it_is_watched_and_told(days: list[Days], state: State) -> None:
    assert verdict("base", {"voltage": [-0.07, 0.07]}, days).state is state


def test_the_columns_of_a_days_indicators_are_those_that_are_read() -> None:
    names = [INDICATORS[at].name for at in (limit_facts._MAX_KW, limit_facts._VALID, limit_facts._ESTIMATED)]
    assert names == ["max_kw", "valid_slots", "estimated_slots"]
