"""What befalls a meter in its life: exchange, clock, covers, relay, lost counts; by script or by order.

Scripted events have happened as soon as anyone asks for an instant behind them, so a history and a live run
tell the same story.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from firmware_sim.load_relay import RelayOrder
from firmware_sim.meter import Meter

_DIP_MS, _BOOT_MS = 400, 5000
_BATTERY_GONE_MS = 946_684_800_000
"""2000-01-01T00:00:00 as a clock without a zone shows it."""
_FULL_MWH = 10**12
"""Where a register of XXXXXX.XX kWh begins again."""


class BadLife(ValueError):
    """There is no such event, or what is said of it cannot be."""


@dataclass(frozen=True, slots=True)
class LifePlan:
    """One event of the script; `value` is what `MOMENTS` says of its kind, `off` ends one of `STATES`."""

    at_ms: int
    meter: str
    event: str
    value: str = ""
    off: bool = False


def _exchange(meter: Meter, value: str) -> "_Act":
    address, _, start = value.partition(",")
    number = address.strip()
    modbus = meter.model.protocol == "modbus"
    if not (number.isdecimal() and (1 <= int(number) <= 247 if modbus else len(number) == 12)):
        raise BadLife(f"{number!r} is no address; write ADDRESS or ADDRESS,KWH")
    number = str(int(number)) if modbus else number
    start_mwh = _mwh(start or "0")
    return lambda at_ms: meter.exchange(at_ms, number, f"{meter.serves}-{number}", start_mwh)


def _registers(meter: Meter, value: str) -> "_Act":
    start_mwh = _mwh(value)
    return lambda at_ms: meter.begin_at(at_ms, start_mwh, meter.counting.slots())


def _roll_over(meter: Meter, value: str) -> "_Act":
    start_mwh = _FULL_MWH - _mwh(value or "0.5")
    return lambda at_ms: meter.begin_at(at_ms, start_mwh, meter.counting.slots())


def _step(meter: Meter, value: str) -> "_Act":
    by_ms = round(_number(value) * 1000)
    return lambda at_ms: meter.step_clock(at_ms, meter.clock.shows(at_ms) + by_ms)


def _drift(meter: Meter, value: str) -> "_Act":
    ppm = _number(value)
    return lambda at_ms: meter.clock.drift(at_ms, ppm)


def _battery(meter: Meter, _value: str) -> "_Act":
    def act(at_ms: int) -> None:
        meter.own_settings().battery_low = True
        meter.step_clock(at_ms, _BATTERY_GONE_MS - meter.calendar.offset_s * 1000)

    return act


def _brown_out(meter: Meter, value: str) -> "_Act":
    dip_ms = round(_number(value) * 1000) if value else _DIP_MS
    return lambda at_ms: meter.brown_out(at_ms, dip_ms, _BOOT_MS)


def _lose(meter: Meter, value: str) -> "_Act":
    share = _number(value)
    if not 0 <= share <= 1:
        raise BadLife(f"{value} is no share; write what it still counts, 0 to 1")
    return lambda at_ms: meter.counting.lose(at_ms, share)


def _switch(order: RelayOrder) -> "_Read":
    def read(meter: Meter, _value: str) -> "_Act":
        if meter.role == "area":
            raise BadLife("it is an area meter and has no relay")
        return lambda at_ms: meter.switch(order, at_ms)

    return read


_Act = Callable[[int], None]
_Read = Callable[[Meter, str], _Act]
MOMENTS: Mapping[str, tuple[str, _Read]] = {
    "exchange": ("METER:ADDRESS or METER:ADDRESS,KWH: another meter hangs there", _exchange),
    "registers": ("METER:KWH: its register says that from now on", _registers),
    "roll-over": ("METER or METER:KWH: its register begins again after so many kWh (0.5)", _roll_over),
    "clock-step": ("METER:SECONDS: its clock jumps, back when negative", _step),
    "clock-drift": ("METER:PPM: its clock runs so many millionths fast from now on", _drift),
    "clock-battery": ("METER: its clock starts again at 2000-01-01", _battery),
    "brown-out": ("METER or METER:SECONDS: a dip; it starts again and is silent for 5 s", _brown_out),
    "undercount": ("METER:SHARE: it counts only that share from now on (0 to 1)", _lose),
    "relay-trip": ("METER: its relay opens, nobody having told it to", _switch(RelayOrder.TRIP)),
    "press": ("METER: the customer presses its button: a permitted relay closes", _switch(RelayOrder.PRESS)),
}  # fmt: skip
"""What happens and is over: how its target is written, and what makes an act of meter and value."""
STATES: Mapping[str, tuple[str, str]] = {
    "cover-open": ("METER: its cover is open", "cover_open"),
    "terminal-cover-open": ("METER: its terminal cover is open", "terminal_cover_open"),
    "magnetic-field": ("METER: a strong constant magnetic field", "magnetic_field"),
}
"""What lasts until it is cleared: how its target is written, and the event the meter notes."""


def befall(kind: str, meter: Meter, value: str, at_ms: int) -> None:
    """Let something happen; BadLife says what is wrong with it."""
    if kind not in MOMENTS:
        raise BadLife(f"there is no event {kind!r}; known: {', '.join((*MOMENTS, *STATES))}")
    moment(kind, meter, value)(at_ms)


def moment(kind: str, meter: Meter, value: str) -> Callable[[int], None]:
    """What lets it happen at an instant; BadLife says beforehand what is wrong with its value."""
    try:
        act = MOMENTS[kind][1](meter, value)
    except BadLife as error:
        raise BadLife(f"{kind} of {meter.id}: {error}") from None

    def happen(at_ms: int) -> None:
        act(at_ms)
        meter.changed()

    return happen


def enter(kind: str, meter: Meter, on: bool, at_ms: int) -> None:
    """Begin or end one of STATES."""
    (meter.events.begin if on else meter.events.end)(STATES[kind][1], at_ms)
    meter.changed()


class Life:
    """The script of all meters, gone through as time goes on."""

    def __init__(self, plans: Iterable[LifePlan], meters: Mapping[str, Meter]) -> None:
        self._due = sorted(plans, key=lambda plan: plan.at_ms, reverse=True)
        self._meters = meters
        for plan in self._due:
            if plan.event in MOMENTS:
                moment(plan.event, meters[plan.meter], plan.value)  # BadLife now, not when its time comes

    def catch_up(self, at_ms: int) -> bool:
        """Let everything happen that was to happen by then; whether anything did."""
        happened = False
        while self._due and self._due[-1].at_ms <= at_ms:
            plan = self._due.pop()
            meter = self._meters[plan.meter]
            if plan.event in STATES:
                enter(plan.event, meter, not plan.off, plan.at_ms)
            else:
                befall(plan.event, meter, plan.value, plan.at_ms)
            happened = True
        return happened

    def skip(self, at_ms: int) -> None:
        """What lies before that has happened already, in a run whose state is known."""
        self._due = [plan for plan in self._due if plan.at_ms > at_ms]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadLife(f"{text!r} is no number") from None


def _mwh(kwh: str) -> int:
    """Kilowatt-hours as milliwatt-hours."""
    number = _number(kwh)
    if not 0 <= number < 10**9:
        raise BadLife(f"{kwh} kWh cannot stand in a register")
    return round(number * 1_000_000)
