"""What one data identifier holds: its shape, its unit, and how far the description can be trusted.

`source` is "verified" (published frames decode to the published value), "secondary" (a public description)
or "unverified" (the standard's text as commonly known, no frame seen).
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How the bytes of an item are read; all low byte first."""

    NUMBER = "number"  # BCD with the decimals of the format
    COUNT = "count"  # a NUMBER of events, without a unit
    DEMAND = "demand"  # a NUMBER and the time of its occurrence, YYMMDDhhmm
    TIME = "time"  # dates and times, format such as YYMMDDhhmm
    DIGITS = "digits"  # BCD digits that are a name and not an amount
    TEXT = "text"  # ASCII
    BITS = "bits"  # a status word
    RECORD = "record"  # a composed record: recognised, kept as bytes


@dataclass(frozen=True, slots=True)
class Item:
    """`size` is the bytes of one value (0: any); a `block` repeats it, once for each of `members`."""

    di: str
    name: str
    kind: Kind = Kind.RECORD
    format: str = ""
    unit: str | None = None
    size: int = 0
    signed: bool = False
    quantity: str | None = None
    source: str = "unverified"
    block: bool = False
    members: tuple[str, ...] = ()


def number_size(format_: str) -> int:
    """Bytes of a BCD number written like XXX.X."""
    return (len(format_.replace(".", "")) + 1) // 2
