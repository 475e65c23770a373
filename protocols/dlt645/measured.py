"""Between the numbers of the wire (kWh, kW; Decimal) and values in our quantities (Wh, W; int or float)."""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from protocols.dlt645.items import Item
from protocols.dlt645.values import encode_number
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value

Number = Decimal | int | float
_SI = {"kWh": 1000, "kvarh": 1000, "kW": 1000, "kvar": 1000, "kVA": 1000}


def value_of(item: Item, quantity: str, number: Decimal | None) -> Value | None:
    """A wire number in the quantity's own unit; None when it is lacking or can be no value of it."""
    if number is None:
        return None
    kind, scaled = QUANTITIES[quantity].kind, number * _SI.get(item.unit or "", 1)
    value: Value = int(scaled.to_integral_value()) if kind is Kind.COUNTER else float(scaled)
    return value if QUANTITIES[quantity].can_be(value) else None


def values_of(
    items: Mapping[str, Item], quantities: Mapping[str, str], numbers: Mapping[str, Decimal]
) -> dict[str, Value]:
    """All numbers (by DI) that are quantities of ours, in their own units."""
    found = {
        quantities[di]: value_of(items[di], quantities[di], number)
        for di, number in numbers.items()
        if di in quantities
    }
    return {name: value for name, value in found.items() if value is not None}


def bytes_of(item: Item, value: Number | None, counter: bool) -> bytes:
    """What a meter's register shows of a value in SI: a counter is cut and rolls over, a gauge is rounded.

    FFH where there is no value, or a gauge does not fit.
    """
    if value is None:
        return b"\xff" * item.size
    decimals = len(item.format.partition(".")[2])
    steps = (Decimal(str(value)) / _SI.get(item.unit or "", 1)).scaleb(decimals)
    whole = int(steps.to_integral_value(ROUND_FLOOR if counter else ROUND_HALF_EVEN))
    limit = 10 ** (2 * item.size) * (8 if item.signed else 10) // 10
    if counter:
        whole %= limit
    elif abs(whole) >= limit or (whole < 0 and not item.signed):
        return b"\xff" * item.size
    return encode_number(Decimal(whole).scaleb(-decimals), item)
