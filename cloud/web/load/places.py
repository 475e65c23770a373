"""Names of areas, feeders and points for the pages about load, and the days they show."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from cloud.fleet.history import point_table
from cloud.kit.days import DAY
from cloud.kit.errors import NotFound

EARLIEST = date(1990, 1, 1)
"""No meter was read before; days back from it are days still."""
SPANS = (30, 90, 365)
"""How many days back a page may look, the first being its own choice."""


def today(now: datetime, zone: ZoneInfo) -> date:
    return now.astimezone(zone).date()


def day_asked(wanted: str, otherwise: date, latest: date) -> date:
    """The day of an address; `otherwise` for what is no day, never before EARLIEST nor after `latest`."""
    try:
        return max(EARLIEST, min(date.fromisoformat(wanted), latest)) if wanted else otherwise
    except ValueError:
        return otherwise


def span_asked(wanted: int) -> int:
    return wanted if wanted in SPANS else SPANS[0]


def month_before(month: date) -> date:
    return (month - DAY).replace(day=1)


def require_point(connection: Connection, point: str) -> str | None:
    """Its name, if it has one; NotFound when there is no such point."""
    query = select(point_table.c.id, point_table.c.name).where(point_table.c.id == point)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"there is no metering point {point!r}")
    name: str | None = row.name
    return name
