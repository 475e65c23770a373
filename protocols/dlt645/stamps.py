"""The stamps a meter puts on what it remembers: BCD, low byte first, in its own local time without a zone."""

from datetime import datetime

from protocols.errors import FrameError

_SIZES = {5: "%y%m%d%H%M", 6: "%y%m%d%H%M%S"}
"""YYMMDDhhmm and YYMMDDhhmmss; the wire sends the last part first."""


def decode_stamp(raw: bytes) -> datetime | None:
    """The time in 5 or 6 bytes; None when they are all 00 or all FFH: nothing was stamped.

    FrameError for digits above 9 and for a time that does not exist.
    """
    if len(raw) not in _SIZES:
        raise FrameError("value_length", f"{len(raw)} bytes where a time has 5 or 6")
    if raw.count(0) == len(raw) or raw.count(0xFF) == len(raw):
        return None
    digits = raw[::-1].hex()
    if not digits.isdecimal():
        raise FrameError("non_bcd_data", f"{digits.upper()} holds a digit above 9")
    parts = [int(digits[at : at + 2]) for at in range(0, len(digits), 2)]
    try:
        return datetime(2000 + parts[0], *parts[1:])  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        raise FrameError("no_such_time", f"{digits} is no time that exists") from None


def encode_stamp(at: datetime | None, size: int = 5) -> bytes:
    """The bytes of a meter's local time; None is "nothing stamped", all 00."""
    if size not in _SIZES or (at is not None and not 2000 <= at.year <= 2099):
        raise ValueError(f"{at} does not fit {size} bytes of a stamp: years 2000 to 2099, 5 or 6 bytes")
    return bytes(size) if at is None else bytes.fromhex(at.strftime(_SIZES[size]))[::-1]
