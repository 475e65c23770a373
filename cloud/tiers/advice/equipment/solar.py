"""PV on the own roof, before anybody climbs up: what of its yield is used on site, and what that is worth.

What is used on site counts by the tariff; surplus (余电) by the document's own price of it, and not at all
where it has none for any of the months. Where consent to a survey is missing, or PV stands already, nothing
is offered. What feeds in can feed back: 反送电.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.customers.file.consents import Purpose
from cloud.kit.money import total
from cloud.tiers.advice.equipment import sun
from cloud.tiers.advice.equipment.ground import Ground, confidence, kwh_year, own, year_of
from cloud.tiers.advice.equipment.hours import (
    Bands,
    DayGroup,
    exact,
    kwh_by_band,
    kwh_of,
    month_kw,
    taken,
    used,
)
from cloud.tiers.advice.equipment.offers import Turned, Why, judged, worth_a_word
from cloud.tiers.advice.pricing import Change
from cloud.tiers.advice.product_documents import Aim, Product
from cloud.tiers.advice.rules import Advice, Facts, MonthUse, Reason, Refused

KIND = Aim.PV.value
Load = tuple[MonthUse, tuple[DayGroup, ...], NDArray[np.float64], NDArray[np.float64]]
"""A month, its days by bands, and its load (96,) kW on working days and on days off."""


@dataclass(frozen=True, slots=True)
class SelfUse:
    """kWh a year: what is taken from the grid's by month and band, and what would be fed in, by month."""

    added: Mapping[date, Bands]
    yield_kwh: float
    fed_in: Mapping[date, Decimal]

    @property
    def surplus_kwh(self) -> float:
        return float(total(self.fed_in.values()))

    @property
    def share(self) -> float:
        return 1 - self.surplus_kwh / self.yield_kwh if self.yield_kwh else 0.0


def pv(ground: Ground, facts: Facts) -> Advice | Refused | None:
    limits, day_share = ground.policy.pv, own(facts, "daytime_share")
    if day_share is None or day_share < limits.day_share:
        return None
    whole = kwh_year(ground, facts)
    if whole < exact(limits.least_kwh[_class(limits.least_kwh, facts)]):
        return None
    if facts.contract.pv_kwp:
        return Refused(KIND, facts.account, Why.HAS_PV, {"kwp": f"{facts.contract.pv_kwp:f}"})
    if Purpose.ROOF not in facts.consents:
        return Refused(KIND, facts.account, Reason.CONSENT_MISSING, {"purpose": Purpose.ROOF.value})
    months = year_of(ground, KIND, facts)
    if isinstance(months, Refused):
        return months
    loads = _loads(ground, facts, months)
    if loads is None:
        return Refused(KIND, facts.account, Why.NO_TYPICAL_DAY)
    of_year = sum(limits.yield_kwh)
    need = whole * exact(day_share * limits.fill) / exact(of_year)
    if facts.contract.capacity_kva:
        need = min(need, facts.contract.capacity_kva * exact(limits.capacity_share))
    return _sized(ground, facts, months, loads, need)


def _sized(
    ground: Ground, facts: Facts, months: tuple[MonthUse, ...], loads: list[Load], need: Decimal
) -> Advice | Refused:
    limits = ground.policy.pv
    prices = surplus_prices(facts, months)
    quarter_kwh = _yields(limits.yield_kwh, limits.latitude, limits.longitude, limits.hours_of_zone)

    def makes(product: Product, units: Decimal) -> tuple[Change, Mapping[str, Any]] | Turned:
        found = self_used(loads, quarter_kwh * float(units), facts)
        if found.share < limits.least_self_use:
            params = {"share": round(found.share, 3), "least": limits.least_self_use}
            return Turned(product, Why.LOW_SELF_USE, params)
        details = {
            "self_use": round(found.share, 3),
            "yield_kwh": f"{found.yield_kwh:.0f}",
            "surplus_kwh": f"{found.surplus_kwh:.0f}",
            "less_kwh": f"{kwh_of(found.added):f}",
        }
        return Change(added_kwh=found.added, fed_in=found.fed_in if prices else {}), details

    found = judged(ground, facts, Aim.PV, months, {"kwp": need}, makes)
    if isinstance(found, Refused):
        return found
    if found.best is None:
        return found.refused(KIND, facts)
    best = found.best
    if refused := worth_a_word(ground, KIND, facts, best.saving):
        return refused
    evidence = {
        "kwp": f"{best.units:f}",
        **best.details,
        "yield_source": limits.yield_source,
        "surplus_priced": bool(prices),
        "surplus_prices": sorted({f"{price:f}" for price in prices}),
        "products": found.as_json(),
    }
    fed = f", {best.details['surplus_kwh']} kWh × {_span(prices)}" if prices else ""
    formula = (
        f"{best.details['yield_kwh']} kWh × {best.details['self_use']:.1%}"
        f" → −{best.details['less_kwh']} kWh{fed}; "
        f"{best.bills.now.total:.2f} − {best.bills.then.total:.2f} = {best.saving:.2f} CNY"
    )
    return Advice(
        KIND,
        facts.account,
        evidence,
        best.saving,
        formula,
        best.bills,
        confidence(months, assumed=True),
        ground.valid_until(facts),
        ("roof_survey", "grid_approval", "back_feed_risk"),
    )


def self_used(loads: list[Load], quarter_kwh: NDArray[np.float64], facts: Facts) -> SelfUse:
    """Of a yield (12, 96) kWh a quarter: at each quarter the lesser of load and yield, by month and band."""
    added: dict[date, Bands] = {}
    fed_in: dict[date, Decimal] = {}
    whole = 0.0
    for month, groups, work, off in loads:
        made_kw = quarter_kwh[month.month.month - 1] * 4
        at_work, at_off = np.minimum(work, made_kw), np.minimum(off, made_kw)
        own_kwh = kwh_by_band(groups, at_work, at_off)
        made = float(kwh_by_band(groups, made_kw, made_kw).sum())
        if bands := taken(used(facts, month), own_kwh):
            added[month.month] = bands
        whole += made
        if (surplus := exact(made) + total(bands.values())) > 0:
            fed_in[month.month] = surplus
    return SelfUse(added, whole, fed_in)


def surplus_prices(facts: Facts, months: tuple[MonthUse, ...]) -> tuple[Decimal, ...]:
    """CNY/kWh of what is fed in, of each month; empty where any month has none: then nothing is counted."""
    found = tuple(facts.tariff(month.last).surplus_of(month.last) for month in months)
    return tuple(price for price in found if price is not None) if None not in found else ()


def _span(prices: tuple[Decimal, ...]) -> str:
    least, most = min(prices), max(prices)
    return f"{least:f}" if least == most else f"{least:f}…{most:f}"


def _loads(ground: Ground, facts: Facts, months: tuple[MonthUse, ...]) -> list[Load] | None:
    """None where no typical day says at which hours it is used."""
    found: list[Load] = []
    for month in months:
        groups = ground.days.of(facts, month)
        both = month_kw(facts, groups, month)
        if both is None:
            return None
        found.append((month, groups, *both))
    return found


def _class(of: Mapping[Any, float], facts: Facts) -> Any:
    return next(each for each in of if each == facts.class_)


@lru_cache(maxsize=8)
def _yields(
    kwh: tuple[float, ...], latitude: float, longitude: float, hours_of_zone: float
) -> NDArray[np.float64]:
    return sun.yields(kwh, latitude, longitude, hours_of_zone)
