"""How far a meter's clock is off: measured by reads alone, kept, and told when it jumps."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from edge.clock import Clock
from edge.drivers import MeterTalk
from protocols.clocks import Offset, jumped
from protocols.dlt645.orders import DATE, DATE_AND_TIME, TIME
from protocols.errors import FrameError, Refused

log = logging.getLogger(__name__)

DATE_1997: Final = "C010"
TIME_1997: Final = "C011"
SURE_WITHIN_S: Final = 4.0
"""An answer that took longer was asked for twice: half of that says too little."""
KEPT: Final = 40
TOLD_FROM_S: Final = 5.0


def measure(talk: MeterTalk, clock: Clock) -> tuple[int, datetime]:
    """(Unix ms, what the clock showed then): corrected by half the way there and back.

    A clock shows whole seconds: half of one is added. Refused where the meter does not show its clock.
    """
    for _ in range(2):
        began_s = clock.monotonic_s()
        shown = _shown(talk)
        spent_s = clock.monotonic_s() - began_s
        if spent_s <= SURE_WITHIN_S:
            break
    return clock.now_ms() - round(spent_s * 500), shown + timedelta(milliseconds=500)


def offset_of(at_ms: int, shown: datetime, zone: tzinfo) -> Offset:
    return Offset(at_ms, round((to_ms(shown, zone) - at_ms) / 1000, 1))


def to_ms(stamp: datetime, zone: tzinfo) -> int:
    """A meter's local time as Unix ms."""
    return round(stamp.replace(tzinfo=zone).timestamp() * 1000)


def to_local(at_ms: int, zone: tzinfo) -> datetime:
    """What a right meter shows then."""
    return datetime.fromtimestamp(at_ms / 1000, zone).replace(tzinfo=None)


def noted(offsets: Sequence[Offset], new: Offset, meter: str) -> tuple[Offset, ...]:
    """The history with one more; what lies between two that are alike is thinned out."""
    last = offsets[-1] if offsets else None
    if last and jumped(last, new):
        log.warning(
            "meter %s: its clock jumped: off by %+.0f s, was %+.0f s", meter, new.offset_s, last.offset_s
        )
    elif last and abs(new.offset_s - offsets[0].offset_s) >= TOLD_FROM_S:
        log.info("meter %s: its clock drifts: off by %+.1f s", meter, new.offset_s)
    kept = [*offsets, new]
    if len(kept) > KEPT:
        del kept[1]
    return tuple(kept)


def _shown(talk: MeterTalk) -> datetime:
    if talk.model.version == "1997":
        return _two_reads(talk, DATE_1997, TIME_1997)
    try:
        raw = talk.ask(DATE_AND_TIME)
    except Refused:
        return _two_reads(talk, DATE, TIME)
    digits = raw[::-1]  # YYMMDDWWhhmmss
    return _time(digits[:3] + digits[4:])


def _two_reads(talk: MeterTalk, date: str, time: str) -> datetime:
    """Between the two midnight may pass: then the date is another afterwards."""
    day = talk.ask(date)
    now = talk.ask(time)
    if not any(now[1:]):  # 00:00
        day = talk.ask(date)
    return _time(day[1:][::-1] + now[::-1])


def _time(digits: bytes) -> datetime:
    """YYMMDD and hhmmss as BCD."""
    try:
        return datetime.strptime(digits.hex(), "%y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise FrameError("no_such_time", f"{digits.hex()} is no time that exists") from None
