"""Remembers segments: a name and conditions, who wrote them and who changed them last."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.tiers.campaigns.conditions import Conditions
from cloud.tiers.campaigns.tables import campaign_table, segment_table


def segments(connection: Connection, *, after: int = 0, limit: int | None = None) -> Sequence[Row[Any]]:
    """In order of id, from behind `after`."""
    query = select(segment_table).where(segment_table.c.id > after).order_by(segment_table.c.id)
    return connection.execute(query.limit(limit)).all()


def segment(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    row = connection.execute(select(segment_table).where(segment_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no segment {id}")
    return row


def conditions_of(row: Row[Any]) -> Conditions:
    return Conditions.model_validate(row.conditions)


def save(
    connection: Connection,
    name: str,
    conditions: Conditions,
    *,
    by: str,
    at: datetime,
    id: int | None = None,  # noqa: A002
) -> int:
    """A new one, or in place of `id`: campaigns keep the conditions that they were written with."""
    name = name.strip()
    if not name:
        raise Invalid("name: a segment needs a name")
    same = select(segment_table.c.id).where(segment_table.c.name == name, segment_table.c.id != (id or 0))
    if connection.scalar(same) is not None:
        raise Conflict(f"there is a segment {name!r} already")
    row: Mapping[str, Any] = {
        "name": name,
        "conditions": conditions.model_dump(mode="json", by_alias=True),
        "changed_by": by,
        "changed_at": at,
    }
    if id is not None:
        segment(connection, id)
        connection.execute(update(segment_table).where(segment_table.c.id == id).values(row))
        return id
    made = insert(segment_table).values({**row, "by": by, "at": at}).returning(segment_table.c.id)
    return int(connection.execute(made).scalar_one())


def remove(connection: Connection, id: int) -> None:  # noqa: A002
    """Conflict while a campaign is of it."""
    segment(connection, id)
    used = select(campaign_table.c.id).where(campaign_table.c.segment == id).limit(1)
    if connection.scalar(used) is not None:
        raise Conflict("a campaign was written for this segment: it stays")
    connection.execute(delete(segment_table).where(segment_table.c.id == id))
