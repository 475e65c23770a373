"""The whole local days on which an account was served at its points: what its customer may see of them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from cloud.customers.store import service_table
from cloud.kit.days import DAY, local_day, midnight

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Served:
    """A point on the days from `first` to `last`, both wholly the account's; `still` is served now."""

    point: str
    first: date
    last: date
    still: bool

    def holds(self, first: date, last: date) -> bool:
        """Whether all of these days are the account's: only then may what was made of them be shown."""
        return self.first <= first and last <= self.last


def served(connection: Connection, account: str, now: datetime, zone: ZoneInfo) -> list[Served]:
    """By point; a day that began before the service, or ended after it, is not the account's."""
    table = service_table.c
    query = select(table.point, table.start, table.end).where(table.account == account)
    rows = connection.execute(query.order_by(table.point, table.start)).all()
    found = (_days(row.point, row.start, row.end, now, zone) for row in rows)
    return [each for each in found if each.first <= each.last or each.still]


def _days(point: str, start: datetime, end: datetime | None, now: datetime, zone: ZoneInfo) -> Served:
    first = local_day(start, zone)
    if midnight(first, zone) < start:
        first += DAY
    until = now if end is None else min(end, now)
    return Served(point, first, local_day(until, zone) - DAY, end is None or end > now)
