"""What a meter remembers, computed for the instants it would have stored it at: which, and by its own clock.

Nothing is remembered from before the meter hung there, nor from while it had no supply, nor for a time that
its clock left out. A gap is a gap: nobody fills it with zeros.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from math import gcd
from typing import NamedTuple

from firmware_sim.meter import ALL_CLASSES, RECORD_MINUTES, Meter

DAYS = 62
HOURS = 254
TIMED = 12
INSTANTS = 3
SETTLEMENTS = 12
RECORD_DAYS = 62
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_OLDEST = datetime(2000, 1, 1)  # noqa: DTZ001  (a meter's clock has no zone and begins there)


class Memory(NamedTuple):
    """`stamp` is what the meter's clock showed at the instant `at_ms`."""

    stamp: datetime
    at_ms: int


def shown_at(meter: Meter, at_ms: int) -> datetime:
    """The meter's local time then."""
    return meter.calendar.local(meter.clock.shows(at_ms))


def daily(meter: Meter, at_ms: int) -> Iterator[Memory]:
    """The midnights it froze, the last one first."""
    midnight = shown_at(meter, at_ms).replace(hour=0, minute=0, second=0, microsecond=0)
    return _kept(meter, at_ms, (midnight - n * _DAY for n in range(DAYS)))


def hourly(meter: Meter, at_ms: int) -> Iterator[Memory]:
    hour = shown_at(meter, at_ms).replace(minute=0, second=0, microsecond=0)
    return _kept(meter, at_ms, (hour - n * _HOUR for n in range(HOURS)))


def timed(meter: Meter, at_ms: int) -> Iterator[Memory]:
    """By the pattern it was given (16H), since then."""
    if meter.settings.timed is None:
        return iter(())
    since_ms, pattern = meter.settings.timed
    stamps = _fitting(pattern, shown_at(meter, at_ms), shown_at(meter, since_ms))
    return islice((one for one in _kept(meter, at_ms, stamps) if one.at_ms >= since_ms), TIMED)


def instant(meter: Meter, at_ms: int) -> Iterator[Memory]:
    """Those it was told to make (16H, now)."""
    for frozen_ms in reversed(meter.settings.frozen[-INSTANTS:]):
        if frozen_ms <= at_ms:
            yield Memory(shown_at(meter, frozen_ms), frozen_ms)


def nth(memories: Iterator[Memory], back: int) -> Memory | None:
    """The memory so many back, 1 the last one; None when there are not so many."""
    return next(islice(memories, back - 1, None), None)


def settled_ms(meter: Meter, at_ms: int, back: int) -> int | None:
    """The instant of that many settlement days back; None when this meter was not there yet.

    A settlement is made up for: in the dark the registers stand still, after a step it is made at once.
    """
    day, hour = settlement_day(meter)
    now = shown_at(meter, at_ms)
    this = now.replace(day=day, hour=hour, minute=0, second=0, microsecond=0)
    months = now.year * 12 + now.month - 1 - (back - 1 if this <= now else back)
    if months < _OLDEST.year * 12:
        return None
    stamp = this.replace(year=months // 12, month=months % 12 + 1)
    settled = meter.clock.instant_from(meter.calendar.shown(stamp), at_ms)
    return settled if settled is not None and settled >= meter.since_ms else None


def settlement_day(meter: Meter) -> tuple[int, int]:
    """Day of the month (1 to 28) and hour, as 04000B01 says."""
    raw = meter.settings.written.get("04000B01", b"\x00\x01")
    return int(raw[1:].hex()), int(raw[:1].hex())


def records(meter: Meter, at_ms: int, count: int, since: datetime | None, latest: bool) -> list[Memory]:
    """Load records in the order of time: of `count` places from `since` on, or the earliest or latest.

    From a given time a place without a record is a gap: what comes later is not moved up.
    """
    step = timedelta(minutes=_step_minutes(meter))
    now = shown_at(meter, at_ms)
    last = now - (now - _OLDEST) % step
    first = max(last - timedelta(days=RECORD_DAYS), _OLDEST)
    if since is not None:
        start = max(since + (_OLDEST - since) % step, first)
        places = (start + n * step for n in range(count - max(0, (start - since) // step)))
        return list(_recorded(meter, at_ms, places))
    if latest:
        newest = (last - n * step for n in range((last - first) // step))
        return list(islice(_recorded(meter, at_ms, newest), count))[::-1]
    start = max(first, _first_stamp(meter, step))
    oldest = (start + n * step for n in range(max(0, (last - start) // step + 1)))
    return list(islice(_recorded(meter, at_ms, oldest), count))


def recording(meter: Meter, at_ms: int) -> tuple[int, int]:
    """(minutes, classes as bits of 04000901) of the load records then."""
    for since_ms, minutes, classes in reversed(meter.settings.recording):
        if at_ms >= since_ms:
            return minutes, classes
    return RECORD_MINUTES, ALL_CLASSES


def _step_minutes(meter: Meter) -> int:
    return gcd(RECORD_MINUTES, *(minutes for _, minutes, _ in meter.settings.recording))


def _first_stamp(meter: Meter, step: timedelta) -> datetime:
    since = shown_at(meter, meter.since_ms)
    return max(since + (_OLDEST - since) % step, _OLDEST)


def _recorded(meter: Meter, at_ms: int, stamps: Iterator[datetime]) -> Iterator[Memory]:
    for one in _kept(meter, at_ms, stamps):
        minutes, _ = recording(meter, one.at_ms)
        if not (one.stamp - _OLDEST) % timedelta(minutes=minutes):
            yield one


def _kept(meter: Meter, at_ms: int, stamps: Iterator[datetime]) -> Iterator[Memory]:
    """Those of the stamps that the clock showed while the meter hung there and had supply."""
    for stamp in stamps:
        if stamp < _OLDEST:
            return
        made_ms = meter.clock.instant_of(meter.calendar.shown(stamp), at_ms)
        if made_ms is not None and made_ms > meter.since_ms and meter.supplied(made_ms):
            yield Memory(stamp, made_ms)


def _fitting(pattern: str, now: datetime, since: datetime) -> Iterator[datetime]:
    """The local times before now that fit MMDDhhmm, where 99 is any; the last one first."""
    month, day, hour, minute = (pattern[at : at + 2] for at in range(0, 8, 2))
    step = _HOUR if hour == "99" else _DAY
    stamp = now.replace(minute=int(minute), second=0, microsecond=0)
    stamp = stamp if hour == "99" else stamp.replace(hour=int(hour))
    while stamp > now:
        stamp -= step
    while stamp >= since:
        if month in ("99", f"{stamp:%m}") and day in ("99", f"{stamp:%d}"):
            yield stamp
        stamp -= step
