"""Whom to call at a customer: by role, how and when they want to be reached; a name only if they gave one."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata
from cloud.kit.errors import Conflict, Invalid, NotFound


class PersonRole(StrEnum):
    """业主, 财务, 电气负责人, 代办人, 值班, 其他."""

    OWNER = "owner"
    FINANCE = "finance"
    ELECTRICIAN = "electrician"
    DEPUTY = "deputy"
    DUTY = "duty"
    OTHER = "other"


class Reach(StrEnum):
    """By what they want to be reached; `inbox` is the portal's."""

    CALL = "call"
    SMS = "sms"
    EMAIL = "email"
    WECOM = "wecom"
    DINGTALK = "dingtalk"
    INBOX = "inbox"


person_table = Table(
    "contact_person",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer", ForeignKey("customer.id"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("phone", String(32), nullable=False),
    Column("name", String(120)),
    Column("reach", String(16), nullable=False, default=Reach.CALL.value),
    Column("quiet_from", String(5)),
    Column("quiet_until", String(5)),
    Column("since", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(64)),
    Index(None, "customer", "role", "phone"),
)
"""`quiet_from` to `quiet_until`: HH:MM of the station's local time in which they are not called."""


def persons_of(connection: Connection, customer: str, *, ended: bool = False) -> Sequence[Row[Any]]:
    """In order of role; with `ended` also those that are no longer called."""
    query = select(person_table).where(person_table.c.customer == customer)
    if not ended:
        query = query.where(person_table.c.ended_at.is_(None))
    return connection.execute(query.order_by(person_table.c.role, person_table.c.id)).all()


def add(connection: Connection, row: dict[str, Any], *, by: str, now: datetime) -> int:
    """Conflict when the customer has that role and number already. Invalid: half of the quiet hours."""
    if (row.get("quiet_from") is None) != (row.get("quiet_until") is None):
        raise Invalid("quiet_from and quiet_until come together")
    table = person_table.c
    same = (table.customer == row["customer"], table.role == row["role"], table.phone == row["phone"])
    if connection.execute(select(table.id).where(*same, table.ended_at.is_(None))).first() is not None:
        raise Conflict("that person is in the file already, with this role and number")
    made = connection.execute(insert(person_table).values(row | {"since": now, "by": by}))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def end(connection: Connection, id: int, *, by: str, now: datetime) -> str:  # noqa: A002
    """Not called any more; whose person it was. NotFound, or Conflict when that is so already."""
    row = connection.execute(select(person_table).where(person_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no person {id}")
    if row.ended_at is not None:
        raise Conflict("that person is no longer called already")
    mine = update(person_table).where(person_table.c.id == id)
    connection.execute(mine.values(ended_at=now, ended_by=by))
    return str(row.customer)
