"""How the price of a bill's line came about, as facts: what floats, how far, what is added or printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cloud.kit.money import ZERO
from cloud.tariffs.documents import Plan, Tariff
from cloud.tariffs.two_part import Basis, TwoPart
from cloud.tariffs.usage import Supply


@dataclass(frozen=True, slots=True)
class Composed:
    """CNY/kWh: Σ `floating` × `ratio` + Σ `fixed` + `funds`; `published` is what the notice prints itself."""

    floating: Mapping[str, Decimal]
    ratio: Decimal
    fixed: Mapping[str, Decimal]
    funds: Decimal
    published: Decimal | None

    @property
    def made(self) -> Decimal:
        return sum(self.floating.values(), ZERO) * self.ratio + sum(self.fixed.values(), ZERO) + self.funds


def composed(tariff: Tariff, plan: Plan, band: str, day: date) -> Composed | None:
    """None where the price stands whole in the document, or the day has none."""
    its = tariff.components_of(day)
    if plan.prices or its is None:
        return None
    ratio = plan.priced(day.month).said().get(band, Decimal(1))
    return Composed(its.floating, ratio, its.fixed, its.funds, getattr(its.published, band))


@dataclass(frozen=True, slots=True)
class BasicPrice:
    """CNY a kVA or kW: the document's own, times `discount` where it was earned, times `over`."""

    price: Decimal
    discount: Decimal | None
    used_kwh_per_kva: Decimal | None
    over: Decimal | None


def basic_price(terms: TwoPart, supply: Supply, what: str, kwh: Decimal) -> BasicPrice:
    """Of a month's charge of that name ("capacity", "demand", "contract", "over")."""
    if what == Basis.CAPACITY:
        return BasicPrice(terms.capacity, None, None, None)
    over = terms.over_factor if what == "over" else None
    of = terms.discount
    if of is None or not supply.capacity_kva or kwh < of.kwh_per_kva * supply.capacity_kva:
        return BasicPrice(terms.demand, None, None, over)
    return BasicPrice(terms.demand, of.factor, kwh / supply.capacity_kva, over)
