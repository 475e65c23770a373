"""Lines of a bill: what, how much, at which price, by which document; each rounded once, then added up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from cloud.kit.money import ZERO, Rounding, rounded, total


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` energy | step | surplus | basic | power_factor; `what` is a band, a step's number,
    a basis, or cos φ; what is fed in stands below zero.

    `amount` CNY is `quantity` × `price`, rounded; `funds` is the part of it no adjustment is made on.
    """

    kind: str
    what: str
    quantity: Decimal
    unit: str
    price: Decimal
    amount: Decimal
    tariff: str
    funds: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Bill:
    """`remarks` say what was left out and why: an adjustment that could not be made is not zero."""

    lines: tuple[Line, ...]
    remarks: tuple[str, ...] = ()

    @property
    def total(self) -> Decimal:
        return total(line.amount for line in self.lines)

    @property
    def kwh(self) -> Decimal:
        return total(line.quantity for line in self.lines if line.kind == "energy")


class Item(NamedTuple):
    """A line's worth before anything is added up or rounded."""

    kind: str
    what: str
    quantity: Decimal
    unit: str
    price: Decimal
    tariff: str
    funds: Decimal = ZERO
    """CNY of each unit that no adjustment is made on."""


def lines_of(items: Iterable[Item], how: Rounding) -> list[Line]:
    """Items that differ in quantity alone are one line, rounded once, in the order they came."""
    found: dict[tuple[str, str, str, Decimal, str, Decimal], Decimal] = {}
    for item in items:
        if item.quantity:
            key = (item.kind, item.what, item.unit, item.price, item.tariff, item.funds)
            found[key] = found.get(key, ZERO) + item.quantity
    return [
        Line(kind, what, much, unit, price, rounded(much * price, how), tariff, rounded(much * funds, how))
        for (kind, what, unit, price, tariff, funds), much in found.items()
    ]


def as_json(bill: Bill) -> Mapping[str, object]:
    """Decimals as strings: a binary fraction is no money."""
    return {
        "total": f"{rounded(bill.total):f}",
        "kwh": plain(bill.kwh),
        "lines": [
            {
                "kind": line.kind,
                "what": line.what,
                "quantity": plain(line.quantity),
                "unit": line.unit,
                "price": plain(line.price),
                "amount": f"{line.amount:f}",
                "tariff": line.tariff,
            }
            for line in bill.lines
        ],
        "remarks": list(bill.remarks),
    }


def plain(number: Decimal) -> str:
    """Without an exponent and without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
