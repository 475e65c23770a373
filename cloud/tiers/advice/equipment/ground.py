"""What every rule on equipment stands on: products in force, limits, what is around, the facts by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from math import isfinite

import numpy as np

from cloud.customers.file.consents import Purpose
from cloud.customers.file.needs import Need
from cloud.kit.errors import NotFound
from cloud.kit.money import ZERO, total
from cloud.tariffs.power_factor import cos_hundredths
from cloud.tiers.advice.equipment.around import Around, Sized, quartiles
from cloud.tiers.advice.equipment.hours import PEAKS, VALLEYS, BandDays, exact
from cloud.tiers.advice.equipment.policy import EquipmentPolicy
from cloud.tiers.advice.pricing import obstacle, on_market
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.product_facts import Answer
from cloud.tiers.advice.rules import Confidence, Facts, MonthUse, Quartiles, Reason, Refused

LOW_VOLTAGE = ("220V", "380V", "0.4kV")


@dataclass(slots=True)
class Ground:
    """`products` are those in force today; made once for a run over many accounts."""

    products: tuple[Product, ...]
    policy: EquipmentPolicy
    days: BandDays
    around: Around = field(default_factory=Around)
    years: dict[tuple[str, int], tuple[Facts, tuple[MonthUse, ...], Refused | None]] = field(
        default_factory=dict
    )
    """The months of the account in hand, and what is against them."""
    wholes: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    """The year's kWh of the account in hand."""

    def answering(self, aim: Aim, class_: str) -> list[Product]:
        return [each for each in self.products if each.answers is aim and class_ in each.for_.classes]

    def peers(self, of: Mapping[str, Sized], class_: str, size: float) -> tuple[Quartiles | None, int]:
        """Quartiles among accounts of the class and of about this size, and how many there are."""
        sized = of.get(class_)
        found = sized.near(size, self.policy.peers.size) if sized else np.empty(0)
        if len(found) < self.policy.peers.least:
            return None, len(found)
        low, middle, high = quartiles(found)
        return Quartiles(low, middle, high, len(found)), len(found)

    def valid_until(self, facts: Facts) -> date:
        return facts.today + timedelta(days=self.policy.valid_days)


def year_of(
    ground: Ground, kind: str, facts: Facts, least: int | None = None
) -> tuple[MonthUse, ...] | Refused:
    """The months that a saving stands on, or why they are not enough or cannot be priced."""
    key, need = (facts.account, id(facts.months)), least or ground.policy.least_months
    found = ground.years.get(key)
    if found is None:
        months = _known(ground, facts)
        found = (facts, months, _against(ground, facts, months) if months else None)
        ground.years.clear()
        ground.years[key] = found
    _, months, refused = found
    if len(months) < need:
        return Refused(kind, facts.account, Reason.FEW_MONTHS, {"have": len(months), "need": need})
    return replace(refused, kind=kind) if refused else months


def _against(ground: Ground, facts: Facts, months: tuple[MonthUse, ...]) -> Refused | None:
    estimated = sum(each.estimated for each in months) / len(months)
    limit = ground.policy.most_estimated
    if estimated > limit:
        params = {"share": round(estimated, 4), "limit": limit}
        return Refused("", facts.account, Reason.ESTIMATED, params)
    if on_market(facts):
        return Refused("", facts.account, Reason.MARKET_PRICE)
    return obstacle("", facts, months, facts.contract.plan)


def _known(ground: Ground, facts: Facts) -> tuple[MonthUse, ...]:
    """The last months without a hole: each covered well enough, and with the contract's plan."""
    found: list[MonthUse] = []
    for month in reversed(facts.year):
        if month.coverage < ground.policy.least_coverage or facts.contract.plan not in month.kwh:
            break
        found.append(month)
    return tuple(reversed(found))


def confidence(months: tuple[MonthUse, ...], *, assumed: bool) -> Confidence:
    """`assumed`: part of it is an assumption of a document that nobody has confirmed."""
    if assumed:
        return Confidence.LOW
    sure = len(months) >= 12 and all(each.estimated <= 0.01 and each.coverage >= 0.99 for each in months)
    return Confidence.HIGH if sure else Confidence.MEDIUM


def never_stops(ground: Ground, facts: Facts) -> dict[str, object] | None:
    """Why an account's load is on day and night, as parameters of the refusal; None where it is not."""
    duty = ground.policy.duty
    if facts.contract.round_the_clock:
        return {"contract": True}
    if facts.class_ in duty.classes:
        return {"class": facts.class_}
    if duty.important and facts.grade is not None:
        return {"grade": facts.grade.value}
    ratio = base_share(facts)
    if ratio is not None and ratio > duty.base_share:
        return {"ratio": round(ratio, 3), "limit": duty.base_share}
    return None


def base_share(facts: Facts) -> float | None:
    base, mean = own(facts, "base_kw"), own(facts, "mean_kw")
    return None if base is None or not mean else base / mean


def own(facts: Facts, name: str) -> float | None:
    """The mean of an indicator over the year; None where it cannot be said."""
    value = facts.own.get(name)
    return None if value is None or not isfinite(value) else float(value)


def kwh_year(ground: Ground, facts: Facts) -> Decimal:
    """Of the last 12 months, about: to judge by, not to price."""
    key = (facts.account, id(facts.months))
    found = ground.wholes.get(key)
    if found is None:
        plan = facts.contract.plan
        found = exact(sum(month.kwh.about_kwh(plan) for month in facts.year))
        ground.wholes.clear()
        ground.wholes[key] = found
    return found


def max_kw(facts: Facts) -> Decimal | None:
    """The highest quarter of an hour of the year; of the indicators where no demand was judged."""
    demands = [each.demand.kw for each in facts.year if each.demand is not None]
    if demands:
        return max(demands)
    found = facts.indicators.get("max_kw")
    known = np.empty(0) if found is None else found[-12:][np.isfinite(found[-12:])]
    return exact(known.max()) if len(known) else None


def by_hours(facts: Facts) -> bool | None:
    try:
        bands = facts.tariff.bands(facts.contract.plan, facts.today)
    except (NotFound, ValueError):
        return None
    return bool(bands & {*PEAKS, *VALLEYS})


def cos_of(facts: Facts, month: MonthUse) -> int | None:
    if month.reactive_kvarh is None:
        return None
    return cos_hundredths(month.total_kwh(facts.contract.plan), month.reactive_kvarh)


def leading_share(months: tuple[MonthUse, ...]) -> float | None:
    """Of the reactive energy, what was given back; None where no meter counts it."""
    known = [each for each in months if each.reactive_export_kvarh is not None]
    if not known:
        return None
    back = total(each.reactive_export_kvarh or ZERO for each in known)
    whole = total(each.reactive_kvarh or ZERO for each in known)
    return float(back / whole) if whole else 0.0


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of an account by name, each looked up when asked for; what a rule `found` goes first."""

    ground: Ground
    facts: Facts
    found: Mapping[str, Answer | None]

    def get(self, name: str, /) -> Answer | None:
        if name in self.found:
            return self.found[name]
        answer = ANSWERS.get(name)
        value = None if answer is None else answer(self.ground, self.facts)
        return exact(value) if isinstance(value, float) else value


def _cos_least(facts: Facts) -> Decimal | None:
    found = [cos for each in facts.year if (cos := cos_of(facts, each)) is not None]
    return Decimal(min(found)) if found else None


def _full_hours(ground: Ground, facts: Facts) -> Decimal | None:
    whole, highest = _whole_year(ground, facts), max_kw(facts)
    return whole / highest if whole is not None and highest else None


def _whole_year(ground: Ground, facts: Facts) -> Decimal | None:
    return kwh_year(ground, facts) if len(facts.year) == 12 else None


def _leading(ground: Ground, facts: Facts) -> bool | None:
    share = leading_share(facts.year)
    return None if share is None else share >= ground.policy.capacitor.leading_share


def _ramp_share(facts: Facts) -> float | None:
    ramp, peak = own(facts, "max_ramp_kw"), own(facts, "max_kw")
    return ramp / peak if ramp is not None and peak else None


def _dear_share(facts: Facts) -> float | None:
    return sum(facts.shares.get(band, 0.0) for band in PEAKS) if facts.shares else None


def _needs(ground: Ground, facts: Facts, need: Need) -> bool:
    return need in ground.around.needs.get(facts.account, frozenset())


def _persons(facts: Facts) -> Decimal | None:
    return None if facts.contract.persons is None else Decimal(facts.contract.persons)


ANSWERS: Mapping[str, Callable[[Ground, Facts], Answer | float | None]] = {
    "capacity_kva": lambda _, facts: facts.contract.capacity_kva,
    "kwh_year": _whole_year,
    "max_kw": lambda _, facts: max_kw(facts),
    "base_kw": lambda _, facts: own(facts, "base_kw"),
    "base_share": lambda _, facts: base_share(facts),
    "full_hours": _full_hours,
    "day_share": lambda _, facts: own(facts, "daytime_share"),
    "night_share": lambda _, facts: own(facts, "night_share"),
    "sharp_peak_share": lambda _, facts: _dear_share(facts),
    "ramp_share": lambda _, facts: _ramp_share(facts),
    "cos_hundredths": lambda _, facts: _cos_least(facts),
    "persons": lambda _, facts: _persons(facts),
    "pv_kwp": lambda _, facts: facts.contract.pv_kwp or ZERO,
    "two_part": lambda _, facts: facts.contract.basis is not None,
    "by_hours": lambda _, facts: by_hours(facts),
    "power_factor_judged": lambda _, facts: facts.contract.standard is not None,
    "leading_at_night": _leading,
    "round_the_clock": lambda ground, facts: never_stops(ground, facts) is not None,
    "has_pv": lambda _, facts: bool(facts.contract.pv_kwp),
    "roof_consent": lambda _, facts: Purpose.ROOF in facts.consents,
    "area_strained": lambda ground, facts: _near(ground, facts),
    "important": lambda _, facts: facts.grade is not None,
    "needs_voltage": lambda ground, facts: _needs(ground, facts, Need.VOLTAGE),
    "needs_continuity": lambda ground, facts: _needs(ground, facts, Need.CONTINUITY),
}
"""The facts that a product's fit may ask for, but those which only a rule finds: its needs and their kin."""


def area_of(facts: Facts) -> str | None:
    """Whose transformer feeds it: of an account at low voltage alone."""
    return facts.profile.area if facts.profile and facts.contract.voltage in LOW_VOLTAGE else None


def _near(ground: Ground, facts: Facts) -> bool | None:
    area = area_of(facts)
    near = ground.around.near.get(area) if area else None
    return None if near is None or near.unknown is not None else bool(near.slots)
