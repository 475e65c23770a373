"""Another plan of the same document: by hours or not, as a large household, or off a shared meter."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from cloud.kit.errors import NotFound
from cloud.kit.money import ZERO, total
from cloud.tariffs.bill import Bill
from cloud.tariffs.documents import Plan, Tariff
from cloud.tiers.advice.policy import AdvicePolicy
from cloud.tiers.advice.pricing import Change, bill, two_bills
from cloud.tiers.advice.rules import Advice, Confidence, Facts, MonthUse, Reason, Refused
from cloud.tiers.advice.tariff.months import few, guessed, number, told, usable

TOU, LARGE, SHARED = "tou_choice", "large_household", "shared_meter"
YEAR = 12
_VALLEY = ("valley", "deep_valley")


def tou(policy: AdvicePolicy, facts: Facts) -> Advice | Refused | None:
    """bill(one price) − bill(by hours) on the same twelve months, or the reverse; both recomputed."""
    tariff = _tariff(facts)
    own = _own(facts, tariff)
    if tariff is None or own is None or not own.steps:
        return None
    months = usable(policy, facts)
    for other in tariff.plans:
        if other.id == own.id or not other.steps or bool(other.windows) == bool(own.windows):
            continue
        least = float(policy.least_saving) * len(months) / YEAR
        if not months or _apart(facts, months, own, other) < least:
            continue
        if len(months) < YEAR:
            return _too_few(policy, facts, months)
        if refused := guessed(TOU, facts, months, policy.data.estimated):
            return refused
        bills = two_bills(TOU, facts, months, Change(plan=other.id))
        if isinstance(bills, Refused):
            return bills
        share = _share(bills.then if other.windows else bills.now, _VALLEY)
        evidence = {
            "plan": own.id, "then": other.id, "valley_share": round(share, 4),
            "kwh": number(bills.now.kwh),
        }  # fmt: skip
        formula = f"Σ{len(months)} C({own.id}) − Σ{len(months)} C({other.id})"
        return told(TOU, policy, facts, months, bills, formula, evidence)
    return None


def large_household(policy: AdvicePolicy, facts: Facts) -> Advice | Refused | None:
    """Nobody said how many live there, and with as many as the document asks for limits would be higher."""
    tariff = _tariff(facts)
    own, steps = _own(facts, tariff), tariff.steps if tariff else None
    if steps is None or steps.large_household is None or own is None or not own.steps:
        return None
    if facts.contract.persons is not None:
        return None
    months, persons = usable(policy, facts), steps.large_household.persons
    if not _over_first(facts, months, tariff) or not months:
        return None
    if refused := few(LARGE, facts, months, YEAR) or guessed(LARGE, facts, months, policy.data.estimated):
        return refused
    bills = two_bills(LARGE, facts, months, Change(persons=persons))
    add = number(steps.large_household.add_kwh)
    evidence = {"persons": persons, "add_kwh": add, "plan": own.id}
    formula = f"Σ{len(months)} C(n = ?) − Σ{len(months)} C(n ≥ {persons}: +{add} kWh)"
    return told(
        LARGE, policy, facts, months, bills, formula, evidence,
        needs=("household_register",), confidence=Confidence.LOW,
    )  # fmt: skip


def shared_meter(policy: AdvicePolicy, facts: Facts) -> Advice | Refused | None:
    """A shared meter against steps of one's own, or, for a household of many, the reverse."""
    tariff = _tariff(facts)
    own = _own(facts, tariff)
    if tariff is None or own is None or facts.contract.class_ != "household" or tariff.steps is None:
        return None
    many = (facts.contract.persons or 0) >= policy.households.shared_from_persons
    others = [each for each in tariff.plans if not each.windows and each.steps != own.steps]
    if own.windows or not others or (own.steps and not many):
        return None
    months, other = usable(policy, facts), others[0]
    if len(months) < YEAR or any(each not in month.kwh for month in months for each in (own.id, other.id)):
        return None
    if own.steps is False and _guess(facts, months, own, other) < policy.least_saving:
        return None
    if refused := guessed(SHARED, facts, months, policy.data.estimated):
        return refused
    bills = two_bills(SHARED, facts, months, Change(plan=other.id))
    evidence = {"plan": own.id, "then": other.id, "persons": facts.contract.persons}
    formula = f"Σ{len(months)} C({own.id}) − Σ{len(months)} C({other.id})"
    needs = ("household_register",) if own.steps else ("own_meter",)
    return told(
        SHARED, policy, facts, months, bills, formula, evidence, needs=needs, confidence=Confidence.LOW
    )


def _too_few(policy: AdvicePolicy, facts: Facts, months: Sequence[MonthUse]) -> Refused:
    """Winter alone says nothing of a year; other months are just too few."""
    params = {"have": len(months), "need": YEAR}
    winter = all(month.month.month in policy.data.winter for month in months)
    return Refused(TOU, facts.account, Reason.WINTER_ONLY if winter else Reason.FEW_MONTHS, params)


def _apart(facts: Facts, months: Sequence[MonthUse], own: Plan, other: Plan) -> float:
    """About what the energy would cost less; steps are the same in both. 0 where one of them is not known."""
    try:
        return _about(facts, months, own.id) - _about(facts, months, other.id)
    except (KeyError, ValueError, NotFound):
        return 0.0


def _about(facts: Facts, months: Sequence[MonthUse], plan: str) -> float:
    told = [each for month in months for each in month.kwh.about(plan)]
    prices = facts.tariff.table(plan, tuple(day for day, _ in told))
    return float(np.vdot([kwh for _, kwh in told], prices))


def _guess(facts: Facts, months: Sequence[MonthUse], own: Plan, other: Plan) -> Decimal:
    try:
        return (
            bill(facts, months, Change(plan=own.id)).total - bill(facts, months, Change(plan=other.id)).total
        )
    except (ValueError, NotFound):
        return ZERO


def _share(of: Bill, bands: Sequence[str]) -> float:
    whole = of.kwh
    some = total(line.quantity for line in of.lines if line.kind == "energy" and line.what in bands)
    return float(some / whole) if whole else 0.0


def _over_first(facts: Facts, months: Sequence[MonthUse], tariff: Tariff | None) -> bool:
    """Whether a limit was ever passed: otherwise higher ones change nothing."""
    if tariff is None or tariff.steps is None:
        return False
    used = [month.total_kwh(facts.contract.plan) for month in months]
    if tariff.steps.cycle == "year":
        first = tariff.steps.limits_of(1)
        return bool(first) and total(used) > first[0]
    return any(
        kwh > limits[0]
        for kwh, month in zip(used, months, strict=True)
        if (limits := tariff.steps.limits_of(month.month.month))
    )


def _tariff(facts: Facts) -> Tariff | None:
    try:
        return facts.tariff(facts.months[-1].last) if facts.months else None
    except NotFound:
        return None


def _own(facts: Facts, tariff: Tariff | None) -> Plan | None:
    if tariff is None or facts.contract.class_ != "household":
        return None
    return next((each for each in tariff.plans if each.id == facts.contract.plan), None)
