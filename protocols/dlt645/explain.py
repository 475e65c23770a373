"""Says what bytes are, in plain values: a dict for a frame, its fields listed in `protocols/README.md`.

Passwords are masked unless asked for, in every field they could be read from.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from protocols.dlt645 import remembered
from protocols.dlt645.conversations import AUTHENTICATE, esam_reasons, refusal_reasons
from protocols.dlt645.frame import Frame, diagnose, frames_in
from protocols.dlt645.identifiers import Item, Kind, lookup, lookup_1997
from protocols.dlt645.parameters import bit_names
from protocols.dlt645.passwords import MASK, PASSWORD_DI, is_masked, masked_data_hex
from protocols.dlt645.rates import baud_of
from protocols.dlt645.values import Decoded, Demand, Single, decode_value
from protocols.errors import FrameError

Explained = dict[str, Any]

RELAY_ACTIONS = {
    0x1A: "trip", 0x1B: "close_permitted", 0x1C: "close", 0x2A: "alarm_on", 0x2B: "alarm_off",
    0x3A: "hold_on", 0x3B: "hold_off",
}  # fmt: skip
_FUNCTIONS_1997 = (0x01, 0x02, 0x04, 0x0A, 0x0C, 0x0F, 0x10)
_RE_READ_1997_DATA = 2


def explain(raw: bytes | str, show_secrets: bool = False) -> Explained:
    """What is in `raw` (bytes, or hex as people write it); never raises.

    One frame gives its fields, several give `frames`, none gives `valid` false and a `reason`.
    """
    if isinstance(raw, str):
        try:
            raw = from_hex(raw)
        except FrameError as error:
            return {"valid": False, "reason": error.reason}
    frames = [explain_frame(frame, show_secrets) for frame in frames_in(raw)]
    if len(frames) == 1:
        return {"valid": True, **frames[0]}
    if frames:
        return {"valid": True, "protocol": frames[0]["protocol"], "frames": frames}
    found = diagnose(raw)
    explained: Explained = {"valid": False, "reason": found.error.reason}
    if found.start >= 0 and len(raw) > found.start + 8:
        explained["protocol"] = protocol_of(Frame("0" * 12, raw[found.start + 8], raw[found.start + 10 : -2]))
    return explained


def from_hex(text: str) -> bytes:
    """Bytes from hex with spaces, colons, commas or 0x; FrameError("not_hex") for anything else."""
    digits = text.lower()
    for filler in ("0x", ":", ",", "-", " ", "\t", "\r", "\n"):
        digits = digits.replace(filler, "")
    if not digits:
        raise FrameError("empty", "there are no bytes")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise FrameError("not_hex", "bytes are two hex digits each") from None


def protocol_of(frame: Frame) -> str:
    """ "1997" or "2007"; the functions tell, but for 03 and 08, which both have."""
    re_read = frame.function == 0x03 and not frame.from_meter and len(frame.data) <= _RE_READ_1997_DATA
    return "1997" if frame.function in _FUNCTIONS_1997 or re_read else "2007"


def explain_frame(frame: Frame, show_secrets: bool = False) -> Explained:
    """The fields of one frame, without `valid`."""
    protocol = protocol_of(frame)
    explained: Explained = {
        "protocol": protocol,
        "preamble_len": frame.preamble,
        "address": frame.address,
        "control": f"{frame.control:02X}",
        "function": f"{frame.function:02X}",
        "from_meter": frame.from_meter,
        "abnormal": frame.abnormal,
        "more": frame.more,
        "length": len(frame.data),
        "data_hex": frame.data.hex().upper(),
    }
    if frame.abnormal and frame.from_meter:
        explained |= _error(frame)
    else:
        explained |= _FIELDS.get((protocol, frame.function), _nothing)(frame)
    return explained if show_secrets else _masked(frame, explained)


def _nothing(_frame: Frame) -> Explained:
    return {}


def _error(frame: Frame) -> Explained:
    if not frame.data:
        return {}
    if frame.function == AUTHENTICATE and len(frame.data) == 2:
        return {"serr": _hex(frame.data), "error": esam_reasons(int.from_bytes(frame.data, "little"))}
    reasons = refusal_reasons(frame.data[0], protocol_of(frame))
    return {"error_byte": f"{frame.data[0]:02X}", "error": reasons}


def _hex(raw: bytes) -> str:
    return raw[::-1].hex().upper()


def _read(frame: Frame) -> Explained:
    return _item_of(frame, 4, lookup)


def _read_1997(frame: Frame) -> Explained:
    return _item_of(frame, 2, lookup_1997)


def _item_of(frame: Frame, width: int, find: Callable[[str], Item | None]) -> Explained:
    if len(frame.data) < width:
        return {}
    di = _hex(frame.data[:width])
    explained: Explained = {"di": di}
    item, rest = find(di), frame.data[width:]
    if item is None or frame.more:
        return explained
    if not frame.from_meter:
        return explained | remembered.request_fields(di, rest)
    return explained | value_fields(item, rest, ends_with_aa=width == 2) | remembered.fields(di, rest)


def _read_more(frame: Frame) -> Explained:
    if len(frame.data) < 4:
        return {}
    explained: Explained = {"di": _hex(frame.data[:4])}
    if len(frame.data) > 4:
        explained["seq"] = frame.data[-1]
    return explained


def value_fields(item: Item, raw: bytes, ends_with_aa: bool = False) -> Explained:
    """`value` or `values`, `unit`, and what belongs to them; a value that cannot be read says why."""
    if item.kind is Kind.RECORD:
        return {}
    if ends_with_aa and item.block and item.size and len(raw) % item.size == 1 and raw[-1] == 0xAA:
        raw = raw[:-1]
    try:
        decoded = decode_value(raw, item)
    except FrameError as error:
        if item.block and error.reason != "value_length":
            return _block_with_flaws(item, raw)
        return {"value": None, "available": False, "reason": error.reason}
    return _value_fields(item, decoded)


def _value_fields(item: Item, decoded: Decoded) -> Explained:
    unit = {"unit": item.unit} if item.kind in (Kind.NUMBER, Kind.DEMAND) else {}
    if isinstance(decoded, list):
        fields: Explained = {"values": [_text(item, each) for each in decoded], **unit}
        if item.kind is Kind.DEMAND:
            fields["times"] = [each.at for each in decoded if isinstance(each, Demand)]
        if item.kind is Kind.BITS:
            fields["bits"] = [_bits(di, each) for di, each in zip(item.members, decoded, strict=False)]
        return fields
    fields = {"value": _text(item, decoded), **unit}
    if fields["value"] is None:
        fields["available"] = False
    if isinstance(decoded, Demand):
        fields["time"] = decoded.at
    if item.kind is Kind.BITS:
        fields["bits"] = _bits(item.di, decoded)
    return fields


def _block_with_flaws(item: Item, raw: bytes) -> Explained:
    """A block of which some values cannot be read: the others are worth having."""
    values: list[str | None] = []
    for at in range(0, len(raw), item.size):
        try:
            part = decode_value(raw[at : at + item.size], item)
            values.append(_text(item, part[0] if isinstance(part, list) else part))
        except FrameError:
            values.append(None)
    unit = {"unit": item.unit} if item.kind in (Kind.NUMBER, Kind.DEMAND) else {}
    return {"values": values, **unit, "reason": "non_bcd_data"}


def _bits(di: str, word: Single) -> list[str]:
    return bit_names(di, word) if isinstance(word, int) else []


def _text(item: Item, value: Single) -> str | None:
    if isinstance(value, Demand):
        value = value.value
    if isinstance(value, int):
        return f"0x{value:0{2 * item.size}X}"
    return None if value is None else str(value)


def _authority(data: bytes) -> Explained:
    """PA P0 P1 P2 C0..C3: level, password, operator."""
    fields: Explained = {"password_level": _hex(data[:1]), "password": _hex(data[1:4])}
    return fields | ({"operator": _hex(data[4:8])} if len(data) >= 8 else {})


def _write(frame: Frame) -> Explained:
    if frame.from_meter or len(frame.data) < 12:
        return {}
    di, data = _hex(frame.data[:4]), frame.data[12:]
    fields = {"di": di, **_authority(frame.data[4:12]), "write_data_hex": data.hex().upper()}
    item = lookup(di)
    if item is None or di.startswith(PASSWORD_DI):
        return fields
    return fields | {f"write_{name}": told for name, told in value_fields(item, data).items()}


def _authenticate(frame: Frame) -> Explained:
    """The identifier; what stands behind it is for the security module alone."""
    return {"di": _hex(frame.data[:4])} if len(frame.data) >= 4 else {}


def _write_1997(frame: Frame) -> Explained:
    if frame.from_meter or len(frame.data) < 6:
        return {}
    fields = {"di": _hex(frame.data[:2]), **_authority(frame.data[2:6])}
    return fields | {"write_data_hex": frame.data[6:].hex().upper()}


def _change_password(frame: Frame) -> Explained:
    data = frame.data
    if frame.from_meter:
        return _authority(data) if len(data) == 4 else {}
    if len(data) != 12:
        return {}
    new = {"new_password_level": _hex(data[8:9]), "new_password": _hex(data[9:12])}
    return {"di": _hex(data[:4]), **_authority(data[4:8]), **new}


def _clear(frame: Frame) -> Explained:
    if frame.from_meter or len(frame.data) < 8:
        return {}
    di = {"di": _hex(frame.data[8:12])} if len(frame.data) == 12 else {}
    return {**_authority(frame.data[:8]), **di}


def _relay(frame: Frame) -> Explained:
    data = frame.data
    if frame.from_meter or len(data) != 16:
        return {}
    action = RELAY_ACTIONS.get(data[8], "unknown")
    command = {"command": f"{data[8]:02X}", "action": action, "expiry_YYMMDDhhmmss": _hex(data[10:16])}
    return {**_authority(data[:8]), **command}


def _address(frame: Frame) -> Explained:
    return {"address_in_data": _hex(frame.data)} if len(frame.data) == 6 else {}


def _rate(frame: Frame) -> Explained:
    rate = baud_of(frame.data[0]) if len(frame.data) == 1 else None
    return {"baud": rate} if rate else {}


def _freeze(frame: Frame) -> Explained:
    return {"freeze_MMDDhhmm": _hex(frame.data)} if len(frame.data) == 4 and not frame.from_meter else {}


def _time(frame: Frame) -> Explained:
    if len(frame.data) != 6:
        return {}
    year, month, day, hour, minute, second = (f"{part:02X}" for part in frame.data[::-1])
    time = f"20{year}-{month}-{day}T{hour}:{minute}:{second}"
    return {"time": time, "time_valid": is_time(time)}


def is_time(text: str) -> bool:
    """Whether YYYY-MM-DDThh:mm[:ss] is a time that exists."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_FIELDS: dict[tuple[str, int], Callable[[Frame], Explained]] = {
    ("2007", 0x03): _authenticate,
    ("2007", 0x08): _time,
    ("2007", 0x11): _read,
    ("2007", 0x12): _read_more,
    ("2007", 0x13): _address,
    ("2007", 0x14): _write,
    ("2007", 0x15): _address,
    ("2007", 0x16): _freeze,
    ("2007", 0x17): _rate,
    ("2007", 0x18): _change_password,
    ("2007", 0x19): _clear,
    ("2007", 0x1A): _clear,
    ("2007", 0x1B): _clear,
    ("2007", 0x1C): _relay,
    ("1997", 0x01): _read_1997,
    ("1997", 0x02): _read_1997,
    ("1997", 0x03): _read_1997,
    ("1997", 0x04): _write_1997,
    ("1997", 0x0A): _address,
}


def _masked(frame: Frame, explained: Explained) -> Explained:
    data_hex = masked_data_hex(frame)
    if not is_masked(data_hex):
        return explained
    shown = {**explained, "data_hex": data_hex}
    for field in ("password", "new_password"):
        if field in shown:
            shown[field] = MASK
    if "write_data_hex" in shown:
        shown["write_data_hex"] = data_hex[-len(shown["write_data_hex"]) :] if shown["write_data_hex"] else ""
    return shown
