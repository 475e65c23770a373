"""Dates and times as people write them, read to wall-clock seconds or, with an offset, to instants."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

DAY_S = 86_400
_DAY_ZERO = date(1970, 1, 1).toordinal()
_CLOCK = (
    r"(?:[T\s]*(?P<hour>\d{1,2})[:时点.h](?P<minute>\d{2})(?:[:分.](?P<second>\d{2})(?:[.,]\d+)?)?[分秒]?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?)?"
)
_OFFSET = r"\s*(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?$"
_YEAR_FIRST = re.compile(
    r"^(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?" + _CLOCK + _OFFSET
)
_YEAR_LAST = re.compile(
    r"^(?P<one>\d{1,2})[-/.](?P<two>\d{1,2})[-/.](?P<year>\d{4}|\d{2})" + _CLOCK + _OFFSET
)
_COMPACT = re.compile(
    r"^(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:[T\s]?(?P<hour>\d{2}):?(?:(?P<minute>\d{2}):?(?P<second>\d{2})?)?)?(?P<half>)" + _OFFSET
)
_UNIX = re.compile(r"^1\d{9}(\d{3})?$")
TIME = re.compile(r"^(\d{1,2})[:时h](\d{2})(?:[:分](\d{2}))?分?$")


class Order(StrEnum):
    """Of day and month, where the year stands last."""

    DMY = "dmy"
    MDY = "mdy"


@dataclass(frozen=True, slots=True)
class Moment:
    """`seconds` since 1970 on the wall clock; of UTC where `absolute`. 24:00 is the next day's 00:00.

    `offset_s` east of UTC as written; None where it is not, or where the time counts seconds since 1970.
    """

    seconds: int
    absolute: bool
    is_24: bool
    has_clock: bool
    offset_s: int | None = None


@lru_cache(maxsize=1 << 17)
def moment(text: str, order: Order | None = None) -> Moment | None:
    """None for what is no date. Where the year stands last `order` says which is the month; without, the day
    is taken to come first unless that cannot be."""
    if _UNIX.match(text):
        return Moment(int(text[:10]), absolute=True, is_24=False, has_clock=True)
    found = _YEAR_FIRST.match(text) or _COMPACT.match(text) or _YEAR_LAST.match(text)
    if found is None:
        return None
    part = found.groupdict()
    day_s = _day(part, order)
    clock_s = _clock(part)
    if day_s is None or clock_s is None:
        return None
    offset_s = _offset(part["offset"])
    at = day_s + clock_s - (offset_s or 0)
    return Moment(at, offset_s is not None, clock_s == DAY_S, part["hour"] is not None, offset_s)


def clock_of(text: str) -> int | None:
    """Seconds since midnight of "0:15", "24:00"; None for what is no time of day."""
    found = TIME.match(text)
    if found is None:
        return None
    hour, minute, second = (int(each or 0) for each in found.groups())
    at = hour * 3600 + minute * 60 + second
    return at if at <= DAY_S and minute < 60 and second < 60 else None


def order_of(texts: Iterable[str]) -> Order | None:
    """What the texts prove: a number beyond 12 is no month. None while they prove nothing."""
    for text in texts:
        found = _YEAR_LAST.match(text)
        if found is None:
            continue
        one, two = int(found["one"]), int(found["two"])
        if one > 12 >= two:
            return Order.DMY
        if two > 12 >= one:
            return Order.MDY
    return None


def is_ambiguous(text: str) -> bool:
    """Whether day and month could be exchanged in it. Between points Germans and their neighbours put the
    day first, and nobody else puts points."""
    found = _YEAR_LAST.match(text)
    if found is None or "." in text[:6] or _COMPACT.match(text):
        return False
    one, two = int(found["one"]), int(found["two"])
    return one != two and one <= 12 and two <= 12


def wall(seconds: int) -> datetime:
    """The naive wall-clock time of so many seconds."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def since_1970(day: date) -> int:
    return (day.toordinal() - _DAY_ZERO) * DAY_S


def _day(part: dict[str, str | None], order: Order | None) -> int | None:
    year = int(part["year"] or 0)
    if "one" not in part:
        return _since(year, int(part["month"] or 0), int(part["day"] or 0))
    one, two = int(part["one"] or 0), int(part["two"] or 0)
    year += 2000 if year < 100 else 0
    month_first = order is Order.MDY or (order is None and two > 12)
    return _since(year, one, two) if month_first else _since(year, two, one)


def _since(year: int, month: int, day: int) -> int | None:
    try:
        return since_1970(date(year, month, day)) if 1970 < year < 2200 else None
    except ValueError:
        return None


def _clock(part: dict[str, str | None]) -> int | None:
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    if part["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if part["half"][0] in "Pp" else 0)
    at = hour * 3600 + minute * 60 + second
    return at if minute < 60 and second < 60 and at <= DAY_S else None


def _offset(text: str | None) -> int | None:
    if text is None:
        return None
    if text in {"Z", "UTC"}:
        return 0
    seconds = timedelta(hours=int(text[1:3]), minutes=int(text[-2:])).total_seconds()
    return round(-seconds if text[0] == "-" else seconds)
