"""Orders that change a meter of 2007: freeze, relay, write, password; each refused by the bit that says why.

An order is obeyed by the meter's own clock and only for the password that allows it; a meter whose keys are
in a security chip (ESAM) takes no plain password at all.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from firmware_sim import slot_tables
from firmware_sim.load_relay import RelayOrder, RelayState
from firmware_sim.memory import shown_at
from firmware_sim.meter import Meter
from firmware_sim.meter_events import Moment
from firmware_sim.slot_tables import SlotTable
from protocols.dlt645.conversations import normal_reply, refusal
from protocols.dlt645.frame import Frame
from protocols.dlt645.identifiers import lookup
from protocols.dlt645.stamps import decode_stamp
from protocols.errors import FrameError

OTHER_ERROR, NO_SUCH_DATA, NOT_AUTHORISED, RATE_FIXED = 0x01, 0x02, 0x04, 0x08
TOO_MANY_SLOTS = 0x20
PASSWORDS: Mapping[int, str] = {0x02: "111111", 0x04: "000000"}
"""Level and password (as people write it) a simulated meter is delivered with; 02 has more right than 04."""
WRITE, FREEZE, RATE, PASSWORD, CONTROL, TERMINAL = 0x14, 0x16, 0x17, 0x18, 0x1C, 0x1D
_REFUSED = (0x03, 0x15, 0x19, 0x1A, 0x1B)
_CONTROL_LEVEL = 0x02
_CLOCK_DATE, _CLOCK_TIME, _CLOCK = "04000101", "04000102", "0400010C"
_NOW = "99999999"
_WIDTHS = {_CLOCK_DATE: 4, _CLOCK_TIME: 3, _CLOCK: 7}
_Code = int | None
"""The error byte of a refusal; None: done."""


def obey(meter: Meter, request: Frame, at_ms: int) -> Frame | None:
    """The answer to an order for this very meter; None when it is no order."""
    if request.function in _REFUSED:
        return refusal(request, meter.address, OTHER_ERROR)
    order = _ORDERS.get(request.function)
    if order is None:
        return None
    code = order(meter, request.data, at_ms)
    if code:
        return refusal(request, meter.address, code)
    data = request.data[8:] if request.function == PASSWORD else request.data
    return normal_reply(request, meter.address, data if request.function in (PASSWORD, TERMINAL) else b"")


def _freeze(meter: Meter, data: bytes, at_ms: int) -> _Code:
    """Now, or at MMDDhhmm from now on."""
    digits = data[::-1].hex()
    if len(data) != 4 or not digits.isdecimal():
        return OTHER_ERROR
    if digits == _NOW:
        settings = meter.own_settings()
        settings.frozen = [*settings.frozen, at_ms][-3:]
        return None
    month, day, hour, minute = (int(digits[at : at + 2]) for at in range(0, 8, 2))
    if minute > 59 or (hour != 99 and hour > 23) or (month, day, hour) != _widened(month, day, hour):
        return OTHER_ERROR
    meter.own_settings().timed = (at_ms, digits)
    return None


def _widened(month: int, day: int, hour: int) -> tuple[int, int, int]:
    """What "any" may stand before: a month only with any hour below it told, and so on."""
    if hour == 99:
        return 99, 99, 99
    return (month, day, hour) if day != 99 else (99, 99, hour)


def _control(meter: Meter, data: bytes, at_ms: int) -> _Code:
    """Relay, alarm and hold. An order that is too late by the meter's own clock is refused."""
    if len(data) != 16:
        return OTHER_ERROR
    if not allowed(meter, data[:4], _CONTROL_LEVEL):
        return NOT_AUTHORISED
    try:
        expires = decode_stamp(data[10:])
    except FrameError:
        return OTHER_ERROR
    if expires is None or expires < shown_at(meter, at_ms):
        return OTHER_ERROR
    return _act(meter, data[8], data[7:3:-1].hex(), at_ms)


def _act(meter: Meter, what: int, operator: str, at_ms: int) -> _Code:
    settings = meter.own_settings()
    if what in _RELAY:
        if meter.role == "area" or (settings.held and what == 0x1A):
            return OTHER_ERROR
        if "relay-stuck" not in meter.nature.behaviour:
            meter.switch(_RELAY[what], at_ms, operator)
    elif what in (0x2A, 0x2B):
        settings.alarmed = what == 0x2A
    elif what in (0x3A, 0x3B):
        settings.held = what == 0x3A
        if settings.held and meter.relay is RelayState.OPEN:
            meter.switch(RelayOrder.PERMIT, at_ms, operator)
    else:
        return OTHER_ERROR
    return None


_RELAY = {0x1A: RelayOrder.TRIP, 0x1B: RelayOrder.PERMIT, 0x1C: RelayOrder.CLOSE}


def _write(meter: Meter, data: bytes, at_ms: int) -> _Code:
    if len(data) < 12 or not allowed(meter, data[4:8], max(PASSWORDS)):
        return NOT_AUTHORISED
    di, value, operator = data[3::-1].hex().upper(), data[12:], data[11:7:-1].hex()
    if di in _WIDTHS:
        code = _write_clock(meter, di, value, at_ms, operator)
    else:
        writer = next((write for stem, write in _WRITERS.items() if di.startswith(stem)), None)
        code = NO_SUCH_DATA if writer is None else writer(meter, di, value, at_ms)
    if code is None:
        meter.events.happen("programming", Moment(at_ms, operator=operator, di=di))
    return code


def _write_clock(meter: Meter, di: str, value: bytes, at_ms: int, operator: str) -> _Code:
    digits, now = value[::-1].hex(), shown_at(meter, at_ms)
    if len(value) != _WIDTHS[di]:
        return OTHER_ERROR
    told = {
        _CLOCK_DATE: f"{digits[:6]}{now:%H%M%S}",
        _CLOCK_TIME: f"{now:%y%m%d}{digits}",
        _CLOCK: digits[:6] + digits[8:],
    }[di]
    return None if adopt(meter, told, at_ms, operator) else OTHER_ERROR


def adopt(meter: Meter, digits: str, at_ms: int, operator: str = "00000000") -> bool:
    """Set the clock to YYMMDDhhmmss; False when that is no time."""
    told = time_of(digits)
    if told is not None:
        meter.set_clock(at_ms, meter.calendar.shown(told), operator)
    return told is not None


def time_of(digits: str) -> datetime | None:
    """YYMMDDhhmmss as a local time; None when there is no such time."""
    try:
        return datetime.strptime(digits, "%y%m%d%H%M%S")  # noqa: DTZ007  (a meter's clock has no zone)
    except ValueError:
        return None


def _write_settlement(meter: Meter, di: str, value: bytes, _at_ms: int) -> _Code:
    """DDhh, day 1 to 28; the second and third may be off (9999)."""
    digits = value[::-1].hex()
    if len(value) != 2 or not digits.isdecimal():
        return OTHER_ERROR
    day, hour = int(digits[:2]), int(digits[2:])
    if not (1 <= day <= 28 and hour <= 23) and (digits != "9999" or di == "04000B01"):
        return OTHER_ERROR
    meter.own_settings().written[di] = value
    meter.peaks = None
    return None


def _write_interval(meter: Meter, di: str, value: bytes, at_ms: int) -> _Code:
    """Minutes of the load records: one interval for all classes, that of 04000A02."""
    digits = value[::-1].hex()
    if len(value) != 2 or not digits.isdecimal() or not 1 <= int(digits) <= 60:
        return OTHER_ERROR
    settings = meter.own_settings()
    settings.written[di] = value
    if di == "04000A02":
        settings.recording = [*settings.recording, (at_ms, int(digits), _classes(meter))]
    return None


def _write_mode(meter: Meter, di: str, value: bytes, at_ms: int) -> _Code:
    """Which classes the load records have."""
    if len(value) != 1:
        return OTHER_ERROR
    settings = meter.own_settings()
    minutes = settings.recording[-1][1] if settings.recording else 15
    settings.written[di] = value
    settings.recording = [*settings.recording, (at_ms, minutes, value[0] & 0x3F)]
    return None


def _classes(meter: Meter) -> int:
    return meter.settings.written.get("04000901", b"\x3f")[0] & 0x3F


def _write_slots(meter: Meter, di: str, value: bytes, at_ms: int) -> _Code:
    """A day table of the set in use counts at once; the other set is only kept."""
    rows = slot_tables.rows_of(value)
    table = int(di[6:], 16)
    if rows is None or (table and not slot_tables.are_slots(rows)):
        return OTHER_ERROR
    if len(rows) > slot_tables.MOST_SLOTS:
        return TOO_MANY_SLOTS
    meter.own_settings().written[di] = value
    if di.startswith("0401"):
        zones, days = meter.counting.slots().zones, list(meter.counting.slots().days)
        if table == 0:
            zones = rows
        else:
            days += [rows] * (table - len(days))
            days[table - 1] = rows
        days += [days[-1]] * (max(row[2] for row in zones) - len(days))
        meter.counting.change(at_ms, slots=SlotTable(zones, tuple(days)))
    return None


def _keep(meter: Meter, di: str, value: bytes, _at_ms: int) -> _Code:
    item = lookup(di)
    if item is None or (item.size and len(value) % item.size) or not value:
        return OTHER_ERROR
    meter.own_settings().written[di] = value
    if di in ("04000103", "04000104"):
        meter.peaks = None
    return None


_Writer = Callable[[Meter, str, bytes, int], _Code]
_WRITERS: Mapping[str, _Writer] = {
    "04000B": _write_settlement, "04000A0": _write_interval, "04000901": _write_mode,
    "0401000": _write_slots, "0402000": _write_slots, "04000103": _keep, "04000104": _keep, "04000106": _keep,
    "04000107": _keep, "040003": _keep, "040008": _keep, "040403": _keep, "04000403": _keep, "04000E": _keep,
    "040300": _keep,
}  # fmt: skip
"""By the start of the DI; the first that fits."""


def _fix_rate(_meter: Meter, _data: bytes, _at_ms: int) -> _Code:
    return RATE_FIXED


def _set_password(meter: Meter, data: bytes, _at_ms: int) -> _Code:
    """04000Cnn: nn is the level; the old password must be right, and its level at least as good."""
    if len(data) != 12 or data[1:4] != bytes.fromhex("0C0004"):
        return OTHER_ERROR
    level, digits = data[8], data[:8:-1].hex()
    if not allowed(meter, data[4:8], level):
        return NOT_AUTHORISED
    if level not in PASSWORDS or not digits.isdecimal():
        return OTHER_ERROR
    meter.own_settings().passwords[level] = digits
    return None


def _pulse(_meter: Meter, data: bytes, _at_ms: int) -> _Code:
    return None if data in (b"\x00", b"\x01", b"\x02") else OTHER_ERROR


def allowed(meter: Meter, password: bytes, level: int) -> bool:
    """Whether PA P0 P1 P2 opens what needs `level`: a lower number has more right."""
    if "esam" in meter.nature.behaviour or len(password) != 4 or password[0] > level:
        return False
    known = meter.settings.passwords.get(password[0]) or PASSWORDS.get(password[0])
    return known == password[:0:-1].hex()


_ORDERS: Mapping[int, Callable[[Meter, bytes, int], _Code]] = {
    WRITE: _write, FREEZE: _freeze, CONTROL: _control, RATE: _fix_rate, PASSWORD: _set_password,
    TERMINAL: _pulse,
}  # fmt: skip
