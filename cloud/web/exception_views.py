"""Exceptions as people read them: what each rule means in a sentence, and its day as bars."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from cloud.metering.vee.exception_rules import Event, State
from cloud.metering.vee.point_day import Channel, Method, PointDay
from cloud.metering.vee.policy import Code, Severity
from cloud.web.language import Words, mark

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 190, 44, 12, 22
EDITABLE = 96
"""Slots that a person may correct on one page; a longer stretch is corrected in steps."""

NAMES = {
    Code.GAP: mark("No reading"),
    Code.DUPLICATE: mark("Two values for one instant"),
    Code.CLOCK: mark("Meter clock off"),
    Code.INTERVAL_SIZE: mark("Wrong interval"),
    Code.NEGATIVE: mark("Negative energy"),
    Code.ZERO_RUN: mark("Zero for long"),
    Code.FROZEN: mark("Always the same value"),
    Code.SPIKE: mark("Spike"),
    Code.CAP: mark("Beyond the capacity"),
    Code.STEP: mark("Sudden step"),
    Code.HIGH_LOW: mark("Unusually high or low"),
    Code.SUM_CHECK: mark("Sum differs from the register"),
    Code.REGISTER_FALL: mark("Register fell"),
    Code.MULTIPLIER: mark("Ratio in doubt"),
    Code.PHASES: mark("Phases do not agree"),
    Code.REACTIVE: mark("Reactive energy in doubt"),
    Code.INACTIVE_USE: mark("Use without an account"),
    Code.SIBLING: mark("A register is missing"),
    Code.PROLONGED: mark("Estimated for long"),
    Code.FUTURE_PAST: mark("Dated ahead, or too late"),
    Code.EDIT_OVERTAKEN: mark("Readings came for a corrected slot"),
}
_SENTENCES = {
    Code.CLOCK: mark("The meter's clock is %(seen)s s off; %(limit)s s are allowed."),
    Code.INTERVAL_SIZE: mark("The meter records every %(seen)s s; its point is set to %(limit)s s."),
    Code.NEGATIVE: mark("An import register went back by %(seen)s Wh in a slot."),
    Code.ZERO_RUN: mark("%(seen)s slots in a row are zero, and no outage is known."),
    Code.CAP: mark("A slot holds %(seen)s Wh; at this capacity it can hold %(limit)s Wh."),
    Code.SUM_CHECK: mark("The slots and the register differ by %(seen)s Wh; %(limit)s Wh are allowed."),
    Code.REGISTER_FALL: mark(
        "The register fell, and no exchange or roll-over explains it: there is no number."
    ),
    Code.PHASES: mark("At %(seen)s moments voltage, current and power contradict one another."),
    Code.INACTIVE_USE: mark("%(seen)s Wh were used while no account was served here."),
    Code.PROLONGED: mark("%(seen)s days in a row are estimated: somebody should go and look."),
    Code.FUTURE_PAST: mark("The readings came too late or are dated ahead: the bill may be closed."),
    Code.EDIT_OVERTAKEN: mark(
        "A person had put %(limit)s Wh here; now the meter's own readings say otherwise."
    ),
}
_PLAIN = mark("Seen: %(seen)s; limit: %(limit)s.")
STATES = {
    State.OPEN: mark("waits for you"),
    State.REREADING: mark("being read again"),
    State.ACCEPTED: mark("accepted"),
    State.CORRECTED: mark("corrected"),
    State.RESOLVED: mark("settled by itself"),
}
EVENTS = {
    "found": mark("found"),
    Event.ACCEPT: mark("accepted as it is"),
    Event.CORRECT: mark("values corrected"),
    Event.REREAD: mark("re-read ordered"),
    Event.FOUND_AGAIN: mark("found again in new readings"),
    Event.GONE: mark("no longer found"),
    Event.UNANSWERED: mark("the re-read brought nothing"),
}
SEVERITIES = {
    Severity.INFO: mark("note"),
    Severity.WARN: mark("doubtful"),
    Severity.FAIL: mark("must be settled"),
}
CHANNELS = {
    Channel.IMPORT: mark("active energy drawn"),
    Channel.EXPORT: mark("active energy fed in"),
    Channel.REACTIVE_IMPORT: mark("reactive energy drawn"),
    Channel.REACTIVE_EXPORT: mark("reactive energy fed in"),
}
_SAID = mark(
    "%(total)s kWh. Of %(slots)s slots %(measured)s are measured, %(missing)s not known, "
    "%(other)s estimated, put by a person or zero in an outage."
)
_KINDS = {
    Method.MISSING: "gap",
    Method.MEASURED: "full",
    Method.IMPORTED: "full",
    Method.OUTAGE_ZERO: "outage",
    Method.MANUAL: "manual",
}
METHODS = {
    Method.MISSING: mark("not known"),
    Method.MEASURED: mark("measured"),
    Method.OUTAGE_ZERO: mark("outage: zero"),
    Method.REGISTER_SHAPED: mark("estimated, to the register"),
    Method.INTERPOLATED: mark("estimated, straight line"),
    Method.LIKE_DAY: mark("estimated, like days"),
    Method.CLASS_PROFILE: mark("estimated, class profile"),
    Method.MANUAL: mark("put by a person"),
    Method.IMPORTED: mark("imported"),
}


@dataclass(frozen=True, slots=True)
class ExceptionView:
    row: Row[Any]
    name: str
    sentence: str
    state: str
    severity: str
    channel: str
    waits: bool


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot; `inside`: the exception is about it. The bar has the whole height where nothing is known."""

    number: int
    at: datetime
    wh: float | None
    method: str
    kind: str
    inside: bool
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class DayView:
    width: int
    height: int
    left: int
    floor: int
    slots: tuple[SlotView, ...]
    ticks: tuple[tuple[float, float], ...]
    sentence: str
    total_wh: float | None

    @property
    def editable(self) -> list[SlotView]:
        return [slot for slot in self.slots if slot.inside][:EDITABLE]


def exception_view(row: Row[Any], words: Words) -> ExceptionView:
    code = Code(row.code)
    seen = {"seen": _number(row.observed, words), "limit": _number(row.limit, words)}
    return ExceptionView(
        row,
        words.text(NAMES[code]),
        words.text(_SENTENCES.get(code, _PLAIN)) % seen,
        words.text(STATES[State(row.state)]),
        words.text(SEVERITIES[Severity(row.severity)]),
        words.text(CHANNELS[Channel(row.channel)]),
        State(row.state) in (State.OPEN, State.REREADING),
    )


def _number(value: float | None, words: Words) -> str:
    return words.number(value, 0 if value is None or value == round(value) or abs(value) >= 100 else 2)


def day_view(day: PointDay, row: Row[Any], words: Words) -> DayView:
    """The final values as bars, each in the manner of how it came to be."""
    floor = HEIGHT - BOTTOM
    known = [float(value) for value in day.final_wh if not math.isnan(value)]
    highest = max([*known, 1.0])
    pitch = (WIDTH - LEFT) / day.slots
    slots = tuple(_slot(day, row, number, highest, pitch, words) for number in range(day.slots))
    measured = sum(1 for method in day.method if method == Method.MEASURED)
    missing = sum(1 for method in day.method if method == Method.MISSING)
    said = words.text(
        _SAID,
        total=words.number(sum(known) / 1000, 2),
        slots=day.slots,
        measured=measured,
        other=day.slots - measured - missing,
        missing=missing,
    )
    ticks = tuple((floor - (floor - TOP) * share, highest * share) for share in (0.0, 0.5, 1.0))
    total = sum(known) if len(known) == day.slots else None
    return DayView(WIDTH, HEIGHT, LEFT, floor, slots, ticks, said, total)


def _slot(day: PointDay, row: Row[Any], number: int, highest: float, pitch: float, words: Words) -> SlotView:
    floor = HEIGHT - BOTTOM
    value, method = float(day.final_wh[number]), Method(int(day.method[number]))
    missing = math.isnan(value)
    height = floor - TOP if missing else max(0.0, (floor - TOP) * value / highest)
    return SlotView(
        number,
        day.start + timedelta(seconds=number * day.interval_s),
        None if missing else value,
        words.text(METHODS[method]),
        _KINDS.get(method, "open"),
        row.first_slot <= number <= row.last_slot,
        round(LEFT + number * pitch, 2),
        round(floor - height, 2),
        round(max(pitch * 0.86, 0.5), 2),
        round(height, 2),
    )
