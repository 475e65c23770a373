"""What people did at metering points and read there: exchanges, ratio changes, moves, seals, field reads.

Rows are facts with who, when and why; a correction is a new row that names the one it replaces.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Connection, ForeignKey, Index, Integer, Row, String, Table, select

from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound


class EventKind(StrEnum):
    EXCHANGE = "exchange"
    REMOVAL = "removal"
    RATIO = "ratio"
    MOVE = "move"


event_table = Table(
    "point_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("point", ForeignKey("point.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("removed", ForeignKey("meter.id")),
    Column("installed", ForeignKey("meter.id")),
    Column("old", JSON, nullable=False),
    Column("new", JSON, nullable=False),
    Column("removed_registers", JSON, nullable=False),
    Column("installed_registers", JSON, nullable=False),
    Column("doubts", JSON, nullable=False),
    Column("by", String(64), nullable=False),
    Column("why", String(500), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("proven_at", Instant),
    Index(None, "point", "at"),
)
"""`old`, `new`: the fields that changed. Registers: {quantity: Wh or varh} as the meter showed them.

`doubts`: what was implausible and taken all the same. `proven_at`: when the new meter's first reading fitted.
"""
read_table = Table(
    "field_read",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("point", ForeignKey("point.id"), nullable=False),
    Column("meter", ForeignKey("meter.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("registers", JSON, nullable=False),
    Column("doubts", JSON, nullable=False),
    Column("photo", ForeignKey("photo.sha256")),
    Column("by", String(64), nullable=False),
    Column("why", String(500), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("replaces", ForeignKey("field_read.id")),
    Index(None, "point", "at"),
    Index(None, "meter", "at"),
)
photo_table = Table(
    "photo",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("by", String(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
)
seal_table = Table(
    "seal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meter", ForeignKey("meter.id"), nullable=False),
    Column("no", String(64), nullable=False),
    Column("place", String(32), nullable=False),
    Column("fitted_at", Instant, nullable=False),
    Column("fitted_by", String(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("removed_at", Instant),
    Column("removed_by", String(64)),
    Column("removed_why", String(500)),
    Index(None, "meter"),
    Index(None, "no"),
)
"""A seal (封印) is fitted once and removed once; the number of a broken seal is never used again."""


def events(
    connection: Connection,
    point: str | None = None,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    unproven: bool = False,
) -> Sequence[Row[Any]]:
    """Those with `at` in [start, end), oldest first; `unproven`: whose new meter is not heard yet."""
    query = select(event_table).order_by(event_table.c.at, event_table.c.id)
    if point is not None:
        query = query.where(event_table.c.point == point)
    if start is not None:
        query = query.where(event_table.c.at >= start)
    if end is not None:
        query = query.where(event_table.c.at < end)
    if unproven:
        query = query.where(event_table.c.installed.is_not(None), event_table.c.proven_at.is_(None))
    return connection.execute(query).all()


def reads(
    connection: Connection, point: str, *, before: int | None = None, limit: int = 100
) -> Sequence[Row[Any]]:
    """Hand-read values of a point, newest first, replaced ones too."""
    query = select(read_table).where(read_table.c.point == point)
    if before is not None:
        query = query.where(read_table.c.id < before)
    return connection.execute(query.order_by(read_table.c.id.desc()).limit(limit)).all()


def read(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    row = connection.execute(select(read_table).where(read_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no field read {id}")
    return row


def seals(connection: Connection, meter: str) -> Sequence[Row[Any]]:
    """Every seal the meter ever bore, oldest first."""
    query = select(seal_table).where(seal_table.c.meter == meter).order_by(seal_table.c.id)
    return connection.execute(query).all()
