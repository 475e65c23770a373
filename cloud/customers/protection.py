"""Who must not be disconnected, and which meter is proven to serve whom: what stands before a relay.

An account is protected until somebody ends that, with who and why on either side; rows are never removed.
"""

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

from cloud.customers.store import account_table, put_proof, services_of
from cloud.fleet.command_rules import Against, CommandPolicy, Objection
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import Conflict, Invalid, NotFound
from protocols.mqtt.orders import OrderKind


class Protection(StrEnum):
    """`important`: an important customer, declared so; `household`: one protected, as by life support."""

    IMPORTANT = "important"
    HOUSEHOLD = "household"


protection_table = Table(
    "protection",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey(account_table.c.no), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("why", String(500), nullable=False),
    Column("by", String(64), nullable=False),
    Column("since", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(64)),
    Column("ended_why", String(500)),
    Index(None, "account"),
)


def protections(
    connection: Connection, account: str | None = None, *, ended: bool = False
) -> Sequence[Row[Any]]:
    """Those in force, newest first; with `ended` also those that were."""
    query = select(protection_table).order_by(protection_table.c.id.desc())
    if account is not None:
        query = query.where(protection_table.c.account == account)
    if not ended:
        query = query.where(protection_table.c.ended_at.is_(None))
    return connection.execute(query).all()


def protection(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    row = connection.execute(select(protection_table).where(protection_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no protection {id}")
    return row


def protect(
    connection: Connection, account: str, kind: Protection, why: str, by: str, now: datetime
) -> Row[Any]:
    """Put an account out of reach; Conflict when it is."""
    if connection.execute(select(account_table.c.no).where(account_table.c.no == account)).first() is None:
        raise NotFound(f"there is no account {account!r}")
    if not why.strip():
        raise Invalid("say why: it stays with the protection")
    if any(row.kind == kind for row in protections(connection, account)):
        raise Conflict(f"account {account!r} is protected so already")
    row = {"account": account, "kind": kind, "why": why.strip(), "by": by, "since": now}
    made = connection.execute(insert(protection_table).values(row)).inserted_primary_key
    assert made is not None
    return protection(connection, int(made[0]))


def end(connection: Connection, id: int, why: str, by: str, now: datetime) -> Row[Any]:  # noqa: A002
    """No longer; it stays in the book, with who ended it and why."""
    row = protection(connection, id)
    if row.ended_at is not None:
        raise Conflict("that protection has ended already")
    if not why.strip():
        raise Invalid("say why: it stays with the protection")
    mine = protection_table.c.id == id
    ended = {"ended_at": now, "ended_by": by, "ended_why": why.strip()}
    connection.execute(update(protection_table).where(mine).values(ended))
    return protection(connection, id)


def prove(connection: Connection, meter: str, account: str, by: str, now: datetime) -> None:
    """Somebody saw on site that this meter serves this account (`wattpost edge identify`)."""
    found = [each for each in services_of(connection, meter, now) if each.account == account]
    if not found:
        raise NotFound(f"meter {meter!r} serves no account {account!r} now")
    put_proof(connection, found[0], by, now)


def objections(
    connection: Connection, meter: Row[Any], kind: OrderKind, now: datetime, policy: CommandPolicy
) -> list[Objection]:
    """What stands against moving this meter's relay: nobody knows whose it is, or it is out of reach.

    To permit closing again is refused only for want of proof: whoever is protected may have it back.
    """
    services = services_of(connection, meter.id, now)
    if not services:
        return [Objection(Against.NO_ACCOUNT, "the meter serves no account: nobody knows whose supply it is")]
    found = []
    for row in services:
        if row.proven_at is None and policy.unproven == "refuse":
            text = f"it is unproven that this meter serves account {row.account}: let a fitter identify it"
            found.append(Objection(Against.NOT_PROVEN, text))
        if kind is OrderKind.RELAY_OFF:
            found.extend(_out_of_reach(connection, row.account))
    return found


def _out_of_reach(connection: Connection, account: str) -> list[Objection]:
    found = []
    for row in protections(connection, account):
        important = row.kind == Protection.IMPORTANT
        code = Against.IMPORTANT if important else Against.PROTECTED
        who = "an important customer's" if important else "protected"
        found.append(Objection(code, f"account {account} is {who}: no disconnection reaches it"))
    return found
