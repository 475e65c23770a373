"""The months that a report speaks of: the one it is about, the one before it, the same one a year ago."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from cloud.kit.days import DAY, midnight
from cloud.kit.errors import Conflict, Invalid
from cloud.metering.archive.layout import month_of


@dataclass(frozen=True, slots=True)
class Month:
    """A local month: first and last day, and the instants between which it lies."""

    first: date
    last: date
    start: datetime
    end: datetime

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def month(day: date, zone: tzinfo) -> Month:
    """The month that has this day."""
    first, last = month_of(day)
    return Month(first, last, midnight(first, zone), midnight(last + DAY, zone))


def closed(day: date, today: date, zone: tzinfo) -> Month:
    """Conflict: it is not over yet."""
    found = month(day, zone)
    if today <= found.last:
        raise Conflict(f"{found.first:%Y-%m} is not over yet: its report can be made from {found.last + DAY}")
    return found


def written(text: str) -> date:
    """The first day of a month like 2026-10. Invalid: it is none."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Invalid(f"{text!r} is no month: write one like 2026-10") from None


def month_before(first: date) -> date:
    return (first - DAY).replace(day=1)


def year_before(first: date) -> date:
    return first.replace(year=first.year - 1)
