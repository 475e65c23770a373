"""A buffer laid out for a technician: every byte, what it is, and for a bad frame the first check that fails.

Without `show_secrets` no byte is shown that may be part of a password, nor what would give it away.
"""

from collections.abc import Iterator
from dataclasses import replace

from protocols.dlt645 import remembered
from protocols.dlt645.explain import Explained, explain_frame, is_time, protocol_of
from protocols.dlt645.frame import ANY_METER, BROADCAST, Diagnosis, Frame, diagnose, encode, frames_in
from protocols.dlt645.identifiers import Item, lookup, lookup_1997
from protocols.dlt645.passwords import secret_bytes

_FUNCTIONS = {
    "2007": {
        0x03: "security authentication", 0x08: "set the clock", 0x11: "read", 0x12: "read what follows",
        0x13: "read the address", 0x14: "write", 0x15: "write the address", 0x16: "freeze",
        0x17: "change the rate", 0x18: "change the password", 0x19: "clear maximum demand",
        0x1A: "clear the meter", 0x1B: "clear events", 0x1C: "relay, alarm, hold",
        0x1D: "multi-function terminal",
    },
    "1997": {
        0x01: "read", 0x02: "read what follows", 0x03: "read again", 0x04: "write", 0x0A: "write the address",
        0x0C: "change the rate", 0x0F: "change the password", 0x10: "clear maximum demand",
    },
}  # fmt: skip
_HIDDEN = "**"
_WIDTH = 24
_PER_LINE = 8
_FIELD_NAMES = {
    "password_level": "password level", "password": "password", "operator": "operator",
    "new_password_level": "new password level", "new_password": "new password",
    "write_data_hex": "data to write", "write_value": "value to write", "write_bits": "bits to set",
    "command": "command", "action": "action",
    "expiry_YYMMDDhhmmss": "expires (YYMMDDhhmmss)",
    "address_in_data": "address", "baud": "rate, bit/s", "freeze_MMDDhhmm": "freeze (MMDDhhmm, 99 = any)",
    "seq": "part number", "time": "time", "bits": "bits set", "error_byte": "error byte",
    "serr": "security module says",
}  # fmt: skip
# A request of these functions and lengths can hold no password, whichever single bit of it was changed.
_HARMLESS = {(0x11, 4), (0x11, 5), (0x11, 10), (0x12, 5), (0x13, 0), (0x01, 2), (0x02, 2), (0x08, 6)}
_HARMLESS_REPLIES = (0x11, 0x12, 0x13, 0x01, 0x02)


def lay_out(raw: bytes, show_secrets: bool = False) -> list[str]:
    """Lines that explain everything in `raw`."""
    frames = list(frames_in(raw))
    if not frames:
        return list(_bad(raw, diagnose(raw), show_secrets))
    lines: list[str] = []
    at = 0
    for number, frame in enumerate(frames, 1):
        body = encode(replace(frame, preamble=0))
        start = raw.index(body, at)
        lines += _noise(raw[at : start - frame.preamble], show_secrets)
        if len(frames) > 1:
            lines.append(f"frame {number} of {len(frames)}")
        lines += _frame(frame, body, show_secrets)
        at = start + len(body)
    return [*lines, *_noise(raw[at:], show_secrets)]


def _bytes(count: int) -> str:
    return f"{count} byte{'s' * (count != 1)}"


def _line(raw: bytes | str, meaning: str) -> str:
    shown = raw if isinstance(raw, str) else raw.hex(" ").upper()
    return f"  {shown:<{_WIDTH}}  {meaning}"


def _noise(raw: bytes, show_secrets: bool) -> Iterator[str]:
    if raw:
        hint = "" if show_secrets else "; --show-secrets shows them"
        yield _line(raw if show_secrets else _HIDDEN, f"noise: {_bytes(len(raw))} of no frame{hint}")


def _frame(frame: Frame, body: bytes, show_secrets: bool) -> Iterator[str]:
    explained = explain_frame(frame, show_secrets)
    hidden = frozenset[int]() if show_secrets else secret_bytes(frame)
    if frame.preamble:
        shown = "FE " * min(frame.preamble, 4) + ("..." if frame.preamble > 4 else "")
        yield _line(shown.rstrip(), f"lead-in, {_bytes(frame.preamble)}")
    yield from _head(body, len(body))
    yield from _data(body[10:-2], hidden)
    yield _line(_HIDDEN if hidden else body[-2:-1], "checksum, right")
    yield _line(body[-1:], "end")
    yield ""
    yield from _meaning(frame, explained)


def _head(body: bytes, end: int) -> Iterator[str]:
    """Start, address, start, control, length: as much of it as there is before `end`."""
    address = body[1:7]
    if address:
        yield _line(body[:1], "start")
        yield _line(address, f"address {_address(address[::-1].hex().upper())}")
    if end > 7:
        yield _line(body[7:8], "start")
    if end > 8:
        yield _line(body[8:9], _control(Frame("0" * 12, body[8], body[10:])))
    if end > 9:
        yield _line(body[9:10], f"length: {_bytes(body[9])} of data")


def _address(address: str) -> str:
    if address == ANY_METER:
        return f"{address} (any meter)"
    if address == BROADCAST:
        return f"{address} (all meters, no answer)"
    return f"{address} (any meter that ends so)" if address.startswith("AA") else address


def _control(frame: Frame) -> str:
    protocol = protocol_of(frame)
    function = _FUNCTIONS[protocol].get(frame.function, "unknown")
    if not frame.from_meter:
        who = "request"
    elif frame.abnormal:
        who = "refusal by the meter"
    else:
        who = "answer of the meter, more follows" if frame.more else "answer of the meter"
    return f"control: {who}; function {frame.function:02X}H, {function} (DL/T 645-{protocol})"


def _data(wire: bytes, hidden: frozenset[int]) -> Iterator[str]:
    shown = [_HIDDEN if at in hidden else f"{byte:02X}" for at, byte in enumerate(wire)]
    plain = [_HIDDEN if at in hidden else f"{(byte - 0x33) & 0xFF:02X}" for at, byte in enumerate(wire)]
    for at in range(0, len(wire), _PER_LINE):
        end = at + _PER_LINE
        yield _line(" ".join(shown[at:end]), f"data, less 33H: {' '.join(plain[at:end])}")


def _meaning(frame: Frame, explained: Explained) -> Iterator[str]:
    item = None
    if "di" in explained:
        item = lookup(explained["di"]) or lookup_1997(explained["di"])
        yield _line("identifier", explained["di"] + (f": {_item(item)}" if item else ": not in our table"))
    yield from _values(item, explained)
    for field, name in _FIELD_NAMES.items():
        if field in explained and not (field == "bits" and "values" in explained):
            told = explained[field]
            yield _line(name, ", ".join(map(str, told)) if isinstance(told, list) else str(told))
    for name, told in remembered.lines(explained):
        yield _line(name, told)
    yield from _words(explained)
    for reason in explained.get("error", []):
        yield _line("error", reason.replace("_", " "))
    if explained.get("time_valid") is False:
        yield _line("", "this time does not exist: a meter ignores it")
    if explained.get("reason") and "value" not in explained and "values" not in explained:
        yield _line("not readable", explained["reason"].replace("_", " "))
    if frame.from_meter and not explained.get("error_byte") and not frame.data:
        yield _line("", "no data")


def _words(explained: Explained) -> Iterator[str]:
    """What digits of an order mean: until when, or when."""
    if "expiry_YYMMDDhhmmss" in explained:
        year, month, day, hour, minute, second = _pairs(explained["expiry_YYMMDDhhmmss"])
        expiry = f"20{year}-{month}-{day}T{hour}:{minute}:{second}"
        exists = "" if is_time(expiry) else ": this time does not exist"
        yield _line("", f"refused by the meter after {expiry} of its own clock{exists}")
    if "freeze_MMDDhhmm" in explained:
        yield _line("", freeze_words(explained["freeze_MMDDhhmm"]))


def freeze_words(digits: str) -> str:
    """When MMDDhhmm is, 99 being "any"."""
    month, day, hour, minute = _pairs(digits)
    if digits == "9" * 8:
        return "freeze now"
    if digits.startswith("999999"):
        return f"freeze every hour at minute {minute}"
    if digits.startswith("9999"):
        return f"freeze every day at {hour}:{minute}"
    if digits.startswith("99"):
        return f"freeze every month on day {day} at {hour}:{minute}"
    return f"freeze on {month}-{day} at {hour}:{minute}"


def _pairs(digits: str) -> list[str]:
    return [digits[at : at + 2] for at in range(0, len(digits), 2)]


def _item(item: Item) -> str:
    shape = " ".join(part for part in (item.format, item.unit) if part)
    doubt = "" if item.source == "verified" else f"; this row of our table: {item.source}"
    return item.name + (f" ({shape})" if shape else "") + doubt


def _values(item: Item | None, explained: Explained) -> Iterator[str]:
    unit = explained.get("unit") or ""
    if "value" in explained:
        why = explained.get("reason", "").replace("_", " ") or "not available"
        yield _line(
            "value", f"{explained['value']} {unit}".rstrip() if explained["value"] is not None else why
        )
    values = [] if "event" in explained else explained.get("values", [])
    times, bits = explained.get("times", []), explained.get("bits", [])
    for at, value in enumerate(values):
        member = item.members[at] if item and at < len(item.members) else f"{at + 1}"
        told = "not available" if value is None else f"{value} {unit}".rstrip()
        if value is not None and at < len(times) and times[at]:
            told += f" at {times[at]}"
        yield _line(
            f"value {member}", told + (f": {', '.join(bits[at])}" if at < len(bits) and bits[at] else "")
        )


def _bad(raw: bytes, found: Diagnosis, show_secrets: bool) -> Iterator[str]:
    body = raw[found.start :] if found.start >= 0 else b""
    harmless = show_secrets or _is_harmless(body)
    detail = str(found.error) if harmless or found.error.reason != "checksum" else "checksum"
    if body:
        yield from _noise(raw[: found.start], show_secrets)
        yield from _head(body, len(body))
        yield from _data(body[10:-2], frozenset() if show_secrets else _hidden_in_bad(body, harmless))
        yield _line(body[-2:] if harmless and len(body) > 10 else _HIDDEN, "the last bytes")
        yield ""
    else:
        yield from _noise(raw, show_secrets)
    where = f" (byte {found.wrong_at}, counted from 0)" if found.start >= 0 else ""
    yield _line("no valid frame", f"{detail}{where}")


def _hidden_in_bad(body: bytes, harmless: bool) -> frozenset[int]:
    if not harmless:
        return frozenset(range(len(body)))
    data = bytes((byte - 0x33) & 0xFF for byte in body[10:-2])
    return secret_bytes(Frame("0" * 12, body[8], data)) if len(body) > 8 else frozenset()


def _is_harmless(body: bytes) -> bool:
    if len(body) < 10:
        return True
    control, length = body[8], body[9]
    if control & 0x80:
        return control & 0x1F in _HARMLESS_REPLIES
    return (control & 0x1F, length) in _HARMLESS
