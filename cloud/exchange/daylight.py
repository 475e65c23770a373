"""When a zone's clocks change, found from the zone itself; and the same as the bit field of ESPI."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

NO_RULE = "FFFFFFFF"
_MINUTE = timedelta(minutes=1)
_LAST = 7


@dataclass(frozen=True, slots=True)
class Change:
    """At `at` the offset from UTC goes from `before` to `after`."""

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class Rules:
    """`start` and `end` as 8 hexadecimal digits; offsets in seconds east."""

    start: str
    end: str
    saving_s: int
    standard_s: int


@lru_cache(maxsize=256)
def changes(zone: ZoneInfo, first: date, last: date) -> tuple[Change, ...]:
    """Every change of the offset from `first` to `last`, to the minute."""
    day = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
    stop = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=2)
    found = []
    while day < stop:
        after = day + timedelta(days=1)
        if _offset(day, zone) != _offset(after, zone):
            at = _between(day, after, zone)
            found.append(Change(at, _offset(at - _MINUTE, zone), _offset(at, zone)))
        day = after
    return tuple(found)


def rules(zone: ZoneInfo, year: int) -> Rules:
    """Of a zone without summer time the rules are switched off."""
    found = changes(zone, date(year, 1, 1), date(year, 12, 31))
    start = next((each for each in found if each.after > each.before), None)
    end = next((each for each in found if each.after < each.before), None)
    if start is None or end is None:
        standard = _offset(datetime(year, 1, 15, tzinfo=UTC), zone)
        return Rules(NO_RULE, NO_RULE, 0, round(standard.total_seconds()))
    saving = start.after - start.before
    return Rules(_rule(start), _rule(end), round(saving.total_seconds()), round(start.before.total_seconds()))


def _rule(change: Change) -> str:
    """Seconds, hours, weekday, day of the month, which of the month's such weekdays, month."""
    wall = (change.at + change.before).replace(tzinfo=None)
    is_last = (wall + timedelta(days=7)).month != wall.month
    which = _LAST if is_last else (wall.day - 1) // 7 + 2
    seconds = wall.minute * 60 + wall.second
    return f"{seconds | wall.hour << 12 | wall.isoweekday() << 17 | which << 25 | wall.month << 28:08X}"


def _between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    before = _offset(low, zone)
    while high - low > _MINUTE:
        middle = low + ((high - low) / 2 // _MINUTE) * _MINUTE
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
