"""Remembers commands, who approved them, what became of them; the audit only grows.

What a gateway answers is kept by (gateway, id, state), also to a command this database has never known:
`Heard` is said from these rows alone.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    select,
)

from cloud.fleet.command_rules import MACHINE, OPEN, CommandState
from cloud.fleet.registry import gateway_table, meter_table
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound
from cloud.kit.moving import Moving, happenings
from protocols.mqtt.orders import OrderKind

command_table = Table(
    "command",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("gateway", ForeignKey(gateway_table.c.id), nullable=False),
    Column("meter", ForeignKey(meter_table.c.id)),
    Column("state", String(32), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("good_for_min", Integer, nullable=False),
    Column("issued_at", Instant),
    Column("expires_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("changed_at", Instant, nullable=False),
    Column("detail", String(500), nullable=False),
    Column("values", JSON),
    Column("relay", String(16)),
    Column("more", JSON, nullable=False),
    Index(None, "meter", "number"),
    Index(None, "state"),
    Index(None, "gateway", "number"),
)
"""`more` is what the kind needs besides: from, to, billing exception, update. `values` is what READ brought,
`relay` what was read back after a relay was to be moved."""
approval_table = Table(
    "command_approval",
    metadata,
    Column("command", ForeignKey("command.number"), primary_key=True),
    Column("by", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
)
event_table = happenings("command_event", "command", "command.number", event=32, state=32)
COMMANDS = Moving(MACHINE, command_table, event_table)
result_table = Table(
    "command_result",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gateway", ForeignKey(gateway_table.c.id), nullable=False),
    Column("order", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("detail", String(500), nullable=False),
    Column("values", JSON),
    Column("relay", String(16)),
    UniqueConstraint("gateway", "order", "state"),
)


def command(connection: Connection, id: str) -> Row[Any]:  # noqa: A002
    """One command by its id; NotFound when there is none."""
    row = find(connection, id)
    if row is None:
        raise NotFound(f"there is no command {id!r}")
    return row


def find(connection: Connection, id: str) -> Row[Any] | None:  # noqa: A002
    return connection.execute(select(command_table).where(command_table.c.id == id)).one_or_none()


def commands(
    connection: Connection,
    *,
    states: Collection[CommandState] | None = None,
    meter: str | None = None,
    gateway: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Commands, newest first, from before `before`."""
    query = select(command_table).order_by(command_table.c.number.desc()).limit(limit)
    if states is not None:
        query = query.where(command_table.c.state.in_(sorted(states)))
    if meter is not None:
        query = query.where(command_table.c.meter == meter)
    if gateway is not None:
        query = query.where(command_table.c.gateway == gateway)
    if before is not None:
        query = query.where(command_table.c.number < before)
    return connection.execute(query).all()


def approve(connection: Connection, number: int, by: str, at: datetime) -> None:
    connection.execute(insert(approval_table).values(command=number, by=by, at=at))


def approvals(connection: Connection, number: int) -> Sequence[Row[Any]]:
    query = select(approval_table).where(approval_table.c.command == number)
    return connection.execute(query.order_by(approval_table.c.at, approval_table.c.by)).all()


def of_relay(connection: Connection, meter: str) -> Sequence[Row[Any]]:
    """The relay commands of a meter, newest first."""
    kinds = (OrderKind.RELAY_OFF, OrderKind.RELAY_ON)
    query = _of(meter).where(command_table.c.kind.in_(kinds))
    return connection.execute(query.order_by(command_table.c.number.desc())).all()


def _of(meter: str) -> Select[Any]:
    return select(command_table).where(command_table.c.meter == meter)


def off_issued_since(connection: Connection, since: datetime) -> int:
    """Disconnections issued since then, whatever came of them."""
    query = select(func.count()).select_from(command_table)
    query = query.where(command_table.c.kind == OrderKind.RELAY_OFF, command_table.c.issued_at >= since)
    return int(connection.scalar(query) or 0)


def open_ones(connection: Connection) -> Sequence[Row[Any]]:
    """Every command that has not come to its end, oldest first."""
    query = select(command_table).where(command_table.c.state.in_(sorted(OPEN)))
    return connection.execute(query.order_by(command_table.c.number)).all()


# what gateways answered


def keep_result(connection: Connection, row: dict[str, Any]) -> bool:
    """False when it was kept before."""
    if _result(connection, row["gateway"], row["order"], row["state"]) is not None:
        return False
    connection.execute(insert(result_table).values(row))
    return True


def _result(connection: Connection, gateway: str, order: str, state: str) -> Row[Any] | None:
    same = (result_table.c.gateway == gateway, result_table.c.order == order, result_table.c.state == state)
    return connection.execute(select(result_table).where(*same)).one_or_none()


def results(connection: Connection, gateway: str, orders: Iterable[str]) -> list[tuple[str, str]]:
    """(order, state) of all that is written down of these orders."""
    query = select(result_table.c.order, result_table.c.state)
    query = query.where(result_table.c.gateway == gateway, result_table.c.order.in_(sorted(orders)))
    return [(row.order, row.state) for row in connection.execute(query.order_by(result_table.c.id))]


def strange_results(connection: Connection, gateway: str) -> int:
    """How many orders this gateway answered that were never given here."""
    known = select(command_table.c.id)
    query = select(func.count()).select_from(result_table)
    query = query.where(result_table.c.gateway == gateway, result_table.c.order.not_in(known))
    return int(connection.scalar(query) or 0)
