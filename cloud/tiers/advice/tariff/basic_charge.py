"""The basic charge (基本电费): by capacity or by demand, and which demand to contract."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from cloud.kit.errors import NotFound
from cloud.kit.money import ZERO, total
from cloud.tariffs.documents import Tariff
from cloud.tariffs.two_part import Basis, Connection, TwoPart, basic_charge, demand_price
from cloud.tiers.advice.policy import AdvicePolicy
from cloud.tiers.advice.pricing import Change, two_bills
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Reason, Refused
from cloud.tiers.advice.tariff.months import few, guessed, number, told, usable

MODE, CONTRACTED = "basic_charge", "contracted_demand"


def mode(policy: AdvicePolicy, facts: Facts) -> Advice | Refused | None:
    """Capacity against actual demand: MD / C below p_c / p_d in enough months, or the reverse."""
    terms, months = _terms(facts), usable(policy, facts)
    basis = facts.contract.basis
    if terms is None or basis not in (Basis.CAPACITY, Basis.DEMAND):
        return None
    other = Basis.DEMAND if basis == Basis.CAPACITY else Basis.CAPACITY
    known = [month for month in months if month.demand is not None]
    better = [month for month in known if _cost(terms, facts, month, other) < _cost(terms, facts, month)]
    if len(better) < policy.basic_charge.trigger_months:
        return None
    if refused := _against(MODE, policy, facts, months):
        return refused
    bills = two_bills(MODE, facts, months, Change(basis=other), basic_alone=True)
    capacity, limits = _capacity(facts), [_limit(terms, facts, month) for month in months]
    ratios = [_kw(month) / capacity for month in months]
    formula = _formula(basis, terms, facts, months)
    evidence = {
        "basis": basis, "then": other.value, "capacity_kva": number(capacity),
        "price_capacity": number(terms.capacity), "price_demand": number(terms.demand),
        "limit": f"{min(limits):.4f}",
        "ratio_least": f"{min(ratios):.4f}", "ratio_most": f"{max(ratios):.4f}",
        "better_months": len(better), "demand_kw": {f"{month.month}": number(_kw(month)) for month in months},
    }  # fmt: skip
    return told(MODE, policy, facts, months, bills, formula, evidence)


def contracted(policy: AdvicePolicy, facts: Facts) -> Advice | Refused | None:
    """Another contracted demand D*: the least expected cost over the months' demands, each as likely."""
    terms, months = _terms(facts), usable(policy, facts)
    contract = facts.contract
    if terms is None or contract.basis != Basis.CONTRACT or contract.contracted_kw is None:
        return None
    known = [month for month in months if month.demand is not None]
    if not known:
        return None
    best = best_contract(terms, facts, known)
    if _expected(terms, facts, known, best) >= _expected(terms, facts, known, contract.contracted_kw):
        return None
    if refused := _against(CONTRACTED, policy, facts, months):
        return refused
    bills = two_bills(CONTRACTED, facts, months, Change(contracted_kw=best), basic_alone=True)
    demands = sorted(_kw(month) for month in months)
    price, over = number(terms.demand), number(terms.over_factor)
    formula = (
        f"min D: Σ {len(months)} × (D × {price} + "
        f"max(0, MD − {number(terms.free_over)} × D) × {over} × {price}), "
        f"D ≥ {number(terms.least_share)} × {number(_capacity(facts))} kVA; "
        f"D {number(contract.contracted_kw)} → {number(best)} kW"
    )
    evidence = {
        "contracted_kw": number(contract.contracted_kw), "then_kw": number(best),
        "capacity_kva": number(_capacity(facts)), "least_kw": number(terms.least_share * _capacity(facts)),
        "demand_p25": number(demands[len(demands) // 4]), "demand_median": number(demands[len(demands) // 2]),
        "demand_p75": number(demands[len(demands) * 3 // 4]), "demand_most": number(demands[-1]),
        "demand_kw": {f"{month.month}": number(_kw(month)) for month in months},
    }  # fmt: skip
    return told(CONTRACTED, policy, facts, months, bills, formula, evidence)


def best_contract(terms: TwoPart, facts: Facts, months: Sequence[MonthUse]) -> Decimal:
    """Whole kW; the cost is piecewise linear in D, so its least is at one of the edges."""
    least = terms.least_share * _capacity(facts)
    edges = {least, *(_kw(month) / terms.free_over for month in months)}
    whole = {max(least, each).to_integral_value(ROUND_CEILING) for each in edges}
    return min(sorted(whole), key=lambda kw: _expected(terms, facts, months, kw))


def _expected(terms: TwoPart, facts: Facts, months: Sequence[MonthUse], contracted_kw: Decimal) -> Decimal:
    contract = replace(facts.contract, contracted_kw=max(contracted_kw, terms.least_share * _capacity(facts)))
    of = replace(facts, contract=contract)
    return total(_cost(terms, of, month, Basis.CONTRACT) for month in months) / len(months)


def _against(kind: str, policy: AdvicePolicy, facts: Facts, months: Sequence[MonthUse]) -> Refused | None:
    """What forbids a change of the basis, or leaves too little to judge it by."""
    contract, account = facts.contract, facts.account
    if contract.basis_fixed_until is not None and contract.basis_fixed_until >= facts.today:
        return Refused(kind, account, Reason.BASIS_FIXED, {"until": f"{contract.basis_fixed_until}"})
    if contract.capacity_change_on is not None and contract.capacity_change_on >= facts.today:
        return Refused(kind, account, Reason.CAPACITY_PENDING, {"on": f"{contract.capacity_change_on}"})
    if len(facts.points) > 1:
        return Refused(kind, account, Reason.SEVERAL_POINTS, {"points": len(facts.points)})
    if refused := few(kind, facts, months, policy.data.months):
        return refused
    unknown = [month for month in months if month.demand is None or not month.demand.measured]
    if unknown:
        return Refused(kind, account, Reason.DEMAND_UNKNOWN, {"month": f"{unknown[-1].month:%Y-%m}"})
    return guessed(kind, facts, months, policy.data.estimated)


def _terms(facts: Facts) -> TwoPart | None:
    tariff = _document(facts)
    return None if tariff is None or not facts.contract.capacity_kva else tariff.two_part


def _document(facts: Facts) -> Tariff | None:
    try:
        return facts.tariff(facts.today)
    except NotFound:
        return None


def _cost(terms: TwoPart, facts: Facts, month: MonthUse, basis: Basis | None = None) -> Decimal:
    contract = facts.contract
    of = replace(_connection(facts, month), basis=basis or Basis(contract.basis or Basis.CAPACITY))
    return total(each.amount for each in basic_charge(terms, of))


def _connection(facts: Facts, month: MonthUse) -> Connection:
    contract = facts.contract
    kwh = total(part.total_kwh for part in month.kwh.get(contract.plan, ()))
    return Connection(Basis.DEMAND, _capacity(facts), _kw(month), contract.contracted_kw, kwh)


def _limit(terms: TwoPart, facts: Facts, month: MonthUse) -> Decimal:
    """p_c / p_d: below it demand is cheaper; higher in a month whose capacity is well used."""
    return terms.capacity / demand_price(terms, _connection(facts, month))


def _formula(basis: str, terms: TwoPart, facts: Facts, months: Sequence[MonthUse]) -> str:
    by_capacity = f"{len(months)} × {number(_capacity(facts))} kVA × {number(terms.capacity)}"
    cheap = [month for month in months if demand_price(terms, _connection(facts, month)) != terms.demand]
    full_kw = total(_kw(month) for month in months if month not in cheap)
    by_demand = f"Σ MD {number(full_kw)} kW × {number(terms.demand)}"
    if cheap and terms.discount is not None:
        kw = total(_kw(month) for month in cheap)
        by_demand += f" + {number(kw)} kW × {number(terms.demand)} × {number(terms.discount.factor)}"
    pair = (by_capacity, by_demand) if basis == Basis.CAPACITY else (by_demand, by_capacity)
    return f"({pair[0]}) − ({pair[1]})"


def _kw(month: MonthUse) -> Decimal:
    return month.demand.kw if month.demand is not None else ZERO


def _capacity(facts: Facts) -> Decimal:
    return facts.contract.capacity_kva or ZERO
