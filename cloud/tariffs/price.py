"""Prices a use under dated documents: bands, then steps on what the cycle had, basic charge, power factor.

A document that changes within a cycle takes over what was used before it: an allowance is not given twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import groupby

from cloud.kit.money import ZERO, rounded, total
from cloud.tariffs.bill import Bill, Item, Line, lines_of
from cloud.tariffs.documents import Plan, Steps, Tariff
from cloud.tariffs.power_factor import adjustment, cos_hundredths
from cloud.tariffs.steps import prorated, split
from cloud.tariffs.two_part import Basis, Connection, basic_charge
from cloud.tariffs.usage import Household, Part, Supply, Usage

InForce = Callable[[date], Tariff]
"""The document that holds on a day; ValueError where none does."""


@dataclass(slots=True)
class _Cycle:
    """How much of the steps' cycle is used up, and which cycle it is."""

    key: tuple[int, int] | None
    used_kwh: Decimal


@dataclass(slots=True)
class _Rates:
    """What holds for a span of days: its document and plan, and the prices asked for so far."""

    tariff: Tariff
    plan: Plan
    funds: Decimal
    day: date
    bands: dict[str, Decimal] = field(default_factory=dict)

    def price(self, band: str) -> Decimal:
        if band not in self.bands:
            self.bands[band] = band_price(self.tariff, self.plan, band, self.day)
        return self.bands[band]


class Pricer:
    """Prices any number of uses under one plan; what documents say of a span of days is looked up once."""

    def __init__(self, in_force: InForce, plan: str) -> None:
        self._in_force, self._plan = in_force, plan
        self._rates: dict[tuple[date, date], _Rates] = {}

    def price(self, usage: Usage) -> Bill:
        """One bill of a use. ValueError says what is not known, and of which month."""
        items: list[Item] = []
        adjustments: list[Line] = []
        remarks: list[str] = []
        cycle = _Cycle(None, usage.household.before_kwh)
        for month, parts in groupby(usage.parts, lambda part: part.first.replace(day=1)):
            pieces = [(part, self._of(part)) for part in parts]
            found = list(_items(month, pieces, usage, cycle))
            items += found
            supply = usage.supply.get(month)
            if supply is not None and supply.standard is not None:
                line, remark = _adjustment(found, pieces[-1][1].tariff, supply, month)
                adjustments += [line] if line else []
                remarks += [remark] if remark else []
        rounding = self._in_force(usage.parts[-1].last).rounding
        return Bill((*lines_of(items, rounding), *adjustments), tuple(remarks))

    def _of(self, part: Part) -> _Rates:
        key = (part.first, part.last)
        if key not in self._rates:
            self._rates[key] = self._looked_up(part)
        return self._rates[key]

    def _looked_up(self, part: Part) -> _Rates:
        """ValueError where a document or its components begin within the part: both energies are needed."""
        tariff, last = self._in_force(part.first), self._in_force(part.last)
        if tariff is not last and tariff != last:
            began = last.notice or last.id
        elif tariff.components_of(part.first) is not tariff.components_of(part.last):
            began = f"another price of {tariff.id}"
        else:
            plan, components = tariff.plan(self._plan), tariff.components_of(part.first)
            return _Rates(tariff, plan, components.funds if plan.ratios and components else ZERO, part.first)
        raise ValueError(f"{part.first} to {part.last}: {began} begins within it; give the energies of both")


def price(in_force: InForce, plan: str, usage: Usage) -> Bill:
    """One bill of a use. ValueError says what is not known, and of which month."""
    return Pricer(in_force, plan).price(usage)


def price_under(tariff: Tariff, plan: str, usage: Usage) -> Bill:
    """The bill if this one document held all the time."""
    return price(lambda _: tariff, plan, usage)


def _items(month: date, pieces: Sequence[tuple[Part, _Rates]], usage: Usage, cycle: _Cycle) -> Iterator[Item]:
    for part, rates in pieces:
        tariff, steps = rates.tariff, rates.tariff.steps
        for band, kwh in part.kwh.items():
            yield Item("energy", band, kwh, "kWh", rates.price(band), tariff.id, rates.funds)
        if rates.plan.steps and steps:
            yield from _steps(part, tariff, steps, usage.household, cycle)
    if fed_in := usage.fed_in.get(month):
        tariff = pieces[-1][1].tariff
        yield Item("surplus", "", fed_in, "kWh", -surplus_price(tariff, pieces[-1][0].last), tariff.id)
    supply = usage.supply.get(month)
    if supply is not None and supply.basis is not None:
        kwh = total(part.total_kwh for part, _ in pieces)
        yield from _basic(pieces[-1][1].tariff, supply.basis, supply, kwh, month)


def band_price(tariff: Tariff, plan: Plan, band: str, day: date) -> Decimal:
    """CNY/kWh of the first step. ValueError where the document cannot say."""
    said = plan.priced(day.month).said()
    if plan.prices:
        if band not in said:
            raise ValueError(f"{tariff.id}, {plan.id}: no price of {band} in month {day.month}")
        return said[band]
    components = tariff.components_of(day)
    if components is None:
        has = "".join(f", has those from {each.from_} to {each.to or '…'}" for each in tariff.components[-1:])
        raise ValueError(
            f"{tariff.id}: no components of {day:%Y-%m}{has}: add the month's purchase price to the document"
        )
    ratio = said.get(band, Decimal(1) if band == "flat" else None)
    if ratio is None:
        raise ValueError(f"{tariff.id}, {plan.id}: no ratio of {band} in month {day.month}")
    return components.price(band, ratio)


def surplus_price(tariff: Tariff, day: date) -> Decimal:
    """CNY/kWh of what is fed in. ValueError where the document does not say."""
    found = tariff.surplus_of(day)
    if found is None:
        raise ValueError(f"{tariff.id}: no price of surplus on {day}: add [[surplus]] to the document")
    return found


def _steps(part: Part, tariff: Tariff, steps: Steps, household: Household, cycle: _Cycle) -> Iterator[Item]:
    key = cycle_of(steps, part.first)
    if cycle.key is not None and cycle.key != key:
        cycle.used_kwh = ZERO
    cycle.key = key
    found = split(part.total_kwh, cycle.used_kwh, limits_in(steps, part.first, household))
    cycle.used_kwh += part.total_kwh
    for number, kwh in enumerate(found[1:], 2):
        yield Item("step", str(number), kwh, "kWh", steps.adders[number - 2], tariff.id)


def cycle_of(steps: Steps, day: date) -> tuple[int, int]:
    """Which cycle a day lies in: its month, or the year that began in `begins_month`."""
    if steps.cycle == "month":
        return day.year, day.month
    return day.year - (day.month < steps.begins_month), steps.begins_month


def limits_in(steps: Steps, day: date, household: Household) -> tuple[Decimal, ...]:
    """The limits on a day: a large household's are higher, a part of a year has a part of them."""
    limits = steps.limits_of(day.month)
    large = steps.large_household
    if large and household.persons is not None and household.persons >= large.persons:
        months = 12 if steps.cycle == "year" else 1
        limits = tuple(limit + large.add_kwh * months for limit in limits)
    if steps.cycle == "month":
        return limits
    return prorated(limits, months_served(steps, day, household))


def months_served(steps: Steps, day: date, household: Household) -> int:
    """Of the year's twelve: a month that somebody lived there on any day of counts whole."""
    year, begins = cycle_of(steps, day)
    first, end = year * 12 + begins - 1, year * 12 + begins + 11
    if household.moved_in is not None:
        first = max(first, household.moved_in.year * 12 + household.moved_in.month - 1)
    if household.moved_out is not None:
        end = min(end, household.moved_out.year * 12 + household.moved_out.month)
    return max(1, end - first)


def _basic(tariff: Tariff, basis: Basis, supply: Supply, kwh: Decimal, month: date) -> Iterator[Item]:
    if tariff.two_part is None:
        raise ValueError(f"{tariff.id}: has no two-part terms, and the customer a basis of them")
    of = Connection(basis, supply.capacity_kva, supply.demand_kw, supply.contracted_kw, kwh, supply.share)
    try:
        charges = basic_charge(tariff.two_part, of)
    except ValueError as error:
        raise ValueError(f"{month:%Y-%m}: {error}") from None
    for each in charges:
        yield Item("basic", each.what, each.quantity, each.unit, each.price, tariff.id)


def _adjustment(
    items: list[Item], tariff: Tariff, supply: Supply, month: date
) -> tuple[Line | None, str | None]:
    """The month's line, or why there is none: what is not known is not taken for zero."""
    assert supply.standard is not None
    if supply.reactive_kvarh is None:
        return None, f"{month:%Y-%m}: no power-factor adjustment: reactive energy is not known"
    cos = cos_hundredths(
        total(each.quantity for each in items if each.kind == "energy"), supply.reactive_kvarh
    )
    if cos is None:
        return None, f"{month:%Y-%m}: no power-factor adjustment: no active energy was used"
    adjusted = [line for line in lines_of(items, tariff.rounding) if line.kind in ("energy", "basic")]
    base = total(line.amount - line.funds for line in adjusted)
    share = adjustment(supply.standard, cos) / 100
    amount = rounded(base * share, tariff.rounding)
    return Line("power_factor", f"{Decimal(cos) / 100:.2f}", base, "CNY", share, amount, tariff.id), None
