"""What a customer agreed to, when and how; withdrawn at any time, and never presumed."""

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


class Purpose(StrEnum):
    """`offers`: campaigns and promotions; `observation`: needs read off behaviour; `response`: being invited
    to shift load; `roof`: a survey for PV."""

    OFFERS = "offers"
    OBSERVATION = "observation"
    RESPONSE = "response"
    ROOF = "roof"


consent_table = Table(
    "consent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer", ForeignKey("customer.id"), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("how", String(200), nullable=False),
    Column("by", String(64), nullable=False),
    Column("withdrawn_at", Instant),
    Column("withdrawn_by", String(64)),
    Index(None, "customer", "purpose"),
    Index(None, "purpose"),
)
"""`how`: the form, page or call by which it was given."""


def consented(connection: Connection, purpose: Purpose, at: datetime) -> set[str]:
    """The customers whose consent stands at an instant."""
    table = consent_table.c
    query = select(table.customer).where(
        table.purpose == purpose.value,
        table.given_at <= at,
        table.withdrawn_at.is_(None) | (table.withdrawn_at > at),
    )
    return set(connection.scalars(query))


def purposes_of(connection: Connection, customer: str) -> set[Purpose]:
    """What the customer agrees to now."""
    table = consent_table.c
    query = select(table.purpose).where(table.customer == customer, table.withdrawn_at.is_(None))
    return {Purpose(each) for each in connection.scalars(query)}


def consents_of(connection: Connection, customer: str) -> Sequence[Row[Any]]:
    """All of a customer, newest first, with those withdrawn."""
    query = select(consent_table).where(consent_table.c.customer == customer)
    return connection.execute(query.order_by(consent_table.c.given_at.desc(), consent_table.c.id)).all()


def give(
    connection: Connection, customer: str, purpose: Purpose, *, how: str, by: str, now: datetime
) -> None:
    """Nothing changes where it stands already."""
    if purpose in purposes_of(connection, customer):
        return
    row = {"customer": customer, "purpose": purpose.value, "given_at": now, "how": how, "by": by}
    connection.execute(insert(consent_table).values(row))


def withdraw(connection: Connection, customer: str, purpose: Purpose, *, by: str, now: datetime) -> None:
    table = consent_table.c
    mine = (table.customer == customer, table.purpose == purpose.value, table.withdrawn_at.is_(None))
    connection.execute(update(consent_table).where(*mine).values(withdrawn_at=now, withdrawn_by=by))
