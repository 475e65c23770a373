"""The station's local day: where it begins and ends as instants. 23 or 25 hours where the clocks change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAY = timedelta(days=1)


def midnight(day: date, zone: tzinfo) -> datetime:
    """The instant at which a local day begins, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """A local day as [start, end) in UTC."""
    return midnight(day, zone), midnight(day + DAY, zone)


def local_day(at: datetime, zone: tzinfo) -> date:
    return at.astimezone(zone).date()


def days(first: date, last: date) -> Iterator[date]:
    """From `first` to `last`, both included."""
    return (first + DAY * number for number in range((last - first).days + 1))
