"""The month priced under its contract, and demand and power factor of a two-part one; or why it cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from cloud.customers.file.contracts import Contract
from cloud.desk.report.pieces import BillLine, Estimate, TwoPart
from cloud.desk.report.span import Month
from cloud.kit.errors import NotFound
from cloud.kit.money import rounded, total
from cloud.tariffs.bill import Bill
from cloud.tariffs.power_factor import Standard, adjustment
from cloud.tariffs.price import cycle_of
from cloud.tiers.advice.documents import Documents
from cloud.tiers.advice.pricing import bill, obstacle, on_market
from cloud.tiers.advice.rules import Facts, MonthUse
from cloud.tiers.advice.tariff.power_factor import cos_of

LEAST_COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Priceable:
    """`use` of the month, `before` stored months before it, `since` when the service began."""

    month: Month
    contracts: Sequence[Contract]
    documents: Documents | None
    use: MonthUse | None
    before: Sequence[MonthUse]
    since: date


def estimate(given: Priceable) -> Estimate:
    """With its lines, or `refused`: nothing is guessed that a bill needs."""
    contract = given.contracts[-1] if given.contracts else None
    if (why := _against(given)) is not None:
        return _refused(contract, *why)
    assert contract is not None
    assert given.use is not None
    assert given.documents is not None
    facts = Facts(given.month.last, contract, given.documents, months=(*given.before, given.use))
    market = on_market(facts)
    if market and not contract.capacity_kva:
        return _refused(contract, "market_price", {})
    if stands := obstacle("report", facts, [given.use], contract.plan, energy=not market):
        return _refused(contract, stands.reason, dict(stands.params))
    before, lacking = _before(given, contract, given.documents)
    if lacking is not None:
        return _refused(contract, "few_months", lacking)
    try:
        found = bill(facts, [given.use], before_kwh=before, basic_alone=market)
    except (ValueError, NotFound, KeyError) as error:
        return _refused(contract, "unpriced", {"why": str(error)})
    return _told(contract, found, partial=market)


def _against(given: Priceable) -> tuple[str, dict[str, Any]] | None:
    """What forbids pricing at all."""
    if not given.contracts:
        return "no_contract", {}
    if len(given.contracts) > 1:
        return "contract_changed", {"day": f"{given.contracts[-1].from_day}"}
    contract, use = given.contracts[0], given.use
    if use is None or given.documents is None:
        return "nothing_stored", {}
    if use.coverage < LEAST_COVERAGE:
        return "holes", {"coverage": round(use.coverage, 4), "need": LEAST_COVERAGE}
    if not use.whole and contract.capacity_kva:
        return "part_month", {"first": f"{use.first}", "last": f"{use.last}"}
    return None


def _before(
    given: Priceable, contract: Contract, documents: Documents
) -> tuple[Decimal | None, dict[str, int] | None]:
    """kWh of a year's steps before the month, None where no steps run over a year; or how many days lack."""
    try:
        tariff = documents(given.month.first)
        if tariff.steps is None or tariff.steps.cycle != "year" or not tariff.plan(contract.plan).steps:
            return None, None
    except (NotFound, ValueError):
        return None, None  # `obstacle` has said so, or the bill will
    begins = date(*cycle_of(tariff.steps, given.month.first), 1)
    since = max(begins, given.since)
    months = [each for each in given.before if begins <= each.month and contract.plan in each.kwh]
    have, need = sum(each.days for each in months), max(0, (given.month.first - since).days)
    if have != need:
        return None, {"have": have, "need": need}
    return total(each.total_kwh(contract.plan) for each in months), None


def _told(contract: Contract, found: Bill, *, partial: bool) -> Estimate:
    lines = [
        BillLine(
            kind=each.kind,
            what=each.what,
            quantity=each.quantity,
            unit=each.unit,
            price=each.price,
            amount=each.amount,
        )
        for each in found.lines
    ]
    return Estimate(
        tariff=contract.tariff,
        plan=contract.plan,
        total=rounded(found.total),
        lines=lines,
        partial=partial,
        refused=None,
        params={},
    )


def _refused(contract: Contract | None, why: str, params: dict[str, Any]) -> Estimate:
    return Estimate(
        tariff=None if contract is None else contract.tariff,
        plan=None if contract is None else contract.plan,
        total=None,
        lines=[],
        partial=False,
        refused=why,
        params=params,
    )


def two_part(contract: Contract | None, use: MonthUse | None) -> TwoPart | None:
    """None for a contract without a basic charge and without a power-factor standard."""
    if contract is None or not contract.capacity_kva:
        return None
    demand = None if use is None else use.demand
    standard = None if contract.standard is None else Standard(contract.standard)
    cos, why = None, "no_standard" if standard is None else None
    if use is not None and standard is not None:
        cos = cos_of(use, contract.plan)
    if cos is None and why is None:
        why = "reactive_unknown"
    return TwoPart(
        basis=contract.basis,
        capacity_kva=contract.capacity_kva,
        contracted_kw=contract.contracted_kw,
        demand_kw=None if demand is None else demand.kw,
        demand_at=None if demand is None else demand.at,
        demand_measured=demand is not None and demand.measured,
        standard=contract.standard,
        reactive_kvarh=None if use is None else use.reactive_kvarh,
        cos=cos,
        adjustment=None if cos is None or standard is None else adjustment(standard, cos),
        cos_refused=why,
    )
