"""The data identifiers of DL/T 645: what each DI holds, as data; families by rule, not row by row."""

from collections.abc import Mapping
from functools import lru_cache

from protocols.dlt645.identifiers_1997 import lookup_1997
from protocols.dlt645.items import Item, Kind, number_size
from protocols.dlt645.listing import Row, rows
from protocols.dlt645.parameters import parameter

__all__ = ["Item", "Kind", "Row", "lookup", "lookup_1997", "number_size", "table"]


@lru_cache(maxsize=4096)
def lookup(di: str) -> Item | None:
    """The item of a DI written DI3..DI0, such as "02010100"; None for one we do not know."""
    if len(di) != 8:
        return None
    try:
        di3, di2, di1, di0 = bytes.fromhex(di)
    except ValueError:
        return None
    family = _FAMILIES.get(di3)
    return family(di.upper(), di2, di1, di0) if family else None


def table() -> list[Row]:
    """Every identifier we know, a row for each family: what it holds, its sign rule and how sure we are."""
    return rows(lookup, lookup_1997)


# --- class 00 energies, class 01 maximum demand -------------------------------------------------------

_ENERGY = "XXXXXX.XX"
_POWER = "XX.XXXX"
_CHANNELS: Mapping[int, tuple[str, str, bool, str | None, str]] = {
    # DI2: name, unit of energy, signed, quantity stem, source
    0x00: ("combined active", "kWh", True, None, "verified"),
    0x01: ("forward active", "kWh", False, "energy_import", "verified"),
    0x02: ("reverse active", "kWh", False, "energy_export", "verified"),
    0x03: ("combined reactive 1", "kvarh", True, "reactive_energy_import", "secondary"),
    0x04: ("combined reactive 2", "kvarh", True, "reactive_energy_export", "secondary"),
    0x05: ("quadrant 1 reactive", "kvarh", False, "reactive_energy_q1", "secondary"),
    0x06: ("quadrant 2 reactive", "kvarh", False, "reactive_energy_q2", "secondary"),
    0x07: ("quadrant 3 reactive", "kvarh", False, "reactive_energy_q3", "secondary"),
    0x08: ("quadrant 4 reactive", "kvarh", False, "reactive_energy_q4", "secondary"),
    0x09: ("forward apparent", "kVAh", False, None, "secondary"),
    0x0A: ("reverse apparent", "kVAh", False, None, "secondary"),
}
_PHASE_BASE = {"A": 0x14, "B": 0x28, "C": 0x3C}
_LOSS_BASE = {"total": 0x80, "phase A": 0x94, "phase B": 0xA8, "phase C": 0xBC}
_LOSS_CHANNELS = (
    "associated", "forward fundamental", "reverse fundamental", "forward harmonic", "reverse harmonic",
    "copper loss", "iron loss",
)  # fmt: skip
_POWER_UNIT = {"kWh": "kW", "kvarh": "kvar", "kVAh": "kVA"}
_LAST_SETTLEMENT = 0x0C
_LAST_TARIFF = 0x3F
_BLOCK = 0xFF
_USUAL_TARIFFS = 4


def _channel(di2: int) -> tuple[str, str | None, bool, str | None, str] | None:
    if di2 in _CHANNELS:
        return _CHANNELS[di2]
    for phase, base in _PHASE_BASE.items():
        if 0 < di2 - base < len(_CHANNELS):
            label, unit, signed, _, _ = _CHANNELS[di2 - base]
            # Published tables disagree on the order of the reactive items here, so their unit stays open.
            known = unit if di2 - base in (1, 2) else None
            return f"phase {phase} {label}", known, signed, None, "unverified"
    for place, base in _LOSS_BASE.items():
        if 0 <= di2 - base < len(_LOSS_CHANNELS):
            return f"{place} {_LOSS_CHANNELS[di2 - base]}", "kWh", False, None, "unverified"
    if di2 in (0x0B, 0x0C):
        return "settlement period consumption", "kWh", False, None, "unverified"
    return None


def _energy(di: str, di2: int, di1: int, di0: int) -> Item | None:
    if di in _PREPAID:
        return Item(di, _PREPAID[di][0], Kind.NUMBER, _ENERGY, _PREPAID[di][1], 4)
    channel = _channel(di2)
    name = _register_name(di1, di0)
    if channel is None or name is None:
        return None
    label, unit, signed, stem, source = channel
    return Item(
        di, f"{label} energy, {name}", Kind.NUMBER, _ENERGY, unit, 4, signed,
        _counter(stem, di1, di0), source, _BLOCK in (di1, di0), _register_members(di, di1, di0),
    )  # fmt: skip


_PREPAID = {"00900100": ("remaining energy", "kWh"), "00900200": ("remaining money", "CNY")}


def _counter(stem: str | None, di1: int, di0: int) -> str | None:
    if stem is None or di0 != 0 or di1 > (_USUAL_TARIFFS if stem.startswith("energy") else 0):
        return None
    unit = "wh" if stem.startswith("energy") else "varh"
    return f"{stem}_t{di1}_{unit}" if di1 else f"{stem}_{unit}"


def _register_name(di1: int, di0: int) -> str | None:
    if di1 > _LAST_TARIFF and (di1 != _BLOCK or di0 == _BLOCK):
        return None
    if di0 > _LAST_SETTLEMENT and di0 != _BLOCK:
        return None
    tariff = "all tariffs" if di1 == _BLOCK else f"tariff {di1}" if di1 else "total"
    if di0 == _BLOCK:
        return f"{tariff}, all settlement days"
    return f"{tariff}, settlement day {di0} back" if di0 else tariff


def _register_members(di: str, di1: int, di0: int) -> tuple[str, ...]:
    if di1 == _BLOCK:
        return tuple(f"{di[:4]}{tariff:02X}{di[6:]}" for tariff in range(_USUAL_TARIFFS + 1))
    if di0 == _BLOCK:
        return tuple(f"{di[:6]}{back:02X}" for back in range(_LAST_SETTLEMENT + 1))
    return ()


def _demand(di: str, di2: int, di1: int, di0: int) -> Item | None:
    channel = _channel(di2)
    name = _register_name(di1, di0)
    if channel is None or name is None:
        return None
    label, unit, signed, _, source = channel
    return Item(
        di, f"{label} maximum demand, {name}", Kind.DEMAND, _POWER, unit and _POWER_UNIT[unit], 8, signed,
        None, "verified" if di2 == 1 else source, _BLOCK in (di1, di0), _register_members(di, di1, di0),
    )  # fmt: skip


# --- class 02 variables -------------------------------------------------------------------------------

# DI2: name, format, unit, signed, first DI1 (0: a total comes before the phases), quantity by phase, source
_VARIABLES: Mapping[int, tuple[str, str, str | None, bool, int, str | None, str]] = {
    0x01: ("voltage", "XXX.X", "V", False, 1, "voltage_l{}_v", "verified"),
    0x02: ("current", "XXX.XXX", "A", True, 1, "current_l{}_a", "verified"),
    0x03: ("active power", _POWER, "kW", True, 0, "power_l{}_w", "verified"),
    0x04: ("reactive power", _POWER, "kvar", True, 0, "reactive_power_l{}_var", "secondary"),
    0x05: ("apparent power", _POWER, "kVA", False, 0, "apparent_power_l{}_va", "secondary"),
    0x06: ("power factor", "X.XXX", None, True, 0, "power_factor_l{}", "verified"),
    0x07: ("phase angle", "XXX.X", "deg", False, 1, None, "secondary"),
    0x08: ("voltage distortion", "XX.XX", "%", False, 1, None, "secondary"),
    0x09: ("current distortion", "XX.XX", "%", False, 1, None, "secondary"),
}
_HARMONICS = {0x0A: "voltage harmonic", 0x0B: "current harmonic"}
_LAST_HARMONIC = 0x15
_OTHER_VARIABLES: Mapping[int, tuple[str, str, str, bool, str | None, str]] = {
    # DI0 under 028000: name, format, unit, signed, quantity, source
    0x01: ("neutral current", "XXX.XXX", "A", True, "current_n_a", "secondary"),
    0x02: ("frequency", "XX.XX", "Hz", False, "frequency_hz", "verified"),
    0x03: ("one-minute average active power", _POWER, "kW", True, None, "secondary"),
    0x04: ("present active demand", _POWER, "kW", True, "demand_power_w", "secondary"),
    0x05: ("present reactive demand", _POWER, "kvar", True, None, "secondary"),
    0x06: ("present apparent demand", _POWER, "kVA", True, None, "secondary"),
    0x07: ("internal temperature", "XXX.X", "degC", True, "temperature_c", "verified"),
    0x08: ("clock battery voltage", "XX.XX", "V", False, None, "secondary"),
    0x09: ("backup battery voltage", "XX.XX", "V", False, None, "secondary"),
    0x0A: ("battery running time", "XXXXXXXX", "min", False, None, "secondary"),
    0x0B: ("price of the present step", "XXXX.XXXX", "CNY/kWh", False, None, "unverified"),
    0x20: ("present price", "XXXX.XXXX", "CNY/kWh", False, None, "unverified"),
    0x21: ("present tariff price", "XXXX.XXXX", "CNY/kWh", False, None, "unverified"),
}


def _variable(di: str, di2: int, di1: int, di0: int) -> Item | None:
    if di2 in _HARMONICS:
        return _harmonic(di, di2, di1, di0)
    if di2 == 0x80 and di1 == 0 and di0 in _OTHER_VARIABLES:
        name, format_, some_unit, signed, quantity, source = _OTHER_VARIABLES[di0]
        return Item(di, name, Kind.NUMBER, format_, some_unit, number_size(format_), signed, quantity, source)
    if di2 not in _VARIABLES or di0 != 0:
        return None
    name, format_, unit, signed, first, quantity, source = _VARIABLES[di2]
    block = di1 == _BLOCK
    if not block and not first <= di1 <= 3:
        return None
    members = tuple(f"02{di2:02X}{part:02X}00" for part in range(first, 4)) if block else ()
    return Item(
        di, f"{name}, {_PARTS.get(di1, 'block')}", Kind.NUMBER, format_, unit, number_size(format_), signed,
        None if block else _phase_quantity(quantity, di1), source, block, members,
    )  # fmt: skip


_PARTS = {0: "total", 1: "phase A", 2: "phase B", 3: "phase C"}


def _phase_quantity(pattern: str | None, phase: int) -> str | None:
    if pattern is None:
        return None
    return pattern.format(phase) if phase else pattern.replace("_l{}", "")


def _harmonic(di: str, di2: int, di1: int, di0: int) -> Item | None:
    if di1 not in (1, 2, 3) or not (1 <= di0 <= _LAST_HARMONIC or di0 == _BLOCK):
        return None
    block = di0 == _BLOCK
    members = tuple(f"{di[:6]}{order:02X}" for order in range(1, _LAST_HARMONIC + 1)) if block else ()
    name = f"{_HARMONICS[di2]} content, {_PARTS[di1]}, {'all orders' if block else f'order {di0}'}"
    return Item(di, name, Kind.NUMBER, "XX.XX", "%", 2, source="secondary", block=block, members=members)


# --- class 03 events ----------------------------------------------------------------------------------

_EVENTS: Mapping[int, tuple[str, int]] = {
    # DI2: name, how many counters DI1 = DI0 = 00 gives (phases: count and minutes of each)
    0x01: ("loss of voltage", 6), 0x02: ("undervoltage", 6), 0x03: ("overvoltage", 6),
    0x04: ("phase failure", 6), 0x05: ("full loss of voltage", 2), 0x06: ("auxiliary supply loss", 2),
    0x07: ("voltage reverse sequence", 2), 0x08: ("current reverse sequence", 2),
    0x09: ("voltage unbalance", 2), 0x0A: ("current unbalance", 2), 0x0B: ("loss of current", 6),
    0x0C: ("overcurrent", 6), 0x0D: ("current break", 6), 0x0E: ("reverse flow", 6), 0x0F: ("overload", 6),
    0x11: ("power-down", 1), 0x12: ("demand over limit", 6), 0x35: ("constant magnetic field", 1),
    0x36: ("relay fault", 1), 0x37: ("power supply fault", 1),
}  # fmt: skip
_PROGRAMMING = {
    0x00: "programming", 0x01: "meter clear", 0x02: "demand clear", 0x03: "event clear", 0x04: "time set",
    0x05: "slot table programming", 0x06: "zone table programming", 0x07: "weekend programming",
    0x08: "holiday programming", 0x09: "active combination programming",
    0x0A: "reactive combination 1 programming",
    0x0B: "reactive combination 2 programming", 0x0C: "settlement day programming", 0x0D: "meter cover open",
    0x0E: "terminal cover open",
}  # fmt: skip
_BY_PHASE = 6
_LAST_RECORD = 0x0A
_START_AND_END = (0x06, 0x11)
_STAMP = "YYMMDDhhmmss"


def _event(di: str, di2: int, di1: int, di0: int) -> Item | None:
    if di2 == 0x30 and di1 in _PROGRAMMING:
        published = di0 == 0 and di1 in (0x00, 0x0D)
        return _event_item(di, _PROGRAMMING[di1], 1, di0, "verified" if published else "secondary")
    if di2 in _EVENTS and di1 in _places(di2, di0):
        name, counters = _EVENTS[di2]
        if di2 in _START_AND_END and 1 <= di0 <= _LAST_RECORD:
            label = f"{name}, start and end, {di0} back"
            return Item(di, label, Kind.TIME, _STAMP, None, 6, source="secondary", block=True)
        return _event_item(di, name, counters, di0, "secondary")
    if di2 in (0x10, 0x31, 0x32, 0x33):
        return Item(di, "event statistics or record")
    return None


def _places(di2: int, di0: int) -> tuple[int, ...]:
    """The DI1 that an event's count, and its records, stand under: a record of a phase under its phase."""
    return (1, 2, 3) if di0 and _EVENTS[di2][1] == _BY_PHASE else (0,)


def _event_item(di: str, name: str, counters: int, di0: int, source: str) -> Item | None:
    if di0 > _LAST_RECORD:
        return None
    if di0:
        return Item(di, f"{name}, record {di0} back", source=source)
    return Item(di, f"{name} count", Kind.COUNT, "XXXXXX", None, 3, source=source, block=counters > 1)


def _relay_event(di: str, di2: int, di1: int, di0: int) -> Item | None:
    name = "close" if di.startswith("1E") else "trip"
    return _event_item(di, name, 1, di0, "unverified") if di2 == di1 == 0 else None


# --- class 05 freezes, class 06 load records ----------------------------------------------------------

_FREEZES = {
    0x00: "timed", 0x01: "instant", 0x02: "zone switch", 0x03: "slot switch", 0x04: "hourly",
    0x05: "tariff scheme switch", 0x06: "daily", 0x07: "step switch",
}  # fmt: skip


def _freeze(di: str, di2: int, di1: int, di0: int) -> Item | None:
    if di2 not in _FREEZES or di0 == 0 or di0 == _BLOCK:
        return None
    name = f"{_FREEZES[di2]} freeze, {di0} back"
    if di1 == 0:
        source = "verified" if di2 == 0x06 else "secondary"
        return Item(di, f"{name}: time", Kind.TIME, "YYMMDDhhmm", None, 5, source=source)
    if di1 <= 0x08:
        label, unit, signed, _, _ = _CHANNELS[di1]
        return Item(di, f"{name}: {label} energy", Kind.NUMBER, _ENERGY, unit, 4, signed, block=True)
    if di1 in (0x09, 0x0A):
        label = "forward" if di1 == 0x09 else "reverse"
        return Item(di, f"{name}: {label} maximum demand", Kind.DEMAND, _POWER, "kW", 8, block=True)
    if di1 == 0x10:
        return Item(di, f"{name}: active and reactive power", Kind.NUMBER, _POWER, None, 3, True, block=True)
    return Item(di, f"{name}: all parts") if di1 == _BLOCK else None


_PROFILES = {
    0x00: "all classes", 0x01: "voltage, current, frequency", 0x02: "active and reactive power",
    0x03: "power factor", 0x04: "energies", 0x05: "quadrant reactive energies", 0x06: "present demand",
}  # fmt: skip
_WHICH_RECORD = {0x00: "earliest", 0x01: "at a given time", 0x02: "latest"}


def _load_record(di: str, di2: int, di1: int, di0: int) -> Item | None:
    if di2 not in _PROFILES or di1 != 0 or di0 not in _WHICH_RECORD:
        return None
    return Item(di, f"load record, {_PROFILES[di2]}, {_WHICH_RECORD[di0]}")


_FAMILIES = {
    0x00: _energy, 0x01: _demand, 0x02: _variable, 0x03: _event, 0x04: parameter, 0x05: _freeze,
    0x06: _load_record, 0x1D: _relay_event, 0x1E: _relay_event,
}  # fmt: skip
