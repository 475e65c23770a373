"""The two-byte data identifiers of DL/T 645-1997, as far as old meters are still worth reading."""

from collections.abc import Mapping
from functools import lru_cache

from protocols.dlt645.items import Item, Kind, number_size

_ENERGY = "XXXXXX.XX"
_BLOCK = "F"
_PERIODS = {"0": "", "4": ", last month", "8": ", month before last"}
_CHANNELS: Mapping[str, tuple[str, str, str | None, str]] = {
    # digits 1 and 3 of the DI (the second one is the month): name, unit, quantity stem, source
    "01": ("forward active energy", "kWh", "energy_import", "verified"),
    "02": ("reverse active energy", "kWh", "energy_export", "secondary"),
    "11": ("forward reactive energy", "kvarh", None, "unverified"),
    "12": ("reverse reactive energy", "kvarh", None, "unverified"),
    "13": ("quadrant reactive energy (913)", "kvarh", None, "unverified"),
    "14": ("quadrant reactive energy (914)", "kvarh", None, "unverified"),
    "15": ("quadrant reactive energy (915)", "kvarh", None, "unverified"),
    "16": ("quadrant reactive energy (916)", "kvarh", None, "unverified"),
}
_VARIABLES: Mapping[str, tuple[str, str, str | None, str, str | None, str]] = {
    # first three digits: name, format, unit, legal last digits, quantity by phase, source
    "B61": ("voltage", "XXX", "V", "123", "voltage_l{}_v", "verified"),
    "B62": ("current", "XX.XX", "A", "123", "current_l{}_a", "secondary"),
    "B63": ("active power", "XX.XXXX", "kW", "0123", "power_l{}_w", "secondary"),
    "B64": ("reactive power", "XX.XX", "kvar", "0123", "reactive_power_l{}_var", "secondary"),
    "B65": ("power factor", "X.XXX", None, "0123", "power_factor_l{}", "secondary"),
    "B69": ("line voltage", "XXX", "V", "123", None, "secondary"),
}
_SINGLE: Mapping[str, tuple[str, Kind, str, int]] = {
    "C010": ("date and week", Kind.TIME, "YYMMDDWW", 4),
    "C011": ("time of day", Kind.TIME, "hhmmss", 3),
    "C020": ("meter status", Kind.BITS, "", 1),
    "C032": ("meter number", Kind.DIGITS, "", 6),
    "C033": ("user number", Kind.DIGITS, "", 6),
    "C034": ("device number", Kind.DIGITS, "", 6),
    "C117": ("settlement day and hour (DDhh)", Kind.DIGITS, "", 2),
    "C119": ("start reading, active", Kind.NUMBER, _ENERGY, 4),
    "C11A": ("start reading, reactive", Kind.NUMBER, _ENERGY, 4),
    "B210": ("last programming time", Kind.TIME, "MMDDhhmm", 4),
    "B212": ("programming count", Kind.COUNT, "XXXX", 2),
}


@lru_cache(maxsize=512)
def lookup_1997(di: str) -> Item | None:
    """The item of a 1997 DI written DI1 DI0, such as "9010"; None for one we do not know."""
    if len(di) != 4:
        return None
    di = di.upper()
    if di in _SINGLE:
        name, kind, format_, size = _SINGLE[di]
        unit = {"C119": "kWh", "C11A": "kvarh"}.get(di)
        return Item(di, name, kind, format_, unit, size, source="secondary")
    return _energy(di) if di[0] == "9" else _demand(di) if di[0] in "AB" and di[1] in "048" else _variable(di)


def _energy(di: str) -> Item | None:
    month = int(di[1], 16) if di[1] in "0123456789ABCDEF" else 0
    channel = _CHANNELS.get(f"{month & 3}{di[2]}")
    if channel is None or f"{month & 12:X}" not in _PERIODS or di[3] not in "01234F":
        return None
    name, unit, stem, source = channel
    block, tariff = di[3] == _BLOCK, _tariff(di[3])
    quantity = None if stem is None or block or month else f"{stem}_wh"
    if quantity and di[3] != "0":
        quantity = f"{stem}_t{di[3]}_wh"
    label = f"{name}, {tariff}{_PERIODS[f'{month & 12:X}']}"
    members = tuple(f"{di[:3]}{n}" for n in range(5)) if block else ()
    return Item(di, label, Kind.NUMBER, _ENERGY, unit, 4, False, quantity, source, block, members)


def _tariff(digit: str) -> str:
    return {"0": "total", "F": "all tariffs"}.get(digit, f"tariff {digit}")


def _demand(di: str) -> Item | None:
    if di[2] not in "12" or di[3] not in "01234":
        return None
    name = f"maximum demand, {'forward' if di[2] == '1' else 'reverse'}, {_tariff(di[3])}{_PERIODS[di[1]]}"
    if di[0] == "A":
        return Item(di, name, Kind.NUMBER, "XX.XXXX", "kW", 3, source="secondary")
    return Item(di, f"{name}: time", Kind.TIME, "MMDDhhmm", None, 4, source="secondary")


def _variable(di: str) -> Item | None:
    if di[:3] not in _VARIABLES:
        return None
    name, format_, unit, digits, pattern, source = _VARIABLES[di[:3]]
    block = di[3] == _BLOCK
    if not block and di[3] not in digits:
        return None
    members = tuple(f"{di[:3]}{digit}" for digit in digits) if block else ()
    quantity = None
    if pattern and not block:
        quantity = pattern.format(di[3]) if di[3] != "0" else pattern.replace("_l{}", "")
    part = {"0": "total", "1": "phase A", "2": "phase B", "3": "phase C"}.get(di[3], "block")
    size = number_size(format_)
    return Item(
        di, f"{name}, {part}", Kind.NUMBER, format_, unit, size, False, quantity, source, block, members
    )
