"""What a simulated DL/T 645 meter holds behind each data identifier, encoded when it is asked for.

Counters are cut to the register's last digit and never rounded up; gauges are rounded.
A phase the meter has not, or a gauge too big for its register, is FFH inside a block; the phase is
"no such data" on its own.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from math import floor

from firmware_sim.meter import Meter, Stretch
from protocols.dlt645.identifiers import lookup, lookup_1997
from protocols.dlt645.items import Item, Kind
from protocols.dlt645.values import encode_number, encode_value
from protocols.quantities import QUANTITIES
from protocols.quantities import Kind as Measure

BLOCK_END = b"\xaa"
_SI_OF_UNIT = {"kWh": 1000, "kvarh": 1000, "kW": 1000, "kvar": 1000, "kVA": 1000}
_ENERGY_STEMS = {0x00: "energy_import", 0x01: "energy_import", 0x02: "energy_export",
                 0x03: "reactive_energy_import", 0x04: "reactive_energy_export"}  # fmt: skip
_DAYS_FROZEN = 62
_CONSTANTS: dict[str, str | int | Decimal] = {
    "02800008": Decimal("3.60"), "02800009": Decimal("6.05"), "0280000A": Decimal(0),
    "04000103": Decimal(15), "04000104": Decimal(1), "04000105": Decimal(80),
    "04000201": Decimal(2), "04000202": Decimal(1), "04000203": Decimal(8), "04000204": Decimal(4),
    "04000404": "220V", "04000405": "5A", "04000406": "60A", "04000407": "1.0", "04000408": "2.0",
    "04000409": Decimal(1200), "0400040A": Decimal(1200), "0400040B": "SIMULATED", "0400040C": "2024-01-01",
    "0400040D": "DL/T645-2007", "04000B01": "0100", "04800001": "wattpost sim", "04800002": "none",
    "04800003": "wattpost",
}  # fmt: skip


def read_2007(meter: Meter, di: str, at_ms: int) -> bytes | None:
    """The data behind a DI, without the DI; None when this meter has no such data."""
    item = lookup(di)
    if item is None:
        return None
    if item.block and item.members:
        return _block(meter, item, at_ms)
    return _CLASSES.get(di[:2], _nothing)(meter, item, at_ms)


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
    at = _settled_ms(meter, at_ms, di0)
    if item.quantity and at == at_ms:
        return _quantity(meter, item, item.quantity, at)
    quantity = _energy_quantity(di2, di1)
    return None if quantity is None or di1 > 4 else _quantity(meter, item, quantity, at)


def _energy_quantity(di2: int, tariff: int) -> str | None:
    if 5 <= di2 <= 8:
        return None if tariff else f"reactive_energy_q{di2 - 4}_varh"
    stem = _ENERGY_STEMS.get(di2)
    if stem is None or (tariff and stem.startswith("reactive")):
        return None
    unit = "varh" if stem.startswith("reactive") else "wh"
    return f"{stem}_t{tariff}_{unit}" if tariff else f"{stem}_{unit}"


def _settled_ms(meter: Meter, at_ms: int, back: int) -> int:
    """The instant of that many settlement days back (the first of a month, 00:00); 0 is now."""
    if back == 0:
        return at_ms
    now = meter.calendar.local(at_ms)
    months = now.year * 12 + now.month - back
    then = datetime(months // 12, months % 12 + 1, 1)  # noqa: DTZ001  (a meter's clock has no zone)
    return _instant_ms(meter, then)


def _instant_ms(meter: Meter, local: datetime) -> int:
    """A local time as Unix ms, not before the meter was installed."""
    since = local - meter.calendar.local(0)
    return max(round(since.total_seconds() * 1000), meter.calendar.origin_s * 1000)


def _variable(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    if item.di in _CONSTANTS:
        return encode_value(_CONSTANTS[item.di], item)
    quantity = "power_w" if item.di == "02800003" else item.quantity
    return None if quantity is None else _quantity(meter, item, quantity, at_ms)


def _event(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    events = meter.events
    counts: dict[str, Callable[[], list[int]]] = {
        "03040000": lambda: [n for phase in range(3) for n in events.phase_failure(phase, at_ms)],
        "03110000": lambda: [events.power_downs],
        "03300000": lambda: [events.programmings],
        "03300400": lambda: [events.clock_sets],
    }
    if item.di in counts:
        return b"".join(encode_number(Decimal(count), item) for count in counts[item.di]())
    if item.di.startswith("031100"):
        return _power_down_record(meter, item, int(item.di[6:], 16))
    return encode_number(Decimal(0), item) * _counters(item) if item.kind is Kind.COUNT else None


def _counters(item: Item) -> int:
    """How many counts an event's totals hold: count and minutes of each phase, or one."""
    if not item.block:
        return 1
    return 2 if item.di[2:4] in ("05", "06", "07", "08", "09", "0A") else 6


def _power_down_record(meter: Meter, item: Item, back: int) -> bytes:
    over = [stretch for stretch in meter.events.powered_down if stretch.end_ms is not None]
    if back > len(over):
        return b"\x00" * 12
    stretch: Stretch = over[-back]
    return b"".join(_stamp(meter, item, at) for at in (stretch.start_ms, stretch.end_ms or 0))


def _stamp(meter: Meter, item: Item, at_ms: int) -> bytes:
    """A point in time as the meter's own clock saw it, in the item's format."""
    local = meter.calendar.local(meter.clock_ms(at_ms))
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
    if item.di in ("04000401", "04000402"):
        return bytes.fromhex(meter.address)[::-1]
    if item.di == "04000403":
        return encode_value(meter.id[:32] if meter.id.isascii() else meter.address, item)
    if item.di.startswith("040005"):
        return encode_value(_status_word(meter, int(item.di[6:], 16)), item)
    value = _CONSTANTS.get(item.di)
    return None if value is None else encode_value(value, item)


def _status_word(meter: Meter, number: int) -> int:
    """Words 4..6 tell of a phase: bit 0 voltage lost, bit 7 phase failed. The rest is quiet."""
    if not 4 <= number <= 6 or number - 4 not in meter.wires or len(meter.wires) != 3:
        return 0
    return 0 if meter.circuit.live(number - 4) else 0x0081


def _freeze(meter: Meter, item: Item, at_ms: int) -> bytes | None:
    """Daily freezes only: what the counters said at local midnight, up to 62 days back."""
    _, di2, di1, back = bytes.fromhex(item.di)
    if di2 != 0x06 or back > _DAYS_FROZEN:
        return None
    midnight = meter.calendar.local(at_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    at = _instant_ms(meter, midnight - timedelta(days=back - 1))
    if di1 == 0xFF:
        parts = [_freeze_part(meter, part, back, at) for part in (*range(9), 0x10)]
        return BLOCK_END.join(part for part in parts if part is not None)
    return _freeze_part(meter, di1, back, at)


def _freeze_part(meter: Meter, di1: int, back: int, at_ms: int) -> bytes | None:
    item = lookup(f"0506{di1:02X}{back:02X}")
    if item is None:
        return None
    if di1 == 0:
        return _stamp(meter, item, at_ms - meter.clock_offset_ms)
    if di1 == 0x10:
        return b"".join(
            read_2007(meter, f"02{di2}{part:02X}00", at_ms) or b"\xff" * 3
            for di2 in ("03", "04")
            for part in range(4)
        )
    quantities = [_energy_quantity(di1, tariff) for tariff in range(5)]
    parts = [_quantity(meter, item, quantity, at_ms) for quantity in quantities if quantity]
    return b"".join((part or b"\0" * 4) for part in (*parts, *[None] * (5 - len(parts))))


_CLASSES: dict[str, Callable[[Meter, Item, int], bytes | None]] = {
    "00": _energy, "02": _variable, "03": _event, "04": _parameter, "05": _freeze,
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
        return _quantity(meter, item, quantity, _settled_ms(meter, at_ms, back))
    return None if item.quantity is None else _quantity(meter, item, item.quantity, at_ms)
