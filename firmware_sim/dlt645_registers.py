"""What a simulated DL/T 645 meter holds behind each data identifier, encoded when it is asked for.

Counters are cut to the register's last digit and never rounded up; gauges are rounded.
A phase the meter has not, or a gauge too big for its register, is FFH inside a block; the phase is
"no such data" on its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import floor

from firmware_sim import memory, peaks
from firmware_sim.load_relay import RelayState
from firmware_sim.memory import Memory, shown_at
from firmware_sim.meter import Meter
from firmware_sim.meter_events import Moment, phase_key
from firmware_sim.slot_tables import raw_of
from protocols.dlt645 import events as told
from protocols.dlt645 import freezes, load_records
from protocols.dlt645.demands import MaxDemand, encode_demand
from protocols.dlt645.identifiers import lookup, lookup_1997
from protocols.dlt645.items import Item, Kind
from protocols.dlt645.values import decode_number, encode_number, encode_value
from protocols.quantities import QUANTITIES
from protocols.quantities import Kind as Measure

BLOCK_END = b"\xaa"
_SI_OF_UNIT = {"kWh": 1000, "kvarh": 1000, "kW": 1000, "kvar": 1000, "kVA": 1000}
_ENERGY_STEMS = {0x00: "energy_import", 0x01: "energy_import", 0x02: "energy_export",
                 0x03: "reactive_energy_import", 0x04: "reactive_energy_export"}  # fmt: skip
_CONSTANTS: dict[str, str | int | Decimal] = {
    "02800008": Decimal("3.60"), "02800009": Decimal("6.05"), "0280000A": Decimal(0),
    "04000103": Decimal(15), "04000104": Decimal(15), "04000105": Decimal(80),
    "04000204": Decimal(4), "04000205": Decimal(0),
    "04000404": "220V", "04000405": "5A", "04000407": "1.0", "04000408": "2.0",
    "04000409": Decimal(1200), "0400040A": Decimal(1200), "0400040B": "SIMULATED", "0400040C": "2024-01-01",
    "0400040D": "DL/T645-2007", "04000B02": "9999", "04000B03": "9999",
    "04800001": "wattpost sim", "04800002": "none", "04800003": "wattpost",
}  # fmt: skip


def read_2007(meter: Meter, di: str, at_ms: int) -> bytes | None:
    """The data behind a DI, without the DI; None when this meter has no such data."""
    item = lookup(di)
    if item is None or (item.block and di[:2] != "04" and "no-blocks" in meter.nature.behaviour):
        return None
    if item.block and item.members:
        return _block(meter, item, at_ms)
    return _CLASSES.get(di[:2], _nothing)(meter, item, at_ms)


def read_records(meter: Meter, di: str, behind: bytes, at_ms: int) -> bytes | None:
    """Load records; `behind` is what stands behind the DI: how many, from when. None when there is none."""
    if lookup(di) is None:
        return None
    class_, which = int(di[2:4], 16), int(di[6:], 16)
    count, since = load_records.asked(behind) if behind else (1, None)
    if which == load_records.GIVEN_TIME and since is None:
        return None
    from_then = since if which == load_records.GIVEN_TIME else None
    found = memory.records(meter, at_ms, count, from_then, which == load_records.LATEST)
    return b"".join(_load_record(meter, one, class_) for one in found) or None


def _load_record(meter: Meter, one: Memory, class_: int) -> bytes:
    bits = memory.recording(meter, one.at_ms)[1]
    classes = [n for n in load_records.CLASSES if bits >> n - 1 & 1 and class_ in (0, n)]
    if not classes:
        return b""
    wanted = frozenset(item.quantity for n in classes for item in load_records.ITEMS[n] if item.quantity)
    return load_records.encode(one.stamp, meter.values(one.at_ms, wanted), classes)


def read_1997(meter: Meter, di: str, at_ms: int) -> bytes | None:
    """The same for a meter of 1997, whose DIs have four digits and whose blocks end with AAH."""
    item = lookup_1997(di)
    if item is None:
        return None
    if not item.block:
        return _single_1997(meter, item, at_ms)
    parts = [_single_1997(meter, member, at_ms) for member in map(lookup_1997, item.members) if member]
    if all(part is None for part in parts):
        return None
    return b"".join(part or b"\xff" * item.size for part in parts) + BLOCK_END


def shown(value: float, item: Item, counter: bool) -> int | None:
    """An SI value in steps of the register's last digit.

    A counter past its last digit starts again; a gauge that does not fit is not available.
    """
    exact = value * 10.0 ** decimals(item) / wire_unit(item)
    if counter:
        return floor(exact) % limit(item)
    steps = round(exact)
    return steps if abs(steps) < limit(item) else None


def limit(item: Item) -> int:
    """The first number of steps that the register cannot show; a sign takes the highest bit."""
    steps: int = 10 ** (2 * item.size)
    return steps * 8 // 10 if item.signed else steps


def wire_unit(item: Item) -> int:
    """What one of the item's unit is in SI."""
    return _SI_OF_UNIT.get(item.unit or "", 1)


def decimals(item: Item) -> int:
    return len(item.format.partition(".")[2])


def _nothing(_meter: Meter, _item: Item, _at_ms: int) -> bytes | None:
    return None


def _quantity(meter: Meter, item: Item, quantity: str, at_ms: int) -> bytes | None:
    value = meter.values(at_ms, frozenset((quantity,))).get(quantity)
    return None if value is None else _encoded(value, item, quantity)


def _encoded(value: float, item: Item, quantity: str) -> bytes:
    counter = QUANTITIES[quantity].kind is Measure.COUNTER
    steps = shown(value, item, counter)
    return encode_number(None if steps is None else Decimal(steps).scaleb(-decimals(item)), item)


def _block(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    """The members one after the other. Those that are quantities of now come from one look at the meter."""
    members = [member for member in map(lookup, item.members) if member]
    wanted = frozenset(member.quantity for member in members if member.quantity)
    values = meter.values(at_ms, wanted) if wanted else {}
    parts = [
        _encoded(values[member.quantity], member, member.quantity)
        if member.quantity in values
        else None
        if member.quantity
        else read_2007(meter, member.di, at_ms)
        for member in members
    ]
    if all(part is None for part in parts):
        return None
    return b"".join(b"\xff" * item.size if part is None else part for part in parts)


def _energy(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    _, di2, di1, di0 = bytes.fromhex(item.di)
    quantity = _energy_quantity(di2, di1)
    if quantity is None or di1 > 4:
        return None
    at = memory.settled_ms(meter, at_ms, di0) if di0 else at_ms
    return b"\xff" * item.size if at is None else _quantity(meter, item, quantity, at)


def _demand(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    """Of active power, drawn and fed back."""
    _, di2, di1, di0 = bytes.fromhex(item.di)
    if di2 not in (1, 2) or di1 > 4:
        return None
    found = _demands(meter, at_ms, di0, fed=di2 == 2)[di1]
    return encode_demand(found.value, found.at)


def _demands(meter: Meter, at_ms: int, back: int, fed: bool) -> list[MaxDemand]:
    found = peaks.maxima(meter, at_ms, back, fed)
    if found is None:
        return [MaxDemand(None, None)] * 5
    return [MaxDemand(watts, shown_at(meter, end_ms) if end_ms else None) for watts, end_ms in found]


def _energy_quantity(di2: int, tariff: int) -> str | None:
    if 5 <= di2 <= 8:
        return None if tariff else f"reactive_energy_q{di2 - 4}_varh"
    stem = _ENERGY_STEMS.get(di2)
    if stem is None or (tariff and stem.startswith("reactive")):
        return None
    unit = "varh" if stem.startswith("reactive") else "wh"
    return f"{stem}_t{tariff}_{unit}" if tariff else f"{stem}_{unit}"


def _variable(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    if item.di in _CONSTANTS:
        return encode_value(_CONSTANTS[item.di], item)
    quantity = "power_w" if item.di == "02800003" else item.quantity
    return None if quantity is None else _quantity(meter, item, quantity, at_ms)


def _event(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    event = told.event_of(item.di)
    if event is None:
        return encode_number(Decimal(0), item) * _counters(item) if item.kind is Kind.COUNT else None
    if item.kind is Kind.COUNT:
        return told.encode_count(event, _counts(meter, event, at_ms))
    back = int(item.di[6:], 16)
    kind = phase_key(int(item.di[4:6], 16) - 1) if event.name == "phase_failure" else event.name
    moment = meter.events.last(kind, back)
    if moment is None:
        return bytes(event.size or 6 * len(event.layout))
    return told.encode_record(_record(meter, event, moment))


def _counters(item: Item) -> int:
    """How many counts an event's totals hold that is not described further."""
    if not item.block:
        return 1
    return 2 if item.di[2:4] in ("07", "08", "09", "0A") else 6


def _counts(meter: Meter, event: told.Event, at_ms: int) -> dict[str, int]:
    events = meter.events
    if event.name != "phase_failure":
        return {"count": events.count(event.name), "minutes": events.minutes(event.name, at_ms)}
    phases = [(letter, phase_key(phase)) for phase, letter in enumerate("abc")]
    counts = {f"count_{letter}": events.count(key) for letter, key in phases}
    return counts | {f"minutes_{letter}": events.minutes(key, at_ms) for letter, key in phases}


def _record(meter: Meter, event: told.Event, moment: Moment) -> told.EventRecord:
    start = shown_at(meter, moment.start_ms)
    end = None if moment.end_ms is None else shown_at(meter, moment.end_ms)
    fields: dict[str, told.Field] = {"operator": moment.operator}
    if moment.di:
        fields |= {"di": moment.di, "di_1": moment.di}
    if moment.after:
        fields["before"], fields["after"] = map(meter.calendar.local, (moment.before, moment.after))
    for suffix, at_ms in (("before", moment.start_ms), ("after", moment.end_ms)):
        if at_ms is not None and "import_kwh_before" in event.layout:
            fields |= _registers_at(meter, at_ms, suffix)
    return told.EventRecord(event.name, start, end, fields)


_REGISTERS_AT = {
    "import_kwh": "00010000", "export_kwh": "00020000", "reactive_q1_kvarh": "00050000",
    "reactive_q2_kvarh": "00060000", "reactive_q3_kvarh": "00070000", "reactive_q4_kvarh": "00080000",
}  # fmt: skip


def _registers_at(meter: Meter, at_ms: int, suffix: str) -> dict[str, told.Field]:
    found: dict[str, told.Field] = {}
    for name, di in _REGISTERS_AT.items():
        item = lookup(di)
        assert item is not None
        raw = read_2007(meter, di, at_ms)
        found[f"{name}_{suffix}"] = decode_number(raw, item) if raw else None
    return found


def _stamp(meter: Meter, item: Item, at_ms: int) -> bytes:
    """A point in time as the meter's own clock saw it, in the item's format."""
    local = shown_at(meter, at_ms)
    text = {
        "YYMMDDWW": f"{local:%Y-%m-%d} week={local.isoweekday() % 7}",
        "YYMMDDWWhhmmss": f"{local:%Y-%m-%dT%H:%M:%S} week={local.isoweekday() % 7}",
        "YYMMDDhhmmss": f"{local:%Y-%m-%dT%H:%M:%S}",
        "YYMMDDhhmm": f"{local:%Y-%m-%dT%H:%M}",
        "MMDDhhmm": f"{local:%m-%dT%H:%M}",
        "hhmmss": f"{local:%H:%M:%S}",
    }[item.format]
    return encode_value(text, Item(item.di, item.name, item.kind, item.format, None, item.size))


def _parameter(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    if item.di in ("04000101", "04000102", "0400010C"):
        return _stamp(meter, item, at_ms)
    if item.di.startswith("040005"):
        return encode_value(_status_word(meter, int(item.di[6:], 16), at_ms), item)
    if item.di in meter.settings.written:
        return meter.settings.written[item.di]
    if item.di in _OF_METER:
        return _OF_METER[item.di](meter)
    value = _CONSTANTS.get(item.di)
    return None if value is None else encode_value(value, item)


def _text(text: str, size: int) -> bytes:
    return text.encode("ascii", "replace")[:size].ljust(size, b"\0")[::-1]


def _bcd(number: int, size: int = 1) -> bytes:
    return bytes.fromhex(f"{number:0{2 * size}d}")[::-1]


def _day_table(meter: Meter) -> bytes:
    return raw_of(meter.counting.slots().days[0])


_OF_METER: Mapping[str, Callable[[Meter], bytes]] = {
    "04000201": lambda meter: _bcd(len(meter.counting.slots().zones)),
    "04000202": lambda meter: _bcd(len(meter.counting.slots().days)),
    "04000203": lambda meter: _bcd(max(map(len, meter.counting.slots().days))),
    "04000306": lambda meter: _bcd(meter.nature.ratio, 3),
    "04000307": lambda _meter: _bcd(1, 3),
    "04000401": lambda meter: bytes.fromhex(meter.address)[::-1],
    "04000402": lambda meter: bytes.fromhex(meter.address)[::-1],
    "04000403": lambda meter: _text(meter.asset if meter.asset.isascii() else meter.address, 32),
    "04000406": lambda meter: _text(f"{meter.nature.rating_a:g}A", 6),
    "04000901": lambda _meter: b"\x3f",
    **{f"04000A{n:02X}": lambda _meter: _bcd(15, 2) for n in range(2, 8)},
    "04000B01": lambda _meter: b"\x00\x01",
    "04010000": lambda meter: raw_of(meter.counting.slots().zones),
    "04020000": lambda meter: raw_of(meter.counting.slots().zones),
    "04010001": _day_table,
    "04020001": _day_table,
}
"""What a meter came with, where it is not the same for all."""


def _status_word(meter: Meter, number: int, at_ms: int) -> int:
    """Bits as protocols.dlt645.parameters names them."""
    watts, _ = meter.circuit.powers(at_ms / 1000)
    if number == 1:
        block = peaks.slide_ms(meter) == 900_000
        return block << 1 | meter.settings.battery_low << 2 | (sum(watts) < 0) << 4
    if number == 2:
        return sum((watts[phase] < 0) << terminal for terminal, phase in enumerate(meter.wires))
    if number == 3:
        open_, told_open = meter.relay is not RelayState.CLOSED, meter.relay is RelayState.OPEN
        return (not meter.powered) << 1 | open_ << 4 | told_open << 6 | meter.settings.alarmed << 7
    if number == 7:
        return (not meter.powered) << 5
    return _phase_word(meter, number - 4, watts)


def _phase_word(meter: Meter, terminal: int, watts: Sequence[float]) -> int:
    """Bit 0 voltage lost and 7 phase failed, of a three-phase meter; bit 6 energy flows back."""
    if terminal >= len(meter.wires):
        return 0
    phase = meter.wires[terminal]
    dark = 0x0081 if len(meter.wires) == 3 and not meter.circuit.live(phase) else 0
    return dark | (watts[phase] < 0) << 6


_FREEZES: Mapping[int, Callable[[Meter, int], Iterator[Memory]]] = {
    0x00: memory.timed, 0x01: memory.instant, 0x04: memory.hourly, 0x06: memory.daily,
}  # fmt: skip
_FREEZE_KINDS = {number: name for name, number in freezes.KINDS.items()}
_FREEZE_PARTS = {number: name for name, number in freezes.PARTS.items()}
_FROZEN = frozenset(
    (
        "energy_import_wh", "energy_export_wh", "reactive_energy_import_varh", "reactive_energy_export_varh",
        *(f"energy_{way}_t{n}_wh" for way in ("import", "export") for n in range(1, 5)),
        *(f"reactive_energy_q{n}_varh" for n in range(1, 5)),
        "power_w", "reactive_power_var", *(f"power_l{n}_w" for n in (1, 2, 3)),
        *(f"reactive_power_l{n}_var" for n in (1, 2, 3)),
    )
)  # fmt: skip


def _freeze(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    _, kind, part, back = bytes.fromhex(item.di)
    name = _FREEZE_PARTS.get(part)
    if kind not in _FREEZES or name is None:
        return None
    found = memory.nth(_FREEZES[kind](meter, at_ms), back)
    if found is None:
        return None
    demands: dict[str, list[MaxDemand]] = {}
    if name in ("all", "demand_import", "demand_export") and _FREEZE_KINDS[kind] != "hourly":
        for way in ("import", "export"):
            demands[way] = _demands(meter, found.at_ms, 0, fed=way == "export")
    numbers = meter.values(found.at_ms, _FROZEN)
    return freezes.encode(_FREEZE_KINDS[kind], name, found.stamp, numbers, demands)


_CLASSES: dict[str, Callable[[Meter, Item, int], bytes | None]] = {
    "00": _energy, "01": _demand, "02": _variable, "03": _event, "04": _parameter, "05": _freeze,
    "1D": _event, "1E": _event,
}  # fmt: skip


def _single_1997(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    if item.di in ("C032", "C033", "C034"):
        return bytes.fromhex(meter.address)[::-1]
    if item.kind is Kind.TIME and item.di in ("C010", "C011"):
        return _stamp(meter, item, at_ms)
    if item.di in ("C020", "B212"):
        return b"\0" * item.size
    if item.di[:2] in ("94", "98") and item.di[2] == "1":
        back = 1 if item.di[1] == "4" else 2
        quantity = "energy_import_wh" if item.di[3] == "0" else f"energy_import_t{item.di[3]}_wh"
        at = memory.settled_ms(meter, at_ms, back)
        return b"\xff" * item.size if at is None else _quantity(meter, item, quantity, at)
    return None if item.quantity is None else _quantity(meter, item, item.quantity, at_ms)
