"""Remembers exceptions that wait for a person, what was done about each, and what people put in place.

One that waits for each (point, channel, day, code) is kept by the database itself.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Float,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata
from cloud.kit.moving import Moving, happenings
from cloud.metering.vee.exception_rules import MACHINE, State

exception_table = Table(
    "vee_exception",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("point", String(64), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("day", Date, nullable=False),
    Column("area", String(64), nullable=False),
    Column("meter", String(64)),
    Column("code", String(8), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("first_slot", Integer, nullable=False),
    Column("last_slot", Integer, nullable=False),
    Column("observed", Float),
    Column("limit", Float),
    Column("state", String(16), nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("order", String(64)),
    Index(None, "state", "area"),
    Index(None, "point", "channel", "day"),
)
"""`evidence` is a digest of the raw values it was found in: the same evidence opens nothing a second time."""
_WAITING = (State.OPEN.value, State.REREADING.value)
Index(
    "uq_vee_exception_waiting",
    exception_table.c.point,
    exception_table.c.channel,
    exception_table.c.day,
    exception_table.c.code,
    unique=True,
    sqlite_where=exception_table.c.state.in_(_WAITING),
    postgresql_where=exception_table.c.state.in_(_WAITING),
)
event_table = happenings("vee_exception_event", "exception", "vee_exception.id")
EXCEPTIONS = Moving(MACHINE, exception_table, event_table)
edit_table = Table(
    "vee_edit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("point", String(64), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("day", Date, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("value_wh", BigInteger, nullable=False),
    Column("raw_wh", BigInteger),
    Column("by", String(64), nullable=False),
    Column("why", String(500), nullable=False),
    Column("at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index(None, "point", "channel", "day"),
)
"""`raw_wh` is what the registers said of the slot at the time; when they say otherwise the edit ends."""
done_table = Table(
    "vee_done",
    metadata,
    Column("area", String(64), primary_key=True),
    Column("day", Date, nullable=False),
)
"""`day` is the newest closed day that was validated in an area."""
_HELD = 500


def exceptions(
    connection: Connection,
    *,
    waiting: bool = False,
    area: str | None = None,
    severity: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Exceptions, newest first, from behind the id `before`."""
    table = exception_table.c
    query = select(exception_table).order_by(table.id.desc()).limit(limit)
    if waiting:
        query = query.where(table.state.in_(_WAITING))
    if area is not None:
        query = query.where(table.area == area)
    if severity is not None:
        query = query.where(table.severity == severity)
    if before is not None:
        query = query.where(table.id < before)
    return connection.execute(query).all()


def rereading(connection: Connection) -> Sequence[Row[Any]]:
    """Those whose meter is to be read again."""
    query = select(exception_table).where(exception_table.c.state == State.REREADING)
    return connection.execute(query.order_by(exception_table.c.id)).all()


def of_days(
    connection: Connection, points: Collection[str], days: Collection[date]
) -> dict[tuple[str, str, date], list[Row[Any]]]:
    """Every exception of these points on these days, by (point, channel, day), oldest first."""
    found: dict[tuple[str, str, date], list[Row[Any]]] = {}
    table = exception_table.c
    for chunk in _parts(sorted(points)):
        query = select(exception_table).where(table.point.in_(chunk), table.day.in_(sorted(days)))
        for row in connection.execute(query.order_by(table.id)):
            found.setdefault((row.point, row.channel, row.day), []).append(row)
    return found


def edits(
    connection: Connection, points: Collection[str], days: Collection[date]
) -> dict[tuple[str, str, date], list[Row[Any]]]:
    """The edits in force, by (point, channel, day), oldest first."""
    found: dict[tuple[str, str, date], list[Row[Any]]] = {}
    table = edit_table.c
    for chunk in _parts(sorted(points)):
        query = select(edit_table).where(
            table.point.in_(chunk), table.day.in_(sorted(days)), table.ended_at.is_(None)
        )
        for row in connection.execute(query.order_by(table.id)):
            found.setdefault((row.point, row.channel, row.day), []).append(row)
    return found


def add_edits(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(insert(edit_table), list(rows))


def end_edits(connection: Connection, ids: Iterable[int], at: datetime) -> None:
    """They stay to be read, and count no more."""
    for chunk in _parts(sorted(ids)):
        connection.execute(update(edit_table).where(edit_table.c.id.in_(chunk)).values(ended_at=at))


def _parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[at : at + _HELD] for at in range(0, len(items), _HELD))


def done(connection: Connection) -> dict[str, date]:
    """The newest closed day that was validated, by area."""
    return {row.area: row.day for row in connection.execute(select(done_table))}


def save_done(connection: Connection, area: str, day: date) -> None:
    """Days are done in order; an older one moves nothing back."""
    mine = done_table.c.area == area
    known = connection.scalar(select(done_table.c.day).where(mine))
    if known is None:
        connection.execute(insert(done_table).values(area=area, day=day))
    elif known < day:
        connection.execute(update(done_table).where(mine).values(day=day))
