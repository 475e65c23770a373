"""Maximum demands (class 01): the highest average power of a period, and when it occurred."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from protocols.dlt645.identifiers import lookup
from protocols.dlt645.items import Item, Kind
from protocols.dlt645.measured import Number, bytes_of
from protocols.dlt645.stamps import decode_stamp, encode_stamp
from protocols.dlt645.values import DEMAND_NUMBER_SIZE, decode_number
from protocols.errors import FrameError

DIRECTIONS = {
    "import": 0x01, "export": 0x02, "reactive_1": 0x03, "reactive_2": 0x04, "q1": 0x05, "q2": 0x06,
    "q3": 0x07, "q4": 0x08, "apparent_import": 0x09, "apparent_export": 0x0A,
}  # fmt: skip
ALL_TARIFFS = 0xFF
_SI = 1000
_SIZE = 8


@dataclass(frozen=True, slots=True)
class MaxDemand:
    """`value` in W, var or VA, None when not available; `at` in the meter's local time."""

    value: float | None
    at: datetime | None


def demand_di(direction: str = "import", tariff: int = 0, back: int = 0) -> str:
    """The identifier of one demand; tariff 0 is the total, 255 all; `back` counts settlement days."""
    if lookup(found := f"01{DIRECTIONS[direction]:02X}{tariff:02X}{back:02X}") is None:
        raise ValueError(f"there is no demand {direction} of tariff {tariff}, {back} settlement days back")
    return found


def decode_demands(di: str, data: bytes) -> list[MaxDemand]:
    """The demands behind the DI of class 01, or of a demand part of a freeze: the total first."""
    item = lookup(di)
    if item is None or item.kind is not Kind.DEMAND:
        raise FrameError("other_di", f"{di} is no demand")
    if not data or len(data) % _SIZE or (not item.block and len(data) != _SIZE):
        raise FrameError("value_length", f"{len(data)} bytes where {di} has 8 for each demand")
    return [_decode(item, data[at : at + _SIZE]) for at in range(0, len(data), _SIZE)]


def encode_demand(watts: Number | None, at: datetime | None, signed: bool = False) -> bytes:
    """Value and time of one demand as a meter sends them."""
    shape = Item("", "demand", Kind.NUMBER, "XX.XXXX", "kW", DEMAND_NUMBER_SIZE, signed)
    return bytes_of(shape, watts, counter=False) + encode_stamp(at)


def _decode(item: Item, raw: bytes) -> MaxDemand:
    number: Decimal | None = decode_number(raw[:DEMAND_NUMBER_SIZE], item)
    at = decode_stamp(raw[DEMAND_NUMBER_SIZE:])
    return MaxDemand(None if number is None else float(number * _SI), at)
