"""Where each part of a reply stands in its bytes, and the bytes made sound again after a change.

Three forms go over our wires: DL/T 645, Modbus RTU and Modbus TCP.
"""

from collections.abc import Mapping
from typing import Literal

from protocols.dlt645.frame import LEAD_IN, Frame, frames_in
from protocols.modbus.rtu import crc

Form = Literal["dlt645", "rtu", "tcp"]
_ENDS_645 = 2
_EXCEPTION = 0x80


def parts(form: Form, raw: bytes) -> Mapping[str, list[int]]:
    """Indices by the name of the part; a part that is not there has none."""
    if form == "dlt645":
        return _parts_645(raw)
    if form == "rtu":
        return _named(address=(0, 1), control=(1, 2), length=(2, 3), data=(3, len(raw) - 2),
                      checksum=(len(raw) - 2, len(raw)))  # fmt: skip
    return _named(transaction=(0, 2), protocol=(2, 4), frame_length=(4, 6), address=(6, 7), control=(7, 8),
                  length=(8, 9), data=(9, len(raw)))  # fmt: skip


def _parts_645(raw: bytes) -> Mapping[str, list[int]]:
    at = lead_in(raw)
    width = di_width(raw)
    return {
        "start": [at, at + 7],
        **_named(address=(at + 1, at + 7), control=(at + 8, at + 9), length=(at + 9, at + 10),
                 di=(at + 10, at + 10 + width), data=(at + 10 + width, len(raw) - _ENDS_645)),
        "checksum": [len(raw) - 2],
        "end": [len(raw) - 1],
    }  # fmt: skip


def lead_in(raw: bytes) -> int:
    """How many FE stand before the frame."""
    return len(raw) - len(raw.lstrip(bytes((LEAD_IN,))))


def di_width(raw: bytes) -> int:
    """Bytes of the DI in a DL/T 645 reply; an abnormal one and a write's have none."""
    control = raw[lead_in(raw) + 8]
    reading = {0x11: 4, 0x12: 4, 0x01: 2, 0x02: 2}.get(control & 0x1F, 0)
    return 0 if control & 0x40 else min(reading, raw[lead_in(raw) + 9])


def refused(form: Form, raw: bytes) -> bool:
    """Whether the meter says no in it."""
    if form == "dlt645":
        return bool(raw[lead_in(raw) + 8] & 0x40)
    return bool(raw[1 if form == "rtu" else 7] & _EXCEPTION)


def sound(form: Form, raw: bytes) -> bool:
    """Whether somebody would take it for a frame."""
    if form == "dlt645":
        return next(frames_in(raw), None) is not None
    if form == "rtu":
        return len(raw) > 4 and crc(raw[:-2]) == raw[-2:]
    return len(raw) > 7 and int.from_bytes(raw[4:6], "big") == len(raw) - 6


def mended(form: Form, raw: bytes) -> bytes:
    """The same bytes with the checksum (or the length of Modbus TCP) that fits them."""
    if form == "dlt645":
        at = lead_in(raw)
        return raw[:-2] + bytes((sum(raw[at:-2]) & 0xFF, raw[-1]))
    if form == "rtu":
        return raw[:-2] + crc(raw[:-2])
    return raw[:4] + (len(raw) - 6).to_bytes(2, "big") + raw[6:]


def with_data(form: Form, raw: bytes, data: bytes) -> bytes:
    """The same reply with other data behind the DI (or the byte count), told rightly and sound."""
    where = parts(form, raw)
    at = (where["data"] or where["checksum"] or [len(raw)])[0]
    tail = {"dlt645": 2, "rtu": 2, "tcp": 0}[form]
    changed = bytearray(raw[:at] + data + (raw[len(raw) - tail :] if tail else b""))
    changed[where["length"][0]] = (len(data) + len(where.get("di", []))) & 0xFF
    return mended(form, bytes(changed))


def frame_of(raw: bytes) -> Frame | None:
    return next(frames_in(raw), None)


def _named(**spans: tuple[int, int]) -> dict[str, list[int]]:
    return {name: list(range(start, max(start, end))) for name, (start, end) in spans.items()}
