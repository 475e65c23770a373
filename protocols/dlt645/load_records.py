"""Load records (class 06): what a meter measured every few minutes, with its own stamp, to fill a gap from.

A record is A0 A0, a length, the stamp, the classes each ended by AAH, a sum from the first A0 on, and E5.
AAH is no BCD digit pair, so it parts the classes even where a meter leaves some out. A class or value that
was not recorded is absent. Layout: DL/T 645-2007 annex B, as several public implementations agree on it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from protocols.dlt645.identifiers import Item, lookup
from protocols.dlt645.measured import Number, bytes_of, value_of
from protocols.dlt645.stamps import decode_stamp, encode_stamp
from protocols.dlt645.values import decode_number
from protocols.errors import FrameError
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value

CLASSES: Mapping[int, str] = {
    1: "voltage_current_frequency",
    2: "powers",
    3: "power_factors",
    4: "energies",
    5: "quadrant_energies",
    6: "present_demand",
}
EARLIEST, GIVEN_TIME, LATEST = 0x00, 0x01, 0x02
_MEMBERS: Mapping[int, tuple[str, ...]] = {
    1: ("02010100", "02010200", "02010300", "02020100", "02020200", "02020300", "02800002"),
    2: tuple(f"02{di2}{part:02X}00" for di2 in ("03", "04") for part in range(4)),
    3: tuple(f"0206{part:02X}00" for part in range(4)),
    4: ("00010000", "00020000", "00030000", "00040000"),
    5: ("00050000", "00060000", "00070000", "00080000"),
    6: ("02800004", "02800005"),
}


def _item(di: str) -> Item:
    item = lookup(di)
    assert item is not None, f"{di} is a row of the table"
    return item


ITEMS: Mapping[int, tuple[Item, ...]] = {n: tuple(map(_item, dis)) for n, dis in _MEMBERS.items()}
"""What each class holds, in the order of the wire."""
_SIZES = {number: sum(item.size for item in items) for number, items in ITEMS.items()}
_BY_SIZE = {size: n for n, size in _SIZES.items() if list(_SIZES.values()).count(size) == 1}
_START, _BAD_BLOCK, _CLASS_END, _END = b"\xa0\xa0", b"\xe0\xe0", b"\xaa", 0xE5
_FRAMING = 5
_STAMP = 5
MOST_ASKED = 9
"""Beyond it no source shows whether the count is BCD or binary, so nobody is asked for more at once."""


@dataclass(frozen=True, slots=True)
class LoadRecord:
    """`stamp` is the meter's local time. `numbers` has all that was recorded, by DI, in the unit of the wire.

    `sound` is false when the meter itself marked the block as incorrect (E0 E0): then it has no values.
    """

    stamp: datetime
    values: dict[str, Value]
    numbers: dict[str, Decimal] = field(default_factory=dict)
    sound: bool = True


def di(class_: int = 0, which: int = GIVEN_TIME) -> str:
    """What to ask for: class 1 to 6 or 0 for all; the earliest, from a given time on, or the latest."""
    if class_ not in (0, *CLASSES) or which not in (EARLIEST, GIVEN_TIME, LATEST):
        raise ValueError(f"there is no load record class {class_} with selector {which}")
    return f"06{class_:02X}00{which:02X}"


def extra(count: int, at: datetime | None = None) -> bytes:
    """What stands behind the DI of the request: how many records, and for a given time from when on."""
    if not 1 <= count <= MOST_ASKED:
        raise ValueError(f"{count} load records cannot be asked for at once: 1 to {MOST_ASKED}")
    return bytes((count,)) + (encode_stamp(at) if at else b"")


def asked(behind_di: bytes) -> tuple[int, datetime | None]:
    """What `extra` made: for whoever has to answer or explain a request. FrameError when it is none."""
    if len(behind_di) not in (1, 1 + _STAMP):
        raise FrameError("value_length", "a load record request is a count, or a count and a time")
    return behind_di[0], decode_stamp(behind_di[1:]) if len(behind_di) > 1 else None


def decode(data: bytes, di: str = "") -> list[LoadRecord]:
    """All records in the data behind the DI; none when the meter has none.

    FrameError when one number of bytes, sum or mark is wrong: then none of them can be trusted. Give the DI
    that was asked for: without it a record of one class alone is known only where its size tells.
    """
    records: list[LoadRecord] = []
    at = 0
    while at < len(data):
        end = _end_of_record(data, at)
        records.append(_record(data[at:end], int(di[2:4], 16) if di else 0))
        at = end
    return records


def encode(stamp: datetime, numbers: Mapping[str, Number], classes: Collection[int]) -> bytes:
    """One record as a meter gives it; `numbers` by quantity, in the quantity's own unit (Wh, W).

    A class of `classes` that is not there leaves its AAH only; a value that is not there is FFH.
    """
    body = encode_stamp(stamp)
    for number, items in ITEMS.items():
        if number in classes:
            body += b"".join(_encoded(item, numbers) for item in items)
        body += _CLASS_END
    record = _START + bytes((len(body),)) + body
    return record + bytes((sum(record) & 0xFF, _END))


def _encoded(item: Item, numbers: Mapping[str, Number]) -> bytes:
    quantity = item.quantity
    counter = quantity is not None and QUANTITIES[quantity].kind is Kind.COUNTER
    return bytes_of(item, numbers.get(quantity) if quantity else None, counter)


def _end_of_record(data: bytes, at: int) -> int:
    if data[at : at + 2] not in (_START, _BAD_BLOCK):
        raise FrameError("load_record_start", f"{data[at : at + 2].hex().upper()}H where A0A0H must be")
    length = data[at + 2] if len(data) > at + 2 else 0
    end = at + length + _FRAMING
    if length < _STAMP or end > len(data) or data[end - 1] != _END:
        raise FrameError("load_record_length", f"the record says {length} bytes, and no E5H stands there")
    if sum(data[at : end - 2]) & 0xFF != data[end - 2]:
        raise FrameError("load_record_sum", f"{data[end - 2]:02X}H is not the sum of the record")
    return end


def _record(record: bytes, class_: int) -> LoadRecord:
    body = record[3:-2]
    stamp = decode_stamp(body[:_STAMP])
    if stamp is None:
        raise FrameError("no_such_time", "a load record without a time")
    if record[:2] == _BAD_BLOCK:
        return LoadRecord(stamp, {}, {}, sound=False)
    numbers: dict[str, Decimal] = {}
    values: dict[str, Value] = {}
    for number, part in _parts(body[_STAMP:], class_):
        at = 0
        for item in ITEMS[number]:
            _take(item, part[at : at + item.size], numbers, values)
            at += item.size
    return LoadRecord(stamp, values, numbers)


def _take(item: Item, raw: bytes, numbers: dict[str, Decimal], values: dict[str, Value]) -> None:
    """A value that is no number is left out and the others are kept, as in any block."""
    try:
        found = decode_number(raw, item)
    except FrameError:
        return
    if found is None:
        return
    numbers[item.di] = found
    value = value_of(item, item.quantity, found) if item.quantity else None
    if item.quantity and value is not None:
        values[item.quantity] = value


def _parts(body: bytes, class_: int) -> list[tuple[int, bytes]]:
    """The recorded classes with their bytes, by place; one alone by what was asked for, or by its size."""
    parts = body.split(_CLASS_END)
    if parts and not parts[-1]:
        parts.pop()
    recorded = [(at, part) for at, part in enumerate(parts, 1) if part]
    if len(recorded) == 1:
        only = recorded[0][1]
        number = class_ or (recorded[0][0] if len(parts) > 1 else _BY_SIZE.get(len(only), 0))
        if _SIZES.get(number) != len(only) and len(parts) > 1:
            number = _BY_SIZE.get(len(only), 0)
        recorded = [(number, only)]
    for number, part in recorded:
        if _SIZES.get(number) != len(part):
            raise FrameError("load_record_length", f"{len(part)} bytes where class {number} of 1 to 6 stands")
    return recorded
