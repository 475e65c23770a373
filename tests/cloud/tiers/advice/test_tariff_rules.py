"""Rules about tariffs: what sets each off, what it saves to the cent, every reason why it must not speak."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from cloud.customers.file.contracts import Contract
from cloud.kit.days import DAY
from cloud.metering.archive.layout import month_of
from cloud.tariffs import catalogue
from cloud.tariffs.catalogue import Catalogue, Filed
from cloud.tariffs.documents import Tariff
from cloud.tariffs.usage import Part
from cloud.tiers.advice.by_plan import Exact
from cloud.tiers.advice.documents import documents
from cloud.tiers.advice.keeping import bills_json
from cloud.tiers.advice.policy import advice_policy
from cloud.tiers.advice.pricing import priced_again
from cloud.tiers.advice.rules import Advice, Confidence, Demand, Facts, MonthUse, Quartiles, Reason, Refused
from cloud.tiers.advice.tariff import basic_charge, plans, power_factor, shifting, steps

SHIPPED = catalogue.read()
POLICY = advice_policy()
TODAY = date(2026, 11, 10)
YEAR = [date(2025, 11, 1), date(2025, 12, 1), *(date(2026, month, 1) for month in range(1, 11))]


def industry() -> Catalogue:
    """Hubei with the components of January 2026 held for all the time: prices that a test can look up."""
    tariff = SHIPPED.documents("hubei-industry")[0]
    (january,) = tariff.components
    always = january.model_copy(update={"from_": date(2025, 1, 1), "to": None})
    return Catalogue([Filed(tariff.model_copy(update={"components": (always,)}), "made.toml", "")])


def month(first: date, kwh: Mapping[str, Mapping[str, Any]], **more: Any) -> MonthUse:
    last = month_of(first)[1]
    parts = {
        plan: (Part(first, last, {band: Decimal(value) for band, value in bands.items()}),)
        for plan, bands in kwh.items()
    }
    return MonthUse(first, first, last, True, Exact(parts), 1.0, 0.0, **more)


def demand(kw: str, first: date, *, measured: bool = True) -> Demand:
    return Demand(Decimal(kw), datetime(first.year, first.month, 15, 3, tzinfo=UTC), measured)


FACTORY = Contract(
    "T1", "C1", "large_industry", date(2024, 1, 1), None, "hubei-industry", "tou", "10kV",
    capacity_kva=Decimal(1000), basis="capacity",
)  # fmt: skip
BANDS = {"sharp": 10_000, "peak": 20_000, "flat": 40_000, "valley": 30_000}


def factory(
    kw: str = "500", months: Sequence[date] = YEAR, found: Catalogue | None = None, **contract: Any
) -> Facts:
    uses = tuple(month(first, {"tou": BANDS}, demand=demand(kw, first)) for first in months)
    of = documents(found or industry(), "hubei-industry")
    return Facts(TODAY, replace(FACTORY, **contract), of, ("P1",), uses)


def advice(found: Advice | Refused | None) -> Advice:
    assert isinstance(found, Advice), found
    return found


def refusal(found: Advice | Refused | None) -> tuple[str, Mapping[str, Any]]:
    assert isinstance(found, Refused), found
    return found.reason, found.params


def same_again(facts: Facts, found: Advice) -> None:
    """The saving is the difference of the two bills, and both can be made again from what is kept."""
    assert found.bills is not None
    assert found.saving == found.bills.now.total - found.bills.then.total
    assert priced_again(facts, bills_json(found.bills)) == (found.bills.now, found.bills.then)


def test_half_a_capacity_pays_by_demand() -> None:
    facts = factory("500")
    found = advice(basic_charge.mode(POLICY, facts))
    same_again(facts, found)
    assert found.saving == 12 * (1000 * Decimal("26.3") - 500 * Decimal("42.0")) == Decimal("63600.0")
    assert found.evidence["limit"] == "0.6262", "26.3 / 42.0"
    assert found.formula.startswith("(12 × 1000 kVA × 26.3) − (Σ MD 6000 kW × 42); ")
    assert found.formula.endswith(" = 63600.00 CNY")
    assert found.confidence is Confidence.HIGH


def test_the_discount_of_a_well_used_capacity_moves_the_limit() -> None:
    """680 kW of 1000 kVA are too much for 26.3 / 42; with 260 kWh a kVA it is 26.3 / 37.8 = 0.6958."""
    assert basic_charge.mode(POLICY, factory("680")) is None
    uses = tuple(
        replace(each, kwh=Exact({"tou": (replace(each.kwh["tou"][0], kwh={"flat": Decimal(260_000)}),)}))
        for each in factory("680").months
    )
    facts = replace(factory("680"), months=uses)
    found = advice(basic_charge.mode(POLICY, facts))
    same_again(facts, found)
    assert found.saving == 12 * (26300 - 680 * Decimal("42.0") * Decimal("0.9"))
    assert found.evidence["limit"] == "0.6958"


def test_whoever_pays_by_demand_may_be_better_off_by_capacity() -> None:
    facts = factory("900", basis="demand")
    found = advice(basic_charge.mode(POLICY, facts))
    same_again(facts, found)
    assert found.saving == 12 * (900 * Decimal("42.0") - 26300)


def test_three_months_set_it_off_and_two_do_not() -> None:
    def facts(low: int) -> Facts:
        uses = [
            month(first, {"tou": BANDS}, demand=demand("100" if n < low else "900", first))
            for n, first in enumerate(YEAR)
        ]
        return replace(factory(), months=tuple(uses))

    assert basic_charge.mode(POLICY, facts(2)) is None
    assert basic_charge.mode(POLICY, facts(3)) is None, "nine dear months eat up three cheap ones"
    assert advice(basic_charge.mode(POLICY, facts(7))).evidence["better_months"] == 7


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        ({"basis_fixed_until": date(2026, 12, 31)}, Reason.BASIS_FIXED),
        ({"capacity_change_on": date(2026, 12, 1)}, Reason.CAPACITY_PENDING),
    ],
)
@pytest.mark.parametrize("basis", ["capacity", "contract"])
def test_a_basis_that_is_fixed_or_a_capacity_that_changes_is_left_alone(
    basis: str, contract: dict[str, Any], reason: Reason
) -> None:
    facts = factory(basis=basis, contracted_kw=Decimal(1000), **contract)
    rule = basic_charge.mode if basis == "capacity" else basic_charge.contracted
    assert refusal(rule(POLICY, facts))[0] == reason
    past: dict[str, Any] = {name: date(2026, 11, 9) for name in contract}
    advice(rule(POLICY, factory(basis=basis, contracted_kw=Decimal(1000), **past)))


def test_less_than_half_a_year_is_too_little_for_the_basic_charge() -> None:
    reason, params = refusal(basic_charge.mode(POLICY, factory(months=YEAR[-5:])))
    assert (reason, params) == (Reason.FEW_MONTHS, {"have": 5, "need": 6})
    facts = factory(months=YEAR[-6:])
    found = advice(basic_charge.mode(POLICY, facts))
    assert found.saving == 6 * 5300, "of the months that are known: nothing is scaled up"
    assert found.confidence is Confidence.MEDIUM


def test_a_demand_that_was_estimated_is_no_demand() -> None:
    facts = factory()
    uses = [*facts.months[:-1], replace(facts.months[-1], demand=demand("500", YEAR[-1], measured=False))]
    reason, params = refusal(basic_charge.mode(POLICY, replace(facts, months=tuple(uses))))
    assert (reason, params) == (Reason.DEMAND_UNKNOWN, {"month": "2026-10"})


def test_demands_of_two_points_are_not_added_up() -> None:
    reason, params = refusal(basic_charge.mode(POLICY, replace(factory(), points=("P1", "P2"))))
    assert (reason, params) == (Reason.SEVERAL_POINTS, {"points": 2})


def test_without_a_months_purchase_price_it_says_what_to_add() -> None:
    reason, params = refusal(basic_charge.mode(POLICY, factory(found=SHIPPED)))
    assert reason == Reason.COMPONENTS_MISSING
    assert params == {"tariff": "hubei-industry", "month": "2025-11"}


def test_on_the_market_the_basic_charge_is_compared_alone() -> None:
    facts = factory(found=SHIPPED, price_source="market")
    found = advice(basic_charge.mode(POLICY, facts))
    same_again(facts, found)
    assert found.bills is not None
    assert (found.saving, found.bills.partial) == (Decimal(63600), "basic")
    assert {line.kind for line in found.bills.now.lines} == {"basic"}


def test_the_contracted_demand_is_the_cheapest_over_the_months() -> None:
    """Ten months of 600 kW and two of 800: D = 600 / 1.05 -> 572 kW pays 572 × 42 and in two months
    (800 − 600.6) × 84 on top; D = 800 / 1.05 -> 762 kW pays 762 × 42 always."""
    uses = [
        month(first, {"tou": BANDS}, demand=demand("800" if n < 2 else "600", first))
        for n, first in enumerate(YEAR)
    ]
    facts = replace(factory(basis="contract", contracted_kw=Decimal(1000)), months=tuple(uses))
    found = advice(basic_charge.contracted(POLICY, facts))
    same_again(facts, found)
    best = Decimal(found.evidence["then_kw"])
    assert best == 572
    cheap = 12 * 572 * 42 + 2 * (800 - Decimal("1.05") * 572) * 84
    assert found.saving == 12 * 1000 * 42 - cheap
    terms = SHIPPED.documents("hubei-industry")[0].two_part
    assert terms is not None
    costs = {kw: basic_charge._expected(terms, facts, facts.months, Decimal(kw)) for kw in range(400, 1001)}
    assert min(costs, key=lambda kw: costs[kw]) == 572, "the slow obvious way"


def test_a_contracted_demand_is_never_below_two_fifths_of_the_capacity() -> None:
    found = advice(
        basic_charge.contracted(POLICY, factory("100", basis="contract", contracted_kw=Decimal(900)))
    )
    assert found.evidence["then_kw"] == "400"
    assert (
        basic_charge.contracted(POLICY, factory("100", basis="contract", contracted_kw=Decimal(400))) is None
    )


def reactive(kvarh: str | None, back: str | None = None, **contract: Any) -> Facts:
    uses = tuple(
        replace(
            each,
            reactive_import_kvarh=None if kvarh is None else Decimal(kvarh),
            reactive_export_kvarh=None if back is None else Decimal(back),
        )
        for each in factory().months
    )
    return replace(factory(standard=90, **contract), months=uses)


def test_a_low_power_factor_costs_what_the_table_says() -> None:
    """100,000 kWh and 75,000 kvarh: cos φ 0.80, +5 %; at 0.95 the table gives 0.75 % back."""
    facts = reactive("75000")
    found = advice(power_factor.power_factor(POLICY, facts))
    same_again(facts, found)
    assert found.bills is not None
    base = next(line.quantity for line in found.bills.now.lines if line.kind == "power_factor")
    each = [(base * Decimal(percent) / 100).quantize(Decimal("0.01")) for percent in ("5", "-0.75")]
    assert found.saving == pytest.approx(12 * (each[0] - each[1]), abs=Decimal("0.12"))
    assert found.evidence["cos"]["2026-10-01"] == "0.80"
    kw = 100_000 / (24 * 30)
    assert float(found.evidence["kvar_at_mean_load"]) == pytest.approx(kw * (0.75 - 0.328684), abs=0.1)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (reactive(None), Reason.REACTIVE_UNKNOWN),
        (reactive("60000", "15000"), Reason.LEADING),
        (reactive("75000", price_source="market"), Reason.MARKET_PRICE),
    ],
)
def test_the_power_factor_is_left_alone(facts: Facts, reason: Reason) -> None:
    assert refusal(power_factor.power_factor(POLICY, facts))[0] == reason


def test_a_good_power_factor_is_not_spoken_of() -> None:
    assert power_factor.power_factor(POLICY, reactive("40000")) is None


def dear(share: float = 0.3, p75: float | None = 0.2, **more: Any) -> Facts:
    peers = {} if p75 is None else {"sharp_peak": Quartiles(0.1, 0.15, p75, 12)}
    own = {"base_kw": 20.0, "mean_kw": 100.0} | more.pop("own", {})
    return replace(factory(**more), shares={"sharp_peak": share}, peer_shares=peers, own=own)


def test_shifting_moves_a_stated_part_of_the_dear_hours() -> None:
    """10 % of 30,000 kWh a month, all of it sharp: 1.049999 against 0.432924."""
    facts = dear()
    found = advice(shifting.shift(POLICY, facts))
    same_again(facts, found)
    assert found.evidence["moved_kwh"] == found.evidence["moved_sharp_kwh"] == "36000"
    expected = 36_000 * (Decimal("1.049999") - Decimal("0.432924"))
    assert found.saving == expected.quantize(Decimal("0.01"))
    assert found.bills is not None
    assert found.bills.now.kwh == found.bills.then.kwh, "not a kWh less is used"


def test_no_more_is_moved_than_leads_to_what_others_have() -> None:
    found = advice(shifting.shift(POLICY, dear(0.3, 0.295)))
    assert found.evidence["moved_kwh"] == "6000", "half a percent of 100,000 kWh, twelve times"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (dear(round_the_clock=True), Reason.ROUND_THE_CLOCK),
        (dear(own={"base_kw": 91.0}), Reason.ROUND_THE_CLOCK),
        (dear(p75=None), Reason.FEW_PEERS),
        (dear(months=YEAR[-5:]), Reason.FEW_MONTHS),
        (dear(price_source="market"), Reason.MARKET_PRICE),
        (dear(found=SHIPPED), Reason.COMPONENTS_MISSING),
    ],
)
def test_what_cannot_be_shifted_or_compared_is_left_alone(facts: Facts, reason: Reason) -> None:
    assert refusal(shifting.shift(POLICY, facts))[0] == reason


def test_whoever_is_like_others_is_not_told_to_shift() -> None:
    assert shifting.shift(POLICY, dear(0.2, 0.2)) is None


HOME = Contract(
    "T2", "C2", "household", date(2024, 1, 1), None, "zhejiang-household", "plain", "220V", persons=3
)


def home(
    flat: str = "300", valley: str = "180", months: Sequence[date] = YEAR, tariff: str = "zhejiang-household",
    current: MonthUse | None = None, **contract: Any,
) -> Facts:  # fmt: skip
    peak = str(Decimal(flat) - Decimal(valley))
    kwh = {"plain": {"flat": flat}, "tou": {"peak": peak, "valley": valley}, "shared": {"flat": flat}}
    uses = tuple(month(first, kwh) for first in months)
    of = documents(SHIPPED, tariff)
    return Facts(TODAY, replace(HOME, tariff=tariff, **contract), of, ("P2",), uses, current)


def test_much_use_at_night_pays_by_the_hour() -> None:
    """Zhejiang: 3,600 kWh, 60 % at night. Steps are the same in both, so only the hours differ:
    3600 × 0.538 against 1440 × 0.568 + 2160 × 0.288."""
    facts = home()
    found = advice(plans.tou(POLICY, facts))
    same_again(facts, found)
    assert found.saving == 3600 * Decimal("0.538") - 1440 * Decimal("0.568") - 2160 * Decimal("0.288")
    assert found.saving == Decimal("496.80")
    assert found.evidence["valley_share"] == 0.6


def test_whoever_lives_by_day_is_better_off_without_hours() -> None:
    assert plans.tou(POLICY, home(valley="20")) is None
    facts = home(valley="20", plan="tou")
    found = advice(plans.tou(POLICY, facts))
    same_again(facts, found)
    assert found.evidence["then"] == "plain"
    assert found.saving == 3360 * Decimal("0.568") + 240 * Decimal("0.288") - 3600 * Decimal("0.538")


def test_a_winter_is_no_year() -> None:
    winter = [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    assert refusal(plans.tou(POLICY, home(months=winter)))[0] == Reason.WINTER_ONLY
    reason, params = refusal(plans.tou(POLICY, home(months=YEAR[-11:])))
    assert (reason, params) == (Reason.FEW_MONTHS, {"have": 11, "need": 12})


def test_a_year_that_was_mostly_estimated_is_not_priced() -> None:
    facts = home()
    facts = replace(facts, months=tuple(replace(each, estimated=0.2) for each in facts.months))
    reason, params = refusal(plans.tou(POLICY, facts))
    assert (reason, params) == (Reason.ESTIMATED, {"share": 0.2, "limit": 0.1})


def partial(days: int, daily: str) -> MonthUse:
    first = date(2026, 11, 1)
    last = first + (days - 1) * DAY
    kwh = Decimal(daily) * days
    parts = {plan: (Part(first, last, {"flat": kwh}),) for plan in ("plain", "shared")}
    return MonthUse(first, first, last, False, Exact(parts), 1.0, 0.0)


def test_the_day_of_crossing_and_the_adder_on_what_lies_over_it() -> None:
    """2,500 kWh by the end of October, 10 a day in November and on: 2,760 kWh are used up on 26 November;
    61 days of 10 kWh make 3,110 kWh: 350 kWh at 0.05."""
    facts = home("250", "100", months=YEAR[2:], current=partial(10, "10"))
    found = advice(steps.step_crossing(POLICY, facts))
    same_again(facts, found)
    assert found.evidence["crossing_on"] == "2026-11-27"
    assert (found.evidence["left_kwh"], found.evidence["over_kwh"]) == ("160", "350")
    assert found.saving == Decimal("17.50")
    assert found.valid_until == date(2026, 12, 31)


def test_a_month_of_steps_is_crossed_within_it() -> None:
    """Guangzhou, November: 200 kWh; 90 in nine days, so on the 21st; 100 kWh over at 0.05."""
    facts = home(
        "280", "100", tariff="guangdong-household", months=YEAR, current=partial(10, "10"),
    )  # fmt: skip
    found = advice(steps.step_crossing(POLICY, facts))
    same_again(facts, found)
    assert found.evidence["crossing_on"] == "2026-11-21"
    assert (found.evidence["over_kwh"], found.saving) == ("100", Decimal("5.00"))
    assert found.formula.startswith("0.05 CNY/kWh × 100 kWh")


def test_a_cycle_of_estimates_says_no_date() -> None:
    current = replace(partial(10, "10"), estimated=0.11)
    facts = home(tariff="guangdong-household", current=current)
    reason, params = refusal(steps.step_crossing(POLICY, facts))
    assert (reason, params) == (Reason.ESTIMATED, {"share": 0.11, "limit": 0.1})


def test_a_year_of_which_half_is_unknown_says_no_date() -> None:
    facts = home("450", "100", months=YEAR[-4:], current=partial(9, "30"))
    assert refusal(steps.step_crossing(POLICY, facts))[0] == Reason.FEW_MONTHS


def test_who_does_not_cross_is_not_warned() -> None:
    assert steps.step_crossing(POLICY, home("100", "50", months=YEAR[2:], current=partial(9, "3"))) is None


def test_a_household_that_may_be_large_is_asked() -> None:
    facts = home("450", "100", tariff="guangdong-household", persons=None)
    found = advice(plans.large_household(POLICY, facts))
    same_again(facts, found)
    assert (found.evidence["persons"], found.needs) == (5, ("household_register",))
    assert found.confidence is Confidence.LOW
    assert plans.large_household(POLICY, home("450", tariff="guangdong-household")) is None, (
        "three live there"
    )


def test_a_shared_meter_is_compared_with_ones_own() -> None:
    """2,400 kWh: 0.558 shared, 0.538 with steps never reached."""
    facts = home("200", "80", plan="shared")
    found = advice(plans.shared_meter(POLICY, facts))
    same_again(facts, found)
    assert (found.saving, found.needs) == (2400 * Decimal("0.020"), ("own_meter",))


def test_advice_whose_saving_is_not_its_bills_difference_cannot_be_made() -> None:
    found = advice(plans.tou(POLICY, home()))
    with pytest.raises(ValueError, match="apart"):
        replace(found, saving=Decimal(1))
    with pytest.raises(ValueError, match="without the two bills"):
        replace(found, bills=None)


def test_a_document_that_does_not_hold_is_named() -> None:
    def ends(tariff: Tariff) -> Tariff:
        return tariff.model_copy(update={"from_": date(2026, 3, 1)})

    late = Catalogue([Filed(ends(SHIPPED.documents("zhejiang-household")[0]), "late.toml", "")])
    facts = replace(home(), tariff=documents(late, "zhejiang-household"))
    uses = tuple(each for each in facts.months)
    assert plans.tou(POLICY, replace(facts, months=uses)) is None, (
        "what one costs is not known: nothing to say"
    )
    found = shifting.shift(
        POLICY, dear(found=Catalogue([Filed(ends(industry().documents("hubei-industry")[0]), "l", "")]))
    )
    assert refusal(found)[0] == Reason.NO_DOCUMENT
