"""Which local days of a point may be seen: those on which whatever measured it is all within the scope."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo

from sqlalchemy import Connection

from cloud.fleet import topology
from cloud.fleet.topology import Installation
from cloud.kit.days import bounds, days
from cloud.kit.errors import NotFound
from cloud.kit.scope import Scope

_EVER = (topology.BEGINNING, datetime.max.replace(tzinfo=UTC))


def whole_days(
    connection: Connection, scope: Scope, point: str, first: date, last: date, zone: tzinfo
) -> frozenset[date]:
    """Of the days from `first` to `last`; what is made of a day tells all of it, so a part is not enough.

    NotFound: there is no such point, or the scope never had anything of it.
    """
    placed = topology.installations(connection, *_EVER, points=[point])
    if not any(scope.clip(each.meter, each.start, each.end or _EVER[1]) for each in placed):
        raise NotFound(f"no metering point {point}")
    every = days(first, last)
    if scope.windows is None:
        return frozenset(every)
    return frozenset(day for day in every if _whole(scope, placed, *bounds(day, zone)))


def _whole(scope: Scope, placed: Sequence[Installation], start: datetime, end: datetime) -> bool:
    parts = [
        (each.meter, max(each.start, start), min(each.end or end, end))
        for each in placed
        if each.start < end and (each.end is None or each.end > start)
    ]
    return all(scope.clip(meter, low, high) == [(low, high)] for meter, low, high in parts)
