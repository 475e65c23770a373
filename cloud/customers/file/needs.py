"""Service need (服务需求) of an account: declared by the customer, or observed where they agreed to that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
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

from cloud.customers.file import consents
from cloud.customers.store import account_table
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound


class Need(StrEnum):
    CONTINUITY = "continuity"
    VOLTAGE = "voltage"
    PRICE = "price"
    HELP = "help"
    CHANNEL = "channel"


DETAILED = frozenset({Need.HELP, Need.CHANNEL})
"""Which help, which channel: without saying so nobody could act on it."""


class NeedOrigin(StrEnum):
    DECLARED = "declared"
    OBSERVED = "observed"


need_table = Table(
    "service_need",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("need", String(16), nullable=False),
    Column("detail", String(200), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("since", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(64)),
    Index(None, "account"),
)
"""`detail`: which channel is preferred, what help; `evidence` of what was observed, in numbers."""


def needs_at(connection: Connection, at: datetime) -> dict[str, dict[Need, dict[str, Any]]]:
    """By account and need: detail, origin, evidence, since."""
    table = need_table.c
    query = select(need_table).where(table.since <= at, table.ended_at.is_(None) | (table.ended_at > at))
    found: dict[str, dict[Need, dict[str, Any]]] = {}
    for row in connection.execute(query.order_by(table.id)):
        kept = {"detail": row.detail, "origin": row.origin, "evidence": row.evidence, "since": row.since}
        found.setdefault(row.account, {})[Need(row.need)] = kept
    return found


def needs_of(connection: Connection, account: str) -> Sequence[Row[Any]]:
    """All of an account, newest first, with those that ended."""
    query = select(need_table).where(need_table.c.account == account)
    return connection.execute(query.order_by(need_table.c.id.desc())).all()


def declare(
    connection: Connection, account: str, need: Need, detail: str, *, by: str, now: datetime
) -> int | None:
    """The customer said so; with another detail the one before ends. None where it stands so already."""
    if need in DETAILED and not detail.strip():
        raise Invalid("detail: say which help, or which channel")
    return _put(connection, account, need, detail.strip(), NeedOrigin.DECLARED, {}, by, now)


def observe(
    connection: Connection, account: str, need: Need, evidence: Mapping[str, Any], *, by: str, now: datetime
) -> int | None:
    """Read off behaviour: Forbidden without the customer's consent to that; never over a declared one."""
    customer = connection.scalar(select(account_table.c.customer).where(account_table.c.no == account))
    if customer not in consents.consented(connection, consents.Purpose.OBSERVATION, now):
        raise Forbidden(f"account {account}: its customer did not agree to needs being observed")
    standing = _standing(connection, account, need)
    if standing is not None and standing.origin == NeedOrigin.DECLARED:
        return None
    return _put(connection, account, need, "", NeedOrigin.OBSERVED, evidence, by, now)


def end(
    connection: Connection,
    id: int,  # noqa: A002
    *,
    by: str,
    now: datetime,
    customer: str | None = None,
) -> None:
    """No longer. NotFound also where it is not `customer`'s; Conflict when it has ended already."""
    query = select(need_table, account_table.c.customer).join(account_table)
    row = connection.execute(query.where(need_table.c.id == id)).one_or_none()
    if row is None or (customer is not None and row.customer != customer):
        raise NotFound(f"there is no need {id}")
    if row.ended_at is not None:
        raise Conflict("that need has ended already")
    _close(connection, id, by, now)


def _put(
    connection: Connection,
    account: str,
    need: Need,
    detail: str,
    origin: NeedOrigin,
    evidence: Mapping[str, Any],
    by: str,
    now: datetime,
) -> int | None:
    standing = _standing(connection, account, need)
    if standing is not None:
        if (standing.detail, standing.origin, standing.evidence) == (detail, origin.value, dict(evidence)):
            return None
        _close(connection, standing.id, by, now)
    row = {"account": account, "need": need.value, "detail": detail, "origin": origin.value}
    more = {"evidence": dict(evidence), "since": now, "by": by}
    made = connection.execute(insert(need_table).values(row | more)).inserted_primary_key
    assert made is not None
    return int(made[0])


def _standing(connection: Connection, account: str, need: Need) -> Row[Any] | None:
    table = need_table.c
    mine = (table.account == account, table.need == need.value, table.ended_at.is_(None))
    return connection.execute(select(need_table).where(*mine)).one_or_none()


def _close(connection: Connection, id: int, by: str, now: datetime) -> None:  # noqa: A002
    mine = update(need_table).where(need_table.c.id == id)
    connection.execute(mine.values(ended_at=now, ended_by=by))
