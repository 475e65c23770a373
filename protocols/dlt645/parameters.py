"""Class 04 of the data identifiers: parameters, and what the bits of the status words mean."""

from collections.abc import Mapping

from protocols.dlt645.items import Item, Kind, number_size

_POWER = "XX.XXXX"


def _number(name: str, format_: str, unit: str | None, source: str = "unverified") -> Item:
    kind = Kind.NUMBER if unit else Kind.COUNT
    return Item("", name, kind, format_, unit, number_size(format_), source=source)


def _shape(name: str, kind: Kind, format_: str, size: int, source: str = "unverified") -> Item:
    return Item("", name, kind, format_, None, size, source=source)


_PARAMETERS: Mapping[str, Item] = {
    "04000101": _shape("date and week", Kind.TIME, "YYMMDDWW", 4, "verified"),
    "04000102": _shape("time of day", Kind.TIME, "hhmmss", 3, "verified"),
    "04000103": _number("demand period", "XX", "min"),
    "04000104": _number("demand slide time", "XX", "min"),
    "04000105": _number("pulse width", "XXXX", "ms"),
    "04000106": _shape("zone table switch time", Kind.TIME, "YYMMDDhhmm", 5),
    "04000107": _shape("slot table switch time", Kind.TIME, "YYMMDDhhmm", 5),
    "0400010C": _shape("date, week and time", Kind.TIME, "YYMMDDWWhhmmss", 7),
    "04000201": _number("annual zones", "XX", None),
    "04000202": _number("day tables", "XX", None),
    "04000203": _number("slots a day", "XX", None),
    "04000204": _number("tariffs", "XX", None),
    "04000205": _number("holidays", "XXXX", None),
    "04000206": _number("harmonic orders", "XX", None),
    "04000301": _number("screens in the automatic display", "XX", None),
    "04000302": _number("time of a screen", "XX", "s"),
    "04000303": _number("decimals of energy on the display", "XX", None),
    "04000304": _number("decimals of power on the display", "XX", None),
    "04000305": _number("screens by key", "XX", None),
    "04000306": _number("current transformer ratio", "XXXXXX", None),
    "04000307": _number("voltage transformer ratio", "XXXXXX", None),
    "04000401": _shape("communication address", Kind.DIGITS, "", 6, "secondary"),
    "04000402": _shape("meter number", Kind.DIGITS, "", 6, "verified"),
    "04000403": _shape("asset number", Kind.TEXT, "", 32, "secondary"),
    "04000404": _shape("rated voltage", Kind.TEXT, "", 6, "verified"),
    "04000405": _shape("rated current", Kind.TEXT, "", 6, "secondary"),
    "04000406": _shape("maximum current", Kind.TEXT, "", 6, "secondary"),
    "04000407": _shape("accuracy, active", Kind.TEXT, "", 4, "secondary"),
    "04000408": _shape("accuracy, reactive", Kind.TEXT, "", 4, "secondary"),
    "04000409": _number("active constant", "XXXXXX", "imp/kWh", "secondary"),
    "0400040A": _number("reactive constant", "XXXXXX", "imp/kvarh", "secondary"),
    "0400040B": _shape("meter model", Kind.TEXT, "", 10, "secondary"),
    "0400040C": _shape("production date", Kind.TEXT, "", 10, "secondary"),
    "0400040D": _shape("protocol version", Kind.TEXT, "", 16, "secondary"),
    "04000801": _shape("weekend flags", Kind.BITS, "", 1),
    "04000802": _number("weekend day table", "XX", None),
    "04000901": _shape("load record mode", Kind.BITS, "", 1),
    "04000902": _shape("freeze mode", Kind.BITS, "", 1),
    "04000A01": _shape("load record start", Kind.TIME, "MMDDhhmm", 4),
    "04000E01": _number("forward active power limit", _POWER, "kW"),
    "04000E02": _number("reverse active power limit", _POWER, "kW"),
    "04000E03": _number("upper voltage limit", "XXX.X", "V"),
    "04000E04": _number("lower voltage limit", "XXX.X", "V"),
    "04800001": _shape("software version", Kind.TEXT, "", 32, "secondary"),
    "04800002": _shape("hardware version", Kind.TEXT, "", 32, "secondary"),
    "04800003": _shape("manufacturer code", Kind.TEXT, "", 32, "secondary"),
}
_PARAMETER_RANGES: tuple[tuple[str, int, int, Item], ...] = (
    # first six digits, DI0 from, to, item
    ("040005", 0x01, 0x07, _shape("status word", Kind.BITS, "", 2, "verified")),
    ("040006", 0x01, 0x03, _shape("combination flags", Kind.BITS, "", 1)),
    ("040007", 0x01, 0x05, _shape("port rate code", Kind.BITS, "", 1)),
    ("04000A", 0x02, 0x07, _number("load record interval", "XXXX", "min")),
    ("04000B", 0x01, 0x03, _shape("settlement day and hour (DDhh)", Kind.DIGITS, "", 2)),
    ("04000C", 0x01, 0x0A, _shape("password (write only)", Kind.RECORD, "", 0)),
    ("04000D", 0x01, 0x0C, _shape("line constant", Kind.RECORD, "", 0)),
    ("040401", 0x00, 0xFF, _shape("display list, automatic", Kind.RECORD, "", 0)),
    ("040402", 0x00, 0xFF, _shape("display list, by key", Kind.RECORD, "", 0)),
    ("040901", 0x01, 0xFF, _shape("event threshold", Kind.RECORD, "", 0)),
)
_PARAMETER_TABLES: tuple[tuple[str, int, int, str, int], ...] = (
    # first six digits, DI0 from, to, name, bytes of one row
    ("040100", 0x00, 0x00, "zone table 1 (MMDDNN)", 3),
    ("040100", 0x01, 0x08, "day table, set 1 (hhmmNN)", 3),
    ("040200", 0x00, 0x00, "zone table 2 (MMDDNN)", 3),
    ("040200", 0x01, 0x08, "day table, set 2 (hhmmNN)", 3),
    ("040300", 0x01, 0xFE, "holiday (YYMMDDNN)", 4),
)


def parameter(di: str, _di2: int, _di1: int, di0: int) -> Item | None:
    if di in _PARAMETERS:
        return _for(di, _PARAMETERS[di])
    for stem, first, last, item in _PARAMETER_RANGES:
        if di.startswith(stem) and first <= di0 <= last:
            return _for(di, item)
    for stem, first, last, name, size in _PARAMETER_TABLES:
        if di.startswith(stem) and first <= di0 <= last:
            return Item(di, name, Kind.DIGITS, "", None, size, block=True)
    if di == "040005FF":
        members = tuple(f"040005{word:02X}" for word in range(1, 8))
        return Item(di, "all status words", Kind.BITS, "", None, 2, block=True, members=members)
    return None


def _for(di: str, item: Item) -> Item:
    return Item(di, item.name, item.kind, item.format, item.unit, item.size, source=item.source)


STATUS_BITS: Mapping[str, tuple[str, ...]] = {
    # DI: names from bit 0 up; "" is a bit without a meaning
    "04000501": ("", "demand_mode_block", "clock_battery_low", "backup_battery_low", "active_reverse",
                 "reactive_reverse"),
    "04000502": ("active_reverse_a", "active_reverse_b", "active_reverse_c", "", "reactive_reverse_a",
                 "reactive_reverse_b", "reactive_reverse_c"),
    "04000503": ("slot_table_2", "supply_auxiliary", "supply_battery", "programming_allowed", "relay_open",
                 "zone_table_2", "relay_command_open", "pre_trip_alarm", "prepay_type_bit0",
                 "prepay_type_bit1"),
    **{
        f"0400050{word}": (f"voltage_lost_{phase}", f"undervoltage_{phase}", f"overvoltage_{phase}",
                           f"current_lost_{phase}", f"overcurrent_{phase}", f"overload_{phase}",
                           f"reverse_flow_{phase}", f"phase_failure_{phase}", f"current_break_{phase}")
        for word, phase in ((4, "a"), (5, "b"), (6, "c"))
    },
    "04000507": ("voltage_sequence", "current_sequence", "voltage_unbalance", "current_unbalance",
                 "auxiliary_loss", "power_down", "demand_over_limit", "power_factor_low",
                 "severe_current_unbalance"),
}  # fmt: skip


def bit_names(di: str, word: int) -> list[str]:
    """The names of the bits that are set; a bit nobody has described is called by its number."""
    names = STATUS_BITS.get(di, ())
    return [(names[bit] if bit < len(names) else "") or f"bit{bit}" for bit in range(16) if word >> bit & 1]
