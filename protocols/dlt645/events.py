"""The events a meter counts and remembers (class 03, and 1D and 1E): identifiers, records, both ways.

A record is decoded as far as a source describes it. The rest stays in `rest`, as bytes, and is not guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from protocols.dlt645.items import Item, Kind
from protocols.dlt645.stamps import decode_stamp, encode_stamp
from protocols.dlt645.values import decode_number, encode_number
from protocols.errors import FrameError

MOST_BACK = 10
PHASES = (1, 2, 3)
Field = str | Decimal | datetime | None
"""Operator codes and identifiers are text, energies Decimal (kWh, kvarh), times the meter's local time."""

_SIZES = {"start": 6, "end": 6, "before": 6, "after": 6, "operator": 4, "current_a": 3, "di": 4}
_CURRENT = Item("", "current", Kind.NUMBER, "XXX.XXX", "A", 3)
_ENERGY = Item("", "energy", Kind.NUMBER, "XXXXXX.XX", "kWh", 4)
_COUNT = Item("", "count", Kind.COUNT, "XXXXXX", None, 3)
_STAMPS = ("start", "end", "before", "after")
_SPAN = ("start", "end")
_REGISTERS = (
    "import_kwh", "export_kwh", "reactive_q1_kvarh", "reactive_q2_kvarh", "reactive_q3_kvarh",
    "reactive_q4_kvarh",
)  # fmt: skip
_COVER = (*_SPAN, *(f"{name}_before" for name in _REGISTERS), *(f"{name}_after" for name in _REGISTERS))
_MAGNET = (*_SPAN, "import_kwh_before", "export_kwh_before", "import_kwh_after", "export_kwh_after")


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event. `layout` is what its record begins with, `size` the record's bytes (0: not known).

    `counts` names the three-byte numbers behind the count DI; an event `by_phase` has them for A, B, C.
    """

    name: str
    count_di: str
    layout: tuple[str, ...] = ()
    size: int = 0
    counts: tuple[str, ...] = ("count",)
    by_phase: bool = False
    source: str = "secondary"

    def record_di(self, back: int, phase: int = 1) -> str:
        """The identifier of a record, 1 the last one to 10; `phase` (1 to 3) where the event has phases."""
        if not 1 <= back <= MOST_BACK or phase not in PHASES:
            raise ValueError(f"there is no {self.name} record {back} back of phase {phase}")
        stem = f"{self.count_di[:4]}{phase:02X}" if self.by_phase else self.count_di[:6]
        return f"{stem}{back:02X}"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """`start` and `end` in the meter's local time, None where the meter or its description has none."""

    name: str
    start: datetime | None
    end: datetime | None
    fields: dict[str, Field] = field(default_factory=dict)
    rest: bytes = b""

    @property
    def empty(self) -> bool:
        """Nothing was ever recorded at this place."""
        return self.start is None and not any(self.fields.values()) and not self.rest.strip(b"\x00\xff")


def _phased(name: str, di2: int) -> Event:
    return Event(name, f"03{di2:02X}0000", _SPAN, 0, ("count", "minutes"), by_phase=True)


_ALL = (
    _phased("voltage_loss", 0x01),
    _phased("undervoltage", 0x02),
    _phased("overvoltage", 0x03),
    _phased("phase_failure", 0x04),
    Event("full_voltage_loss", "03050000", ("start", "current_a", "end"), 15, ("count", "minutes")),
    Event("auxiliary_loss", "03060000", _SPAN, 12, ("count", "minutes")),
    Event("power_down", "03110000", _SPAN, 12),
    Event("programming", "03300000", ("start", "operator", *(f"di_{n}" for n in range(1, 11))), 50),
    Event("meter_clear", "03300100", (), 106),
    Event("demand_clear", "03300200", (), 202),
    Event("event_clear", "03300300", ("start", "operator", "di"), 14),
    Event("clock_set", "03300400", ("operator", "before", "after"), 16),
    Event("slot_table_set", "03300500", (), 682),
    Event("cover_open", "03300D00", _COVER, 60),
    Event("terminal_cover_open", "03300E00", _COVER, 60),
    Event("magnetic_field", "03350000", _MAGNET, 28, source="unverified"),
    Event("relay_fault", "03360000", source="unverified"),
    Event("power_supply_fault", "03370000", source="unverified"),
    Event("relay_trip", "1D000000", ("start",), source="unverified"),
    Event("relay_close", "1E000000", ("start",), source="unverified"),
)
EVENTS: Mapping[str, Event] = {event.name: event for event in _ALL}
_BY_STEM = {event.count_di[:4] if event.by_phase else event.count_di[:6]: event for event in _ALL}


def event_of(di: str) -> Event | None:
    """The event whose count or record a DI asks for; None for any other DI."""
    return _BY_STEM.get(di[:6].upper()) or _BY_STEM.get(di[:4].upper())


def decode_count(di: str, data: bytes) -> dict[str, int | None]:
    """The numbers behind a count DI by name, such as count, minutes_b; None where not available."""
    event = _event(di)
    names = _count_names(event)
    if len(data) != 3 * len(names):
        raise FrameError("value_length", f"{len(data)} bytes where {di} has {3 * len(names)}")
    numbers = [decode_number(data[at : at + 3], _COUNT) for at in range(0, len(data), 3)]
    return {name: None if n is None else int(n) for name, n in zip(names, numbers, strict=True)}


def encode_count(event: Event, counts: Mapping[str, int]) -> bytes:
    """What a meter answers to the count DI; what is not there is 0."""
    return b"".join(
        encode_number(Decimal(counts.get(name, 0) % 10**6), _COUNT) for name in _count_names(event)
    )


def decode_record(di: str, data: bytes) -> EventRecord:
    """One record behind its DI; FrameError when it is too short, or of another length than is known."""
    event = _event(di)
    if event.size and len(data) != event.size:
        raise FrameError("value_length", f"{len(data)} bytes where {di} has {event.size}")
    stamps: dict[str, datetime | None] = {}
    fields: dict[str, Field] = {}
    at = 0
    for name in event.layout:
        raw = data[at : at + _size(name)]
        at += _size(name)
        if len(raw) != _size(name):
            raise FrameError("value_length", f"{len(data)} bytes end within {name} of {di}")
        if name in _SPAN:
            stamps[name] = decode_stamp(raw)
        else:
            fields[name] = _field(name, raw)
    if "before" in fields:
        stamps["start"] = fields["before"] if isinstance(fields["before"], datetime) else None
    return EventRecord(event.name, stamps.get("start"), stamps.get("end"), fields, data[at:])


def encode_record(record: EventRecord) -> bytes:
    """What a meter answers to the record's DI; what is not there is 00 (times, operators) or FFH."""
    event = EVENTS[record.name]
    told: dict[str, Field] = {"start": record.start, "end": record.end, **record.fields}
    raw = b"".join(_encoded(name, told.get(name)) for name in event.layout) + record.rest
    return raw.ljust(event.size, b"\0")


def _event(di: str) -> Event:
    event = event_of(di)
    if event is None:
        raise FrameError("other_di", f"{di} is no event")
    return event


def _count_names(event: Event) -> tuple[str, ...]:
    if not event.by_phase:
        return event.counts
    return tuple(f"{name}_{phase}" for phase in "abc" for name in event.counts)


def _size(name: str) -> int:
    return _SIZES.get("di" if name.startswith("di_") else name, 4)


def _field(name: str, raw: bytes) -> Field:
    if name in _STAMPS:
        return decode_stamp(raw)
    if name == "operator" or name.startswith("di"):
        return raw[::-1].hex().upper()
    return decode_number(raw, _CURRENT if name == "current_a" else _ENERGY)


def _encoded(name: str, value: Field) -> bytes:
    if name in _STAMPS:
        return encode_stamp(value if isinstance(value, datetime) else None, 6)
    if name == "operator" or name.startswith("di"):
        return bytes.fromhex(value)[::-1] if isinstance(value, str) else bytes(4)
    return encode_number(
        value if isinstance(value, Decimal) else None, _CURRENT if name == "current_a" else _ENERGY
    )
