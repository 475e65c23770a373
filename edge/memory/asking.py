"""What a line's thread does to read a meter's memory: a few questions at a time, and an opinion of none.

Each function is the work of one job; what the answers mean for the gaps is decided elsewhere.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import pairwise
from typing import Final

from edge.clock import Clock
from edge.drivers import MeterTalk
from edge.memory.clock import measure, to_local, to_ms
from protocols.dlt645 import events, freezes, load_records
from protocols.dlt645.load_records import GIVEN_TIME, LATEST, MOST_ASKED, LoadRecord
from protocols.dlt645.load_records import extra as behind_di
from protocols.errors import FrameError, Refused
from protocols.readings import Value

ALL, SINGLE, NONE = "all", "single", "none"
"""How a meter gives its load records: all classes at once, one by one, or not."""
QUESTIONS: Final = 4
LINE_NOISE: Final = "no_sound_answer"
"""By that name the driver tells corrupt answers; others come from a sound answer that cannot be read."""
STEP_MS: Final = 900_000
_CLASSES: Final = (4, 1, 2)
"""Singly: the registers first, then voltage and current, then power."""
ASSET: Final = "04000403"
POWER_DOWN: Final = events.EVENTS["power_down"]
SETTLEMENT_DAYS: Final = ("04000B01", "04000B02", "04000B03")
_NOT_SET: Final = ("0000", "9999", "FFFF")


@dataclass(frozen=True, slots=True)
class Checked:
    """Its clock, and which meter it is (empty where it does not say)."""

    at_ms: int
    shown: datetime
    asset: str


def check(talk: MeterTalk, clock: Clock) -> Checked:
    at_ms, shown = measure(talk, clock)
    return Checked(at_ms, shown, _text(talk, ASSET) if talk.model.version != "1997" else "")


def _text(talk: MeterTalk, di: str) -> str:
    """ASCII, low byte first and padded; empty where the meter has none."""
    try:
        raw = talk.ask(di)
    except Refused:
        return ""
    return "".join(chr(byte) for byte in raw[::-1] if 0x20 < byte < 0x7F)


@dataclass(slots=True)
class Fetched:
    """Load records for slots (Unix ms by the meter's stamp). `absent`: it has none of then; `style`: as told.

    `unreadable`: it answers from that slot on, and nobody can read that.
    """

    style: str
    found: dict[int, dict[str, Value]] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    unreadable: int | None = None


def fetch(talk: MeterTalk, slots: Collection[int], slot_ms: int, style: str, zone: tzinfo) -> Fetched:
    """Records for the first of these slots, with at most a few questions; those not reached stay open."""
    fetched, left = Fetched(style or _style(talk)), sorted(slots)
    questions, most = QUESTIONS, MOST_ASKED
    while left and questions > 0 and fetched.style != NONE:
        count = min(most, _count(left, slot_ms))
        try:
            records = _ask(talk, left[0], count, fetched.style, zone)
        except FrameError as unfit:
            if unfit.reason == LINE_NOISE:
                raise
            if fetched.style == SINGLE and count == 1:
                fetched.unreadable = left[0]
                return fetched
            fetched.style, most = SINGLE, 1 if fetched.style == SINGLE else most
            continue
        _sort_in(fetched, left, {to_ms(each.stamp, zone): each for each in records}, count)
        left = [slot for slot in left if slot not in fetched.found and slot not in fetched.absent]
        questions -= 1 if fetched.style == ALL else len(_CLASSES)
    return fetched


def _style(talk: MeterTalk) -> str:
    """A refusal may mean "no such record" or "no such thing": the latest record tells which."""
    for style, class_ in ((ALL, 0), (SINGLE, _CLASSES[0])):
        try:
            if talk.ask(load_records.di(class_, LATEST), behind_di(1)):
                return style
        except Refused:
            continue
    return NONE


def _count(left: list[int], slot_ms: int) -> int:
    """So many records in a row are wanted; of slots further apart one at a time."""
    if slot_ms > STEP_MS:
        return 1
    run_ms = slot_ms
    for one, other in pairwise(left):
        if other - one > slot_ms:
            break
        run_ms += slot_ms
    return max(1, min(MOST_ASKED, -(-run_ms // STEP_MS)))


def _ask(talk: MeterTalk, slot: int, count: int, style: str, zone: tzinfo) -> list[LoadRecord]:
    behind = behind_di(count, to_local(slot, zone))
    if style == ALL:
        return _records(talk, 0, behind)
    by_stamp: dict[datetime, dict[str, Value]] = {}
    for class_ in _CLASSES:
        for record in _records(talk, class_, behind):
            by_stamp.setdefault(record.stamp, {}).update(record.values)
    return [LoadRecord(stamp, values) for stamp, values in sorted(by_stamp.items())]


def _records(talk: MeterTalk, class_: int, behind: bytes) -> list[LoadRecord]:
    di = load_records.di(class_, GIVEN_TIME)
    try:
        return load_records.decode(talk.ask(di, behind), di)
    except Refused:
        return []


def _sort_in(fetched: Fetched, left: list[int], records: Mapping[int, LoadRecord], count: int) -> None:
    """What stands before the last record given is absent for good; what would come after it may be asked.

    A meter that gives nothing has nothing of all that it was asked for.
    """
    last = max(records, default=None)
    end = left[0] + count * STEP_MS
    for slot in left:
        if slot in records and records[slot].values:
            fetched.found[slot] = dict(records[slot].values)
        elif slot == left[0] or (slot < end if last is None else slot <= last):
            fetched.absent.add(slot)


# -- when it had no supply -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outages:
    """When the meter noted to have been without supply, in its own time; complete since `since`, or ever."""

    spans: tuple[tuple[datetime, datetime | None], ...]

    def cover(self, stamp: datetime) -> bool:
        """A record is made at the full minute, so one at the very end was still lost."""
        return any(
            start.replace(second=0) <= stamp and (end is None or stamp <= end) for start, end in self.spans
        )


def outages(talk: MeterTalk, since: datetime) -> Outages:
    """Its power-down records, the last one first, as far back as is wanted; none where it refuses."""
    found: list[tuple[datetime, datetime | None]] = []
    for back in range(1, events.MOST_BACK + 1):
        di = POWER_DOWN.record_di(back)
        try:
            record = events.decode_record(di, talk.ask(di))
        except Refused:
            break
        if record.start is None:
            break
        found.append((record.start, record.end))
        if record.start < since:
            break
    return Outages(tuple(found))


# -- freezes --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frozen:
    """What a meter froze, with its own stamp (local); no values: it has nothing of then."""

    stamp: datetime | None
    values: dict[str, Value]


_PARTS: Final = ("import", "export")
_LOOKS: Final = 4


def daily(talk: MeterTalk, day: datetime, today: datetime) -> Frozen:
    """What was frozen at that midnight. One it slept through leaves no place, so a few are looked at.

    The stamp is read once more at the end: midnight may pass meanwhile.
    """
    back = (today - day).days + 1
    stamp = _freeze_stamp(talk, back)
    for _ in range(_LOOKS):
        if back == 1 or (stamp is not None and stamp >= day):
            break
        back -= 1
        stamp = _freeze_stamp(talk, back)
    if stamp != day:
        return Frozen(None, {})
    values: dict[str, Value] = {}
    for part in _PARTS:
        di = freezes.di("daily", part, back)
        try:
            values |= freezes.decode(di, talk.ask(di)).values
        except Refused:
            continue
    if _freeze_stamp(talk, back) != stamp:
        raise FrameError("other_freeze", "the meter froze anew while it was read")
    return Frozen(stamp, values)


def _freeze_stamp(talk: MeterTalk, back: int) -> datetime | None:
    di = freezes.di("daily", "time", back)
    try:
        return freezes.decode(di, talk.ask(di)).stamp
    except Refused:
        return None


@dataclass(frozen=True, slots=True)
class Settled:
    """The registers of a settlement day, and the days (DDhh) that the meter settles on."""

    days: tuple[str, ...]
    values: dict[str, Value]


def settled(talk: MeterTalk, back: int) -> Settled:
    days = settlement_days(talk)
    values: dict[str, Value] = {}
    for part in _PARTS if back else ():
        di = freezes.settlement_di(back, part)
        try:
            values |= freezes.decode(di, talk.ask(di)).values
        except Refused:
            continue
    return Settled(days, values)


def settlement_days(talk: MeterTalk) -> tuple[str, ...]:
    """DDhh of those that are set."""
    found = []
    for di in SETTLEMENT_DAYS:
        try:
            digits = talk.ask(di)[:2][::-1].hex().upper()
        except Refused:
            continue
        if (
            digits not in _NOT_SET
            and digits.isdecimal()
            and 1 <= int(digits[:2]) <= 31
            and int(digits[2:]) < 24
        ):
            found.append(digits)
    return tuple(found)
