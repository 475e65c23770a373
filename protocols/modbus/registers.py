"""Register words in, numbers out, and back: width and word order are data of the meter model.

Inside a word bytes are always big-endian; "big" means the high word comes first.
"""

import math
import struct
from collections.abc import Sequence
from typing import Literal, get_args

RegisterType = Literal["u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64"]
WordOrder = Literal["big", "little"]

FORMATS: dict[RegisterType, str] = {
    "u16": ">H", "s16": ">h", "u32": ">I", "s32": ">i", "u64": ">Q", "s64": ">q", "f32": ">f", "f64": ">d",
}  # fmt: skip
WIDTHS: dict[RegisterType, int] = {
    name: struct.calcsize(FORMATS[name]) // 2 for name in get_args(RegisterType)
}
"""Registers that one value of a type takes."""


def decode_registers(
    words: Sequence[int],
    type_: RegisterType,
    word_order: WordOrder = "big",
    not_available: Sequence[int] = (),
) -> int | float | None:
    """The number in `words`; None for a bit pattern of `not_available`, and for a float that is no number.

    ValueError when the count of words is not the type's width.
    """
    if len(words) != WIDTHS[type_]:
        raise ValueError(f"{type_} takes {WIDTHS[type_]} registers, not {len(words)}")
    raw = struct.pack(f">{len(words)}H", *(words if word_order == "big" else reversed(words)))
    if int.from_bytes(raw, "big") in not_available:
        return None
    value: int | float = struct.unpack(FORMATS[type_], raw)[0]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number_of(pattern: int, type_: RegisterType) -> int | float:
    """The number that a bit pattern is in that type; NaN for floats that are none."""
    raw: int | float = struct.unpack(FORMATS[type_], pattern.to_bytes(2 * WIDTHS[type_], "big"))[0]
    return raw


def encode_registers(value: float | None, type_: RegisterType, word_order: WordOrder = "big") -> list[int]:
    """The words of a number; None is NaN in a float. ValueError when it does not fit the type."""
    if value is None and type_ not in ("f32", "f64"):
        raise ValueError(f"{type_} has no value for 'not available': write the meter's own bit pattern")
    if value is None:
        number: int | float = math.nan
    else:
        number = float(value) if type_ in ("f32", "f64") else int(value)
        if number != value and type_ not in ("f32", "f64"):
            raise ValueError(f"{value} is no whole number, as {type_} needs")
    try:
        raw = struct.pack(FORMATS[type_], number)
    except (struct.error, OverflowError):
        raise ValueError(f"{value} does not fit {type_}") from None
    words = list(struct.unpack(f">{len(raw) // 2}H", raw))
    return words if word_order == "big" else words[::-1]
