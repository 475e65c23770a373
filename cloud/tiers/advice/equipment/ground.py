"""What every rule on equipment stands on: products in force, limits, what is around, the facts by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from cloud.customers.consents import Purpose
from cloud.customers.needs import Need
from cloud.kit.errors import NotFound
from cloud.kit.money import ZERO, total
from cloud.tariffs.bill import Bill
from cloud.tariffs.power_factor import cos_hundredths
from cloud.tiers.advice.equipment.around import Around, Sized
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
    bills: dict[tuple[str, date, int], Bill] = field(default_factory=dict)
    """The bill as it is of the account in hand: all rules compare with the same one."""

    def answering(self, aim: Aim, class_: str) -> list[Product]:
        return [each for each in self.products if each.answers is aim and class_ in each.for_.classes]

    def peers(self, of: Mapping[str, Sized], class_: str, size: float) -> tuple[Quartiles | None, int]:
        """Quartiles among accounts of the class and of about this size, and how many there are."""
        sized = of.get(class_)
        found = sized.near(size, self.policy.peers.size) if sized else np.empty(0)
        if len(found) < self.policy.peers.least:
            return None, len(found)
        low, middle, high = np.quantile(found, (0.25, 0.5, 0.75)).tolist()
        return Quartiles(low, middle, high, len(found)), len(found)

    def valid_until(self, facts: Facts) -> date:
        return facts.today + timedelta(days=self.policy.valid_days)


def year_of(
    ground: Ground, kind: str, facts: Facts, least: int | None = None
) -> tuple[MonthUse, ...] | Refused:
    """The months that a saving stands on, or why they are not enough or cannot be priced."""
    months, need = _known(ground, facts), least or ground.policy.least_months
    if len(months) < need:
        return Refused(kind, facts.account, Reason.FEW_MONTHS, {"have": len(months), "need": need})
    estimated = sum(each.estimated for each in months) / len(months)
    limit = ground.policy.most_estimated
    if estimated > limit:
        params = {"share": round(estimated, 4), "limit": limit}
        return Refused(kind, facts.account, Reason.ESTIMATED, params)
    if on_market(facts):
        return Refused(kind, facts.account, Reason.MARKET_PRICE)
    return obstacle(kind, facts, months, facts.contract.plan) or months


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
    return None if value is None or not np.isfinite(value) else float(value)


def kwh_year(facts: Facts) -> Decimal:
    """Of the last 12 months, about: to judge by, not to price."""
    plan = facts.contract.plan
    months = [month for month in facts.year if plan in month.kwh]
    return exact(sum(sum(kwh) for month in months for _, kwh in month.about(plan)))


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
        plan = facts.tariff(facts.today).plan(facts.contract.plan)
    except (NotFound, ValueError):
        return None
    return bool(plan.bands & {*PEAKS, *VALLEYS})


def cos_of(facts: Facts, month: MonthUse) -> int | None:
    kwh = total(part.total_kwh for part in month.kwh.get(facts.contract.plan, ()))
    return None if month.reactive_kvarh is None else cos_hundredths(kwh, month.reactive_kvarh)


def leading_share(months: tuple[MonthUse, ...]) -> float | None:
    """Of the reactive energy, what was given back; None where no meter counts it."""
    known = [each for each in months if each.reactive_export_kvarh is not None]
    if not known:
        return None
    back = total(each.reactive_export_kvarh or ZERO for each in known)
    whole = total(each.reactive_kvarh or ZERO for each in known)
    return float(back / whole) if whole else 0.0


def answers(ground: Ground, facts: Facts) -> dict[str, Answer | None]:
    """The facts that a product's fit may ask for, but those which a rule finds itself."""
    contract, year, highest = facts.contract, facts.year, max_kw(facts)
    whole = kwh_year(facts) if len(year) == 12 else None
    cos = [found for each in year if (found := cos_of(facts, each)) is not None]
    leading = leading_share(year)
    ramp, peak = own(facts, "max_ramp_kw"), own(facts, "max_kw")
    near = _near(ground, facts)
    needs = ground.around.needs.get(facts.account, frozenset())
    known: dict[str, Answer | float | None] = {
        "capacity_kva": contract.capacity_kva,
        "kwh_year": whole,
        "max_kw": highest,
        "base_kw": own(facts, "base_kw"),
        "base_share": base_share(facts),
        "full_hours": whole / highest if whole is not None and highest else None,
        "day_share": own(facts, "daytime_share"),
        "night_share": own(facts, "night_share"),
        "sharp_peak_share": sum(facts.shares.get(band, 0.0) for band in PEAKS) if facts.shares else None,
        "ramp_share": ramp / peak if ramp is not None and peak else None,
        "cos_hundredths": Decimal(min(cos)) if cos else None,
        "persons": Decimal(contract.persons) if contract.persons is not None else None,
        "pv_kwp": contract.pv_kwp or ZERO,
        "two_part": contract.basis is not None,
        "by_hours": by_hours(facts),
        "power_factor_judged": contract.standard is not None,
        "leading_at_night": None if leading is None else leading >= ground.policy.capacitor.leading_share,
        "round_the_clock": never_stops(ground, facts) is not None,
        "has_pv": bool(contract.pv_kwp),
        "roof_consent": Purpose.ROOF in facts.consents,
        "area_strained": near,
        "important": facts.grade is not None,
        "needs_voltage": Need.VOLTAGE in needs,
        "needs_continuity": Need.CONTINUITY in needs,
    }
    return {name: _exactly(value) for name, value in known.items()}


def area_of(facts: Facts) -> str | None:
    """Whose transformer feeds it: of an account at low voltage alone."""
    return facts.profile.area if facts.profile and facts.contract.voltage in LOW_VOLTAGE else None


def _near(ground: Ground, facts: Facts) -> bool | None:
    area = area_of(facts)
    near = ground.around.near.get(area) if area else None
    return None if near is None or near.unknown is not None else bool(near.slots)


def _exactly(value: Answer | float | None) -> Answer | None:
    return exact(value) if isinstance(value, float) else value
