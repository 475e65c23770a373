"""What a customer is paid: price times what was measured, bounded by what they accepted; never below zero.

Lines stand by themselves in CNY: they are no part of a bill and touch no tariff line.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from cloud.kit.money import ZERO, Rounding, rounded

THOUSANDTH = Decimal("0.001")


class LineKind(StrEnum):
    ENERGY = "energy"
    POWER = "power"


class Why(StrEnum):
    """`measured` as it was; `bounded` by what was accepted; `below_least` and `nothing`: unpaid;
    `not_measured`: no baseline or no reading, so nothing is claimed of it."""

    MEASURED = "measured"
    BOUNDED = "bounded"
    BELOW_LEAST = "below_least"
    NOTHING = "nothing"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, slots=True)
class Fixed:
    """The terms of one invitation, as they were when it went out."""

    price_per_kwh: Decimal
    price_per_kw: Decimal
    least_share: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    kind: LineKind
    quantity: Decimal
    unit: str
    price: Decimal
    amount: Decimal
    why: Why


def most(terms: Fixed, kw: Decimal, hours: Decimal) -> Decimal:
    """CNY for so many kW all the time: what an invitation promises at the most."""
    return rounded(terms.price_per_kwh * kw * hours) + rounded(terms.price_per_kw * kw)


def lines(terms: Fixed, accepted_kw: Decimal, hours: Decimal, measured_kwh: float | None) -> list[Line]:
    """kWh of energy, and kW as their mean over the event; each amount rounded half up to 0.01 CNY."""
    quantity, why = _counted(terms, accepted_kw, hours, measured_kwh)
    mean = rounded(quantity / hours, Rounding.DOWN, THOUSANDTH)
    return [
        _line(LineKind.ENERGY, quantity, "kWh", terms.price_per_kwh, why),
        _line(LineKind.POWER, mean, "kW", terms.price_per_kw, why),
    ]


def _counted(
    terms: Fixed, accepted_kw: Decimal, hours: Decimal, measured_kwh: float | None
) -> tuple[Decimal, Why]:
    if measured_kwh is None:
        return ZERO, Why.NOT_MEASURED
    measured = rounded(Decimal(repr(measured_kwh)), Rounding.DOWN, THOUSANDTH)
    if measured <= 0:
        return ZERO, Why.NOTHING
    promised = accepted_kw * hours
    if measured < terms.least_share * promised:
        return ZERO, Why.BELOW_LEAST
    if measured > promised:
        return rounded(promised, Rounding.DOWN, THOUSANDTH), Why.BOUNDED
    return measured, Why.MEASURED


def _line(kind: LineKind, quantity: Decimal, unit: str, price: Decimal, why: Why) -> Line:
    return Line(kind, quantity, unit, price, rounded(quantity * price), why)
