"""What people type into the forms of a metering point, turned into values; Invalid names what is wrong."""

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from cloud.kit.errors import Invalid

REGISTERS = ("energy_import_wh", *(f"energy_import_t{n}_wh" for n in range(1, 5)))
"""In the order of the form's fields: total, then the bands."""
MOST_KWH = 10**9
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ADDRESS = re.compile(r"[0-9]{1,12}")


def registers(kwh: Sequence[str]) -> dict[str, int]:
    """Fields of kWh in the order of `REGISTERS`; an empty one is not told."""
    told = zip(REGISTERS, kwh, strict=False)
    return {quantity: wh(text) for quantity, text in told if text.strip()}


def wh(kwh: str) -> int:
    """kWh with at most three decimals as Wh."""
    try:
        value = Decimal(kwh.strip().replace(",", "")) * 1000
        if not 0 <= value < MOST_KWH * 1000 or value != value.to_integral_value():
            raise Invalid(f"{kwh[:32]!r} is no register value in kWh")
        return int(value)
    except InvalidOperation:
        raise Invalid(f"{kwh[:32]!r} is no register value in kWh") from None


def ratio(text: str) -> float:
    """A number, or a transformer's 100/5."""
    above, slash, below = text.strip().partition("/")
    try:
        return float(Decimal(above) / Decimal(below if slash else 1))
    except (ArithmeticError, ValueError):
        raise Invalid(f"{text[:32]!r} is no ratio: write 20 or 100/5") from None


def instant(text: str, zone: ZoneInfo) -> datetime:
    """The station's local time as the browser's field gives it."""
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=zone)
    except ValueError:
        raise Invalid(f"{text[:32]!r} is no time: write it like 2026-03-01T10:30") from None


def name(text: str) -> str:
    if not _NAME.fullmatch(text.strip()):
        raise Invalid(f"{text[:64]!r} is no number of a meter or seal: letters, digits, dot and dash")
    return text.strip()


def address(text: str) -> str:
    if not _ADDRESS.fullmatch(text.strip()):
        raise Invalid(f"{text[:32]!r} is no address: up to 12 digits")
    return text.strip()
