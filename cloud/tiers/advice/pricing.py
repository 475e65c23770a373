"""Prices an account's months as they were, and again with one thing changed: the two bills of every saving.

What cannot be priced is refused with what would have to be known; nothing is guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from cloud.insight.pricing import NAMES
from cloud.kit.errors import NotFound
from cloud.kit.money import ZERO, total
from cloud.tariffs.bill import Bill, Item, lines_of
from cloud.tariffs.documents import PriceSource
from cloud.tariffs.power_factor import Standard
from cloud.tariffs.two_part import Basis, Connection, basic_charge
from cloud.tariffs.usage import Household, Part, Supply, Usage
from cloud.tiers.advice.by_plan import kwh_of, millionths_of
from cloud.tiers.advice.documents import Known, Variant
from cloud.tiers.advice.rules import Facts, MonthUse, Reason, Refused, TwoBills

BASIC = "basic"
Kwh = Mapping[date, Mapping[str, Decimal]]


@dataclass(frozen=True, slots=True)
class Projected:
    """Days of one month that are still to come, to `last`, with the kWh expected of each band."""

    last: date
    kwh: Mapping[str, Decimal]

    def as_json(self) -> dict[str, Any]:
        return {"last": f"{self.last}", "kwh": {band: str(kwh) for band, kwh in self.kwh.items()}}


@dataclass(frozen=True, slots=True)
class Change:
    """What is other than in the contract, or than it was; nothing is: the bill as it is.

    `added_kwh` by month and band of the contract's plan: what is moved stands below zero where it is taken
    and above where it goes, what is saved below zero alone. `reactive_kvarh` is the month's whole, `fed_in`
    the kWh of a month that are paid for.
    """

    plan: str | None = None
    basis: Basis | None = None
    contracted_kw: Decimal | None = None
    persons: int | None = None
    added_kwh: Kwh = field(default_factory=dict)
    reactive_kvarh: Mapping[date, Decimal] = field(default_factory=dict)
    fed_in: Mapping[date, Decimal] = field(default_factory=dict)
    without_step: int | None = None
    projected: Mapping[date, "Projected"] = field(default_factory=dict)
    """By its first day what is still to come; the same in both bills."""

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = {
            "plan": self.plan,
            "basis": self.basis and self.basis.value,
            "contracted_kw": self.contracted_kw and str(self.contracted_kw),
            "persons": self.persons,
            "added_kwh": {
                f"{month}": {band: str(kwh) for band, kwh in bands.items()}
                for month, bands in self.added_kwh.items()
            },
            "reactive_kvarh": {f"{month}": str(kvarh) for month, kvarh in self.reactive_kvarh.items()},
            "fed_in": {f"{month}": str(kwh) for month, kwh in self.fed_in.items()},
            "without_step": self.without_step,
            "projected": {f"{first}": each.as_json() for first, each in self.projected.items()},
        }
        return {name: value for name, value in plain.items() if value}


AS_BEFORE = Change()


def change_of(plain: Mapping[str, Any]) -> Change:
    """As `Change.as_json` had it."""
    contracted = plain.get("contracted_kw")
    return Change(
        plan=plain.get("plan"),
        basis=Basis(plain["basis"]) if "basis" in plain else None,
        contracted_kw=None if contracted is None else Decimal(contracted),
        persons=plain.get("persons"),
        added_kwh={
            date.fromisoformat(month): {band: Decimal(kwh) for band, kwh in bands.items()}
            for month, bands in plain.get("added_kwh", {}).items()
        },
        reactive_kvarh={
            date.fromisoformat(month): Decimal(kvarh)
            for month, kvarh in plain.get("reactive_kvarh", {}).items()
        },
        fed_in={date.fromisoformat(month): Decimal(kwh) for month, kwh in plain.get("fed_in", {}).items()},
        without_step=plain.get("without_step"),
        projected={
            date.fromisoformat(first): Projected(
                date.fromisoformat(each["last"]),
                {band: Decimal(kwh) for band, kwh in each["kwh"].items()},
            )
            for first, each in plain.get("projected", {}).items()
        },
    )


def two_bills(
    kind: str,
    facts: Facts,
    months: Sequence[MonthUse],
    change: Change,
    *,
    before_kwh: Decimal | None = None,
    basic_alone: bool = False,
) -> TwoBills | Refused:
    """Both bills of these months; `basic_alone`: where the price of the energy is a market's, the basic
    charge is priced without it; `before_kwh`: of the steps' own cycle, as `bill` has it. What is projected
    is in both. Refused: something that either bill needs is not known.
    """
    plans = {facts.contract.plan, change.plan or facts.contract.plan}
    market = on_market(facts)
    if market and not basic_alone:
        return Refused(kind, facts.account, Reason.MARKET_PRICE)
    now = Change(projected=change.projected)
    try:
        if change.projected:
            before = bill(facts, months, now, basic_alone=market, before_kwh=before_kwh)
        else:
            before = as_it_is(facts, months, basic_alone=market, before_kwh=before_kwh)
        after = bill(facts, months, change, basic_alone=market, before_kwh=before_kwh)
    except (ValueError, NotFound, KeyError) as error:
        told = (obstacle(kind, facts, months, plan, energy=not market) for plan in sorted(plans))
        unpriced = Refused(kind, facts.account, Reason.UNPRICED, {"why": str(error)})
        return next((each for each in told if each is not None), unpriced)
    last = max([months[-1].last, *(each.last for each in change.projected.values())])
    plain = change.as_json() | ({} if before_kwh is None else {"before_kwh": str(before_kwh)})
    return TwoBills(before, after, months[0].first, last, plain, BASIC if market else None)


def priced_again(facts: Facts, kept: Mapping[str, Any]) -> tuple[Bill, Bill]:
    """Both bills anew from what was kept of them (`store.AdviceRow.bills`), on the facts as they are now.

    ValueError: they cannot be priced any more.
    """
    first, last = (date.fromisoformat(kept[name]) for name in ("first", "last"))
    every = (*facts.months, *([facts.current] if facts.current else []))
    months = [month for month in every if first <= month.first and month.last <= last]
    change, before = change_of(kept["change"]), kept["change"].get("before_kwh")
    options: dict[str, Any] = {
        "basic_alone": kept.get("partial") == BASIC,
        "before_kwh": None if before is None else Decimal(before),
    }
    now = Change(projected=change.projected)
    return bill(facts, months, now, **options), bill(facts, months, change, **options)


def on_market(facts: Facts) -> bool:
    return facts.contract.price_source == PriceSource.MARKET


def obstacle(
    kind: str, facts: Facts, months: Sequence[MonthUse], plan: str, *, energy: bool = True
) -> Refused | None:
    """What these months cannot be priced for, or None."""
    name, account = facts.contract.tariff, facts.account
    for month in months:
        if plan not in month.kwh:
            params = {"tariff": name, "plan": plan, "day": f"{month.month}"}
            return Refused(kind, account, Reason.NO_DOCUMENT, params)
        for day, _ in month.kwh.about(plan):
            known = facts.tariff.known(plan, day)
            if known is Known.NO_DOCUMENT:
                params = {"tariff": name, "plan": plan, "day": f"{day}"}
                return Refused(kind, account, Reason.NO_DOCUMENT, params)
            if energy and known is Known.NO_PRICE:
                params = {"tariff": name, "month": f"{day:%Y-%m}"}
                return Refused(kind, account, Reason.COMPONENTS_MISSING, params)
    return None


def as_it_is(
    facts: Facts,
    months: Sequence[MonthUse],
    *,
    basic_alone: bool = False,
    before_kwh: Decimal | None = None,
) -> Bill:
    """As `bill` with nothing changed, of some of the account's own months in a row; priced once."""
    key = (months[0].first, months[-1].last, basic_alone, before_kwh)
    if key not in facts.billed:
        facts.billed[key] = bill(facts, months, basic_alone=basic_alone, before_kwh=before_kwh)
    return facts.billed[key]


def bill(
    facts: Facts,
    months: Sequence[MonthUse],
    change: Change = AS_BEFORE,
    *,
    basic_alone: bool = False,
    before_kwh: Decimal | None = None,
) -> Bill:
    """One bill of these months. A year's steps are reckoned as if their year began with the first month,
    unless `before_kwh` says what their own year had before it. ValueError: something is not known.
    """
    contract = facts.contract
    plan = change.plan or contract.plan
    supply = {month.month: _supply(facts, month, change) for month in months if contract.capacity_kva}
    if basic_alone:
        return _basic(facts, months, supply, _priced(months, plan, change))
    household = Household(before_kwh or ZERO, change.persons or contract.persons, contract.moved_in)
    begins = months[0].month.month if before_kwh is None else None
    yearly = (steps := facts.tariff(months[0].first).steps) is not None and steps.cycle == "year"
    variant = Variant(begins if yearly else None, change.without_step)
    last = max([months[-1].last, *(each.last for each in change.projected.values())])
    joined = None
    if not supply and not change.fed_in and _one_price(facts, plan, months[0].first, last, variant):
        joined = _joined(facts, months, plan, change, last)
    parts = _priced(months, plan, change) if joined is None else (joined,)
    return facts.tariff.pricer(plan, variant).price(Usage(parts, household, supply, change.fed_in))


def _priced(months: Sequence[MonthUse], plan: str, change: Change) -> tuple[Part, ...]:
    parts = tuple(part for month in months for part in _parts(month, plan, change))
    return parts + tuple(Part(first, each.last, each.kwh) for first, each in sorted(change.projected.items()))


def _one_price(facts: Facts, plan: str, first: date, last: date, variant: Variant) -> bool:
    """Whether all of these days cost the same and lie in one year of steps: then they may be priced as one,
    and the lines are the same to the last digit, since a line is rounded once, whatever it was added up from.
    """
    return facts.tariff.one_price(plan, first, last, variant)


def _joined(facts: Facts, months: Sequence[MonthUse], plan: str, change: Change, last: date) -> Part:
    """All months as one part: added up in whole millionths, bands in the order in which they came."""
    whole = summed(facts, months, plan)
    added = [each for month in months if (each := change.added_kwh.get(month.month))]
    added += [still.kwh for _, still in sorted(change.projected.items())]
    if whole is None or any(band not in whole for each in added for band in each):
        return _joined_in_turn(months, plan, change, last)
    kwh = {band: kwh_of(much) for band, much in whole.items()}
    for each in added:
        for band, much in each.items():
            kwh[band] += much
    return Part(months[0].first, last, kwh)


def summed(facts: Facts, months: Sequence[MonthUse], plan: str) -> Mapping[str, int] | None:
    """Some of the account's own months in a row in millionths of a kWh by band, added up once; None where a
    month has several parts, or a band that the first one has not."""
    key = (plan, months[0].first, months[-1].last, len(months))
    if key not in facts.summed:
        facts.summed[key] = _added_up([month.kwh.one(plan) for month in months])
    return facts.summed[key]


def _added_up(told: Sequence[Sequence[float] | None]) -> dict[str, int] | None:
    rows = [each for each in told if each is not None]
    if len(rows) < len(told):
        return None
    found: dict[str, int] = {}
    for name, column in zip(NAMES, zip(*rows, strict=True), strict=True):
        if column[0]:
            found[name] = sum(map(millionths_of, column))
        elif any(column):
            return None
    return found or None


def _joined_in_turn(months: Sequence[MonthUse], plan: str, change: Change, last: date) -> Part:
    """As `_joined`, of months with different bands or several parts."""
    whole: dict[str, int] = {}
    more: dict[str, Decimal] = {}
    for month in months:
        told = month.kwh.millionths(plan)
        if told is None:
            _add(more, whole, (each for part in month.kwh[plan] for each in part.kwh.items()))
        else:
            for band, much in told.items():
                whole[band] = whole.get(band, 0) + much
        if added := change.added_kwh.get(month.month):
            _add(more, whole, added.items())
    for _, still in sorted(change.projected.items()):
        _add(more, whole, still.kwh.items())
    kwh = {band: kwh_of(much) + more.get(band, ZERO) for band, much in whole.items()}
    return Part(months[0].first, last, kwh)


def _add(more: dict[str, Decimal], whole: dict[str, int], kwh: Iterable[tuple[str, Decimal]]) -> None:
    for band, each in kwh:
        whole.setdefault(band, 0)
        more[band] = more.get(band, ZERO) + each


def _supply(facts: Facts, month: MonthUse, change: Change) -> Supply:
    contract = facts.contract
    basis = change.basis or (contract.basis and Basis(contract.basis)) or None
    return Supply(
        basis=basis,
        capacity_kva=contract.capacity_kva or ZERO,
        demand_kw=month.demand.kw if month.demand else None,
        contracted_kw=change.contracted_kw or contract.contracted_kw,
        standard=Standard(contract.standard) if contract.standard else None,
        reactive_kvarh=change.reactive_kvarh.get(month.month, month.reactive_kvarh),
    )


def _parts(month: MonthUse, plan: str, change: Change) -> Sequence[Part]:
    """The month's parts with what is added or taken away: from the first that has it, on."""
    added = change.added_kwh.get(month.month)
    if not added:
        return month.kwh[plan]
    parts = list(month.kwh[plan])
    for band, kwh in added.items():
        left = kwh
        for at, part in enumerate(parts):
            last = at == len(parts) - 1
            some = left if last else max(left, -part.kwh.get(band, ZERO)) if left < 0 else ZERO
            parts[at] = replace(part, kwh={**part.kwh, band: part.kwh.get(band, ZERO) + some})
            left -= some
    return parts


def _basic(
    facts: Facts, months: Sequence[MonthUse], supply: Mapping[date, Supply], parts: Sequence[Part]
) -> Bill:
    """The basic charge of each month without all else: neither energy nor power-factor adjustment."""
    items: list[Item] = []
    for month in months:
        its, tariff = supply[month.month], facts.tariff(month.last)
        if tariff.two_part is None or its.basis is None:
            raise ValueError(f"{tariff.id}: no basic charge in {month.month:%Y-%m}")
        kwh = total(part.total_kwh for part in parts if part.first.replace(day=1) == month.month)
        of = Connection(its.basis, its.capacity_kva, its.demand_kw, its.contracted_kw, kwh, its.share)
        charges = basic_charge(tariff.two_part, of)
        items += [
            Item("basic", each.what, each.quantity, each.unit, each.price, tariff.id) for each in charges
        ]
    rounding = facts.tariff(months[-1].last).rounding
    remark = "the basic charge alone: the price of the energy is agreed on the market"
    return Bill(tuple(lines_of(items, rounding)), (remark,))
