"""The basic charge (基本电费) of two-part tariffs: by capacity, by the month's demand, or by a contract.

After 发改办价格〔2016〕1583号, the discount after 发改价格〔2023〕526号; read in secondary
sources: to be checked.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from cloud.kit.money import ZERO

Price = Annotated[Decimal, Field(ge=0, le=1000)]


class Basis(StrEnum):
    CAPACITY = "capacity"
    DEMAND = "demand"
    CONTRACT = "contract"


class Discount(BaseModel):
    """Who uses so many kWh of a kVA in a month pays this part of the demand price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kwh_per_kva: Annotated[Decimal, Field(gt=0)]
    factor: Annotated[Decimal, Field(gt=0, le=1)]


class TwoPart(BaseModel):
    """`capacity` CNY a kVA and month, `demand` CNY a kW and month."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    capacity: Price
    demand: Price
    least_share: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.4")
    """A contracted demand is at least this share of the capacity."""
    free_over: Annotated[Decimal, Field(ge=1)] = Decimal("1.05")
    """Up to so many times the contracted demand nothing is added."""
    over_factor: Annotated[Decimal, Field(ge=1)] = Decimal(2)
    discount: Discount | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """What a customer's basic charge of one month is reckoned from.

    `demand_kw` is the month's highest and None where it cannot be said; of two meters in a month the higher,
    never the sum. `share` is the part of the month that the capacity was in service.
    """

    basis: Basis
    capacity_kva: Decimal
    demand_kw: Decimal | None = None
    contracted_kw: Decimal | None = None
    kwh: Decimal | None = None
    share: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Charge:
    """`quantity` × `price`, `price` in CNY a kVA or kW and month; `what` names the rule."""

    what: str
    quantity: Decimal
    unit: str
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price


def basic_charge(terms: TwoPart, of: Connection) -> tuple[Charge, ...]:
    """The charges of one month. ValueError where what its basis needs is not known, or is not allowed."""
    if of.basis is Basis.CAPACITY:
        return (Charge("capacity", of.capacity_kva * of.share, "kVA", terms.capacity),)
    if of.demand_kw is None:
        raise ValueError("the month's maximum demand is not known")
    price = demand_price(terms, of)
    if of.basis is Basis.DEMAND:
        return (Charge("demand", of.demand_kw * of.share, "kW", price),)
    return _contracted(terms, of, of.demand_kw, price)


def demand_price(terms: TwoPart, of: Connection) -> Decimal:
    """CNY a kW: less where the capacity is well used; without the month's kWh the full price."""
    if terms.discount is None or of.kwh is None or of.kwh < terms.discount.kwh_per_kva * of.capacity_kva:
        return terms.demand
    return terms.demand * terms.discount.factor


def _contracted(terms: TwoPart, of: Connection, demand_kw: Decimal, price: Decimal) -> tuple[Charge, ...]:
    contracted_kw = of.contracted_kw
    if contracted_kw is None:
        raise ValueError("no demand is contracted")
    least_kw = terms.least_share * of.capacity_kva
    if contracted_kw < least_kw:
        raise ValueError(f"contracted {contracted_kw} kW: at least {least_kw:f} kW for {of.capacity_kva} kVA")
    over_kw = demand_kw - terms.free_over * contracted_kw
    found = (Charge("contract", contracted_kw * of.share, "kW", price),)
    if over_kw <= ZERO:
        return found
    return (*found, Charge("over", over_kw * of.share, "kW", price * terms.over_factor))
