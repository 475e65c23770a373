"""Settings for gateways: every version is kept with who wrote it and what became of it there.

Only the newest is offered. A gateway says which one is in force; what it refused stays with its reason.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Integer,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)

from cloud.fleet import gateways as fleet
from cloud.fleet.config_check import Checked, check
from cloud.fleet.facts import believable
from cloud.fleet.registry import gateway_table
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import Conflict, NotFound
from protocols.mqtt.orders import Applied, Config

OFFERED = "offered"
SUPERSEDED = "superseded"

config_table = Table(
    "gateway_config",
    metadata,
    Column("gateway", ForeignKey(gateway_table.c.id), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", JSON, nullable=False),
    Column("note", String(500), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("answered_at", Instant),
)
in_force_table = Table(
    "gateway_config_in_force",
    metadata,
    Column("gateway", ForeignKey(gateway_table.c.id), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("offered", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("at", Instant, nullable=False),
)
"""What each gateway itself said last."""


def push(
    connection: Connection,
    gateway: str,
    document: Mapping[str, Any],
    *,
    by: str,
    note: str,
    now: datetime,
    after: int | None = None,
) -> tuple[Row[Any], Checked]:
    """Write the next version down; `after` is the version that was edited, Conflict when there is a newer."""
    if not fleet.known(connection, gateway):
        raise NotFound(f"there is no gateway {gateway!r}")
    newest = _newest(connection, gateway)
    if after is not None and after != (newest.version if newest else 0):
        raise Conflict("somebody wrote a newer version meanwhile: look at it and begin anew")
    checked = check(connection, gateway, document)
    version = max(newest.version if newest else 0, _known_there(connection, gateway)) + 1
    same = (config_table.c.gateway == gateway, config_table.c.state == OFFERED)
    connection.execute(update(config_table).where(*same).values(state=SUPERSEDED))
    row = {"gateway": gateway, "version": version, "document": checked.document, "note": note.strip()[:500]}
    row |= {"by": by, "at": now, "state": OFFERED, "detail": ""}
    connection.execute(insert(config_table).values(row))
    return version_of(connection, gateway, version), checked


def _known_there(connection: Connection, gateway: str) -> int:
    """The highest version the gateway has heard of: a database put back from a backup goes on above it."""
    row = in_force(connection, gateway)
    return 0 if row is None else max(row.version, row.offered)


def _newest(connection: Connection, gateway: str) -> Row[Any] | None:
    return next(iter(versions(connection, gateway, limit=1)), None)


def newest(connection: Connection, gateway: str) -> Row[Any]:
    """The newest version; NotFound when nothing was ever set from here."""
    row = _newest(connection, gateway)
    if row is None:
        raise NotFound(f"nothing was ever set from here for gateway {gateway!r}")
    return row


def versions(
    connection: Connection, gateway: str, *, before: int | None = None, limit: int | None = None
) -> Sequence[Row[Any]]:
    """The versions of a gateway, newest first."""
    query = select(config_table).where(config_table.c.gateway == gateway)
    if before is not None:
        query = query.where(config_table.c.version < before)
    return connection.execute(query.order_by(config_table.c.version.desc()).limit(limit)).all()


def version_of(connection: Connection, gateway: str, version: int) -> Row[Any]:
    same = (config_table.c.gateway == gateway, config_table.c.version == version)
    row = connection.execute(select(config_table).where(*same)).one_or_none()
    if row is None:
        raise NotFound(f"gateway {gateway!r} has no settings of version {version}")
    return row


def in_force(connection: Connection, gateway: str) -> Row[Any] | None:
    """What the gateway said last: `version` is in force there, `state` became of `offered`."""
    query = select(in_force_table).where(in_force_table.c.gateway == gateway)
    return connection.execute(query).one_or_none()


def gateways(connection: Connection) -> list[str]:
    """Those that settings were ever written for."""
    return list(connection.scalars(select(config_table.c.gateway).distinct()))


def message(connection: Connection, gateway: str) -> Config | None:
    """What is said to the gateway: its newest version."""
    row = _newest(connection, gateway)
    if row is None:
        return None
    issued_at_ms = round(row.at.timestamp() * 1000)
    return Config(gateway=gateway, version=row.version, issued_at_ms=issued_at_ms, settings=row.document)


def take(connection: Connection, applied: Applied, now: datetime) -> None:
    """Keep what a gateway says of its settings; said again (it is retained) it changes nothing."""
    told = {"version": applied.version, "offered": applied.offered, "state": applied.state}
    told |= {"detail": applied.detail, "at": believable(applied.at_ms, now)}
    if in_force(connection, applied.gateway) is None:
        connection.execute(insert(in_force_table).values(gateway=applied.gateway, **told))
    else:
        mine = in_force_table.c.gateway == applied.gateway
        connection.execute(update(in_force_table).where(mine).values(told))
    offered = (config_table.c.gateway == applied.gateway, config_table.c.version == applied.offered)
    row = connection.execute(select(config_table).where(*offered)).one_or_none()
    if row is not None and (row.state, row.detail) != (applied.state, applied.detail):
        answer = {"state": applied.state, "detail": applied.detail, "answered_at": now}
        connection.execute(update(config_table).where(*offered).values(answer))
