"""One metering point over time, for pages and API: meters, ratios and areas, accounts, events, reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from cloud.customers.store import account_table, service_table
from cloud.fleet import events, history
from cloud.fleet.history import point_facts, point_meter, point_table
from cloud.fleet.spans import BEGINNING
from cloud.fleet.tables import area_table
from cloud.kit.errors import NotFound

MOST = 100


@dataclass(frozen=True, slots=True)
class Meter:
    """`start` null is ever since, as far as anybody said."""

    meter: str
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    area: str
    box: str | None
    role: str
    side: str | None
    phase: str | None
    parent: str | None
    ct_ratio: float
    pt_ratio: float
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    account: str
    customer: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class History:
    name: str | None
    meters: list[Meter]
    places: list[Place]
    accounts: list[Account]
    events: Sequence[Row[Any]]
    reads: Sequence[Row[Any]]


def of_point(connection: Connection, point: str) -> History:
    """NotFound when there is no such point."""
    row = connection.execute(select(point_table).where(point_table.c.id == point)).one_or_none()
    if row is None:
        raise NotFound(f"there is no metering point {point!r}")
    hung = history.load(connection, point_meter, [point]).get(point, [])
    places = history.load(connection, point_facts, [point]).get(point, [])
    query = (
        select(service_table.c.account, account_table.c.customer, service_table.c.start, service_table.c.end)
        .join(account_table, account_table.c.no == service_table.c.account)
        .where(service_table.c.point == point)
        .order_by(service_table.c.start)
    )
    return History(
        name=row.name,
        meters=[Meter(span.values["meter"], _since(span.start), span.end) for span in hung],
        places=[Place(**span.values, start=_since(span.start), end=span.end) for span in places],
        accounts=[Account(*row) for row in connection.execute(query)],
        events=events.events(connection, point),
        reads=events.reads(connection, point, limit=MOST),
    )


def _since(start: datetime) -> datetime | None:
    return None if start == BEGINNING else start


def found(connection: Connection, wanted: str, limit: int) -> list[str]:
    """Points whose id, name, meter, account, area or area's name holds the text, in order of id."""
    like = f"%{_literal(wanted.strip())}%"
    place, hung = point_facts.c, point_meter.c
    served = (service_table.c.point == place.point) & service_table.c.end.is_(None)
    texts = (
        place.point,
        point_table.c.name,
        hung.meter,
        service_table.c.account,
        place.area,
        area_table.c.name,
    )
    query = (
        select(place.point)
        .distinct()
        .join(point_table, point_table.c.id == place.point)
        .join(area_table, area_table.c.id == place.area)
        .outerjoin(point_meter, (hung.point == place.point) & hung.withdrawn_at.is_(None))
        .outerjoin(service_table, served)
        .where(place.withdrawn_at.is_(None), or_(*(text.ilike(like, escape="\\") for text in texts)))
        .order_by(place.point)
        .limit(limit)
    )
    return list(connection.scalars(query))


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
