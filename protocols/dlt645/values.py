"""BCD, signs, dates and texts: the bytes of an item in, plain values out, and back.

All FFH means "not available" and is None, never 0. A sign is bit 7 of the most significant byte.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from protocols.dlt645.items import Item, Kind
from protocols.errors import FrameError

DEMAND_NUMBER_SIZE = 3
_DEMAND_TIME = "YYMMDDhhmm"
_TEMPLATES = {
    "YYMMDDWW": "20{YY}-{MM}-{DD} week={WW}",
    "YYMMDDWWhhmmss": "20{YY}-{MM}-{DD}T{hh}:{mm}:{ss} week={WW}",
    "YYMMDDhhmm": "20{YY}-{MM}-{DD}T{hh}:{mm}",
    "YYMMDDhhmmss": "20{YY}-{MM}-{DD}T{hh}:{mm}:{ss}",
    "MMDDhhmm": "{MM}-{DD}T{hh}:{mm}",
    "hhmmss": "{hh}:{mm}:{ss}",
}


@dataclass(frozen=True, slots=True)
class Demand:
    """A maximum and when it occurred; `at` is text as the meter gives it, which may be no real date."""

    value: Decimal | None
    at: str | None


Single = Decimal | Demand | str | int | None
"""NUMBER and COUNT: Decimal · DEMAND: Demand · TIME, DIGITS, TEXT: str · BITS: int."""
Decoded = Single | list[Single]


def decode_value(raw: bytes, item: Item) -> Decoded:
    """The value of an item, a list for a block; FrameError when the bytes do not fit it."""
    if not item.block:
        return _decode_single(raw, item)
    if not item.size or not raw or len(raw) % item.size:
        raise FrameError("value_length", f"{len(raw)} bytes are no multiple of {item.size} for {item.di}")
    return [_decode_single(raw[at : at + item.size], item) for at in range(0, len(raw), item.size)]


def encode_value(value: Decoded, item: Item) -> bytes:
    """The bytes of an item (after the DI, before +33H); ValueError when the value does not fit it."""
    if isinstance(value, list):
        return b"".join(_encode_single(each, item) for each in value)
    return _encode_single(value, item)


def decode_number(raw: bytes, item: Item) -> Decimal | None:
    """A BCD number with the item's decimals and sign rule; None when it is all FFH."""
    size = DEMAND_NUMBER_SIZE if item.kind is Kind.DEMAND else item.size
    if len(raw) != size:
        _check_size(raw, size, item)
    if raw[-1] == 0xFF and raw.count(0xFF) == size:
        return None
    negative = item.signed and raw[-1] & 0x80
    if negative:
        raw = raw[:-1] + bytes((raw[-1] & 0x7F,))
    number = Decimal(_digits(raw) + _exponent(item.format))
    return -number if negative and number else number


def encode_number(number: Decimal | None, item: Item) -> bytes:
    """A number as BCD; rounding is an error, so a value must already have the item's decimals."""
    size, decimals = _number_bytes(item), _decimals(item)
    if number is None:
        return b"\xff" * size
    if not number.is_finite():
        raise ValueError(f"{number} is no number that {item.di} can hold")
    whole = number.scaleb(decimals)
    if whole != whole.to_integral_value():
        raise ValueError(f"{number} has more decimals than {item.format} of {item.di} can hold")
    limit = 10 ** (2 * size) * (8 if item.signed else 10) // 10
    if abs(whole) >= limit or (whole < 0 and not item.signed):
        raise ValueError(f"{number} does not fit {item.format} of {item.di}")
    raw = bytearray.fromhex(f"{abs(int(whole)):0{2 * size}d}")
    if whole < 0:
        raw[0] |= 0x80
    return bytes(raw[::-1])


def _decode_single(raw: bytes, item: Item) -> Single:
    if item.kind is Kind.NUMBER or item.kind is Kind.COUNT:
        return decode_number(raw, item)
    if item.kind is Kind.DEMAND:
        _check_size(raw, item.size, item)
        at = _decode_time(raw[DEMAND_NUMBER_SIZE:], _DEMAND_TIME)
        return Demand(decode_number(raw[:DEMAND_NUMBER_SIZE], item), at)
    if item.kind is Kind.RECORD:
        raise FrameError("not_decoded", f"{item.di} is a composed record")
    _check_size(raw, item.size, item)
    if item.kind is Kind.TIME:
        return _decode_time(raw, item.format)
    if item.kind is Kind.DIGITS:
        return None if raw.count(0xFF) == len(raw) else _digits(raw)
    if item.kind is Kind.TEXT:
        return _decode_text(raw, item)
    return int.from_bytes(raw, "little")


def _encode_single(value: Single, item: Item) -> bytes:
    if value is None and item.kind is not Kind.RECORD:
        return b"\xff" * item.size
    if isinstance(value, Decimal):
        return encode_number(value, item)
    if isinstance(value, int) and item.kind in (Kind.NUMBER, Kind.COUNT):
        return encode_number(Decimal(value), item)
    if isinstance(value, Demand):
        at = b"\xff" * 5 if value.at is None else _encode_time(value.at, _DEMAND_TIME)
        return encode_number(value.value, item) + at
    if isinstance(value, int) and item.kind is Kind.BITS:
        return value.to_bytes(item.size, "little")
    if isinstance(value, str):
        return _encode_str(value, item)
    raise ValueError(f"{value!r} is no value for {item.di} ({item.kind})")


def _encode_str(value: str, item: Item) -> bytes:
    if item.kind is Kind.TIME:
        return _encode_time(value, item.format)
    if item.kind is Kind.DIGITS and len(value) == 2 * item.size and value.isdecimal() and value.isascii():
        return bytes.fromhex(value)[::-1]
    if item.kind is Kind.TEXT and value.isascii() and len(value) <= item.size:
        return value.encode("ascii").ljust(item.size, b"\0")[::-1]
    raise ValueError(f"{value!r} is no value for {item.di} ({item.kind}, {item.size} bytes)")


def _decode_text(raw: bytes, item: Item) -> str | None:
    if raw.count(0xFF) == len(raw):
        return None
    try:
        return raw[::-1].decode("ascii").strip("\0")
    except UnicodeDecodeError:
        raise FrameError("non_ascii_data", f"{item.di} holds bytes above 7FH") from None


def _decode_time(raw: bytes, format_: str) -> str | None:
    if raw.count(0xFF) == len(raw):
        return None
    digits = _digits(raw)
    fields = {format_[at : at + 2]: digits[at : at + 2] for at in range(0, len(format_), 2)}
    if "WW" in fields:
        fields["WW"] = str(int(fields["WW"]))
    return _TEMPLATES[format_].format(**fields)


def _encode_time(text: str, format_: str) -> bytes:
    match = _time_pattern(format_).fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time like {_TEMPLATES[format_]}")
    names = [format_[at : at + 2] for at in range(0, len(format_), 2)]
    return bytes.fromhex("".join(match[name].zfill(2) for name in names))[::-1]


@lru_cache(maxsize=16)
def _time_pattern(format_: str) -> re.Pattern[str]:
    pattern = _TEMPLATES[format_].replace("{WW}", "(?P<WW>[0-9]{1,2})")
    return re.compile(re.sub(r"\{([A-Za-z]{2})\}", r"(?P<\1>[0-9]{2})", pattern))


def _digits(raw: bytes) -> str:
    digits = raw[::-1].hex()
    if not digits.isdecimal():
        raise FrameError("non_bcd_data", f"{digits.upper()} holds a digit above 9")
    return digits


def _check_size(raw: bytes, size: int, item: Item) -> None:
    if len(raw) != size:
        raise FrameError("value_length", f"{len(raw)} bytes where {item.di} has {size}")


def _number_bytes(item: Item) -> int:
    return DEMAND_NUMBER_SIZE if item.kind is Kind.DEMAND else item.size


@lru_cache(maxsize=64)
def _exponent(format_: str) -> str:
    return f"E-{len(format_.partition('.')[2])}"


def _decimals(item: Item) -> int:
    return len(item.format.partition(".")[2])
