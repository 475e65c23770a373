"""Who signed up for a course, material, a visit or a product, when and by whom; nothing is charged for it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    func,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound

signup_table = Table(
    "product_signup",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("product", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(64)),
    Index(None, "account"),
    Index(None, "product"),
)


@dataclass(frozen=True, slots=True)
class Signup:
    """`ended_at`: withdrawn, or done."""

    id: int
    account: str
    product: str
    at: datetime
    by: str
    ended_at: datetime | None
    ended_by: str | None


def of_account(connection: Connection, account: str) -> dict[str, Signup]:
    """By product what stands."""
    table = signup_table.c
    query = select(signup_table).where(table.account == account, table.ended_at.is_(None))
    found = [Signup(**row._mapping) for row in connection.execute(query.order_by(table.id))]
    return {each.product: each for each in found}


def of_product(connection: Connection, product: str) -> list[Signup]:
    """What stands, the oldest first: the list that a course is filled from."""
    table = signup_table.c
    query = select(signup_table).where(table.product == product, table.ended_at.is_(None))
    return [Signup(**row._mapping) for row in connection.execute(query.order_by(table.id))]


def counts(connection: Connection) -> dict[str, int]:
    """By product how many stand."""
    table = signup_table.c
    query = select(table.product, func.count()).where(table.ended_at.is_(None)).group_by(table.product)
    return {row[0]: row[1] for row in connection.execute(query)}


def sign_up(
    connection: Connection, account: str, product: str, known: Collection[str], *, by: str, now: datetime
) -> Signup:
    """Once is enough: a second time changes nothing. NotFound: no such product is offered to this account."""
    if product not in known:
        raise NotFound(f"no product {product!r} is offered to account {account}")
    if product not in of_account(connection, account):
        row = {"account": account, "product": product, "at": now, "by": by}
        connection.execute(insert(signup_table).values(row))
    return of_account(connection, account)[product]


def end(connection: Connection, account: str, product: str, *, by: str, now: datetime) -> None:
    """NotFound when nothing of it stands."""
    standing = of_account(connection, account).get(product)
    if standing is None:
        raise NotFound(f"account {account} is not signed up for {product!r}")
    where = signup_table.c.id == standing.id
    connection.execute(update(signup_table).where(where).values(ended_at=now, ended_by=by))
