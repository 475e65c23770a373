"""The list of gaps: remembers each, lists them, and moves them only as the table in `reasons` allows."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from cloud.kit.errors import NotFound
from cloud.metering.ledger.reasons import Cause, GapEvent, GapState, move
from cloud.metering.ledger.tables import gap_order_table, gap_table


def gaps(
    connection: Connection,
    day: date | None = None,
    *,
    meter: str | None = None,
    area: str | None = None,
    gateway: str | None = None,
    cause: Cause | None = None,
    states: Collection[GapState] | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Rows of `collection_gap`, newest first, from before the id `before`; `day` None is every day."""
    wanted = {"day": day, "meter": meter, "area": area, "gateway": gateway, "cause": cause}
    query = select(gap_table).order_by(gap_table.c.id.desc()).limit(limit)
    for name, value in wanted.items():
        if value is not None:
            query = query.where(gap_table.c[name] == value)
    if states is not None:
        query = query.where(gap_table.c.state.in_(sorted(states)))
    if before is not None:
        query = query.where(gap_table.c.id < before)
    return connection.execute(query).all()


def gap(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    """One gap; NotFound when there is none."""
    row = connection.execute(select(gap_table).where(gap_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no gap {id}")
    return row


def counted(connection: Connection, first: date, last: date) -> Sequence[Row[Any]]:
    """(cause, state, gaps, slots, missing) of the days from `first` to `last`."""
    table = gap_table.c
    query = select(
        table.cause,
        table.state,
        func.count().label("gaps"),
        func.sum(table.slots).label("slots"),
        func.sum(table.missing).label("missing"),
    )
    query = query.where(table.day.between(first, last)).group_by(table.cause, table.state)
    return connection.execute(query.order_by(table.cause, table.state)).all()


def orders_of(connection: Connection, ids: Iterable[int]) -> Sequence[Row[Any]]:
    """The re-reads ordered for these gaps, oldest first."""
    query = select(gap_order_table).where(gap_order_table.c.gap.in_(sorted(ids)))
    return connection.execute(query.order_by(gap_order_table.c.at, gap_order_table.c.gap)).all()


def orders(
    connection: Connection,
    *,
    since: datetime | None = None,
    gateway: str | None = None,
    meter: str | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Re-reads with their gap's meter, span and state, newest first."""
    gap_columns = [
        gap_table.c[name] for name in ("meter", "area", "gateway", "start", "end", "state", "cause")
    ]
    query = select(gap_order_table, *gap_columns).join(gap_table, gap_table.c.id == gap_order_table.c.gap)
    query = query.order_by(gap_order_table.c.at.desc(), gap_order_table.c.gap.desc()).limit(limit)
    if since is not None:
        query = query.where(gap_order_table.c.at >= since)
    if gateway is not None:
        query = query.where(gap_table.c.gateway == gateway)
    if meter is not None:
        query = query.where(gap_table.c.meter == meter)
    return connection.execute(query).all()


def add(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(gap_table), list(rows))


def change(connection: Connection, id: int, **values: Any) -> None:  # noqa: A002
    connection.execute(update(gap_table).where(gap_table.c.id == id).values(values))


def moved(row: Row[Any], event: GapEvent, now: datetime, **values: Any) -> dict[str, Any]:
    """The values of a gap's row after an event; Conflict when it does not fit."""
    return {"state": move(GapState(row.state), event), "changed_at": now} | values
