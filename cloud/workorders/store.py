"""Remembers orders, every move of them, and the fault reports that belong to each."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound
from cloud.kit.moving import Moving, happenings
from cloud.workorders.rules import MACHINE, UNDER_WAY

order_table = Table(
    "work_order",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", String(32), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("area", ForeignKey("area.id")),
    Column("alert", ForeignKey("alert.id"), unique=True),
    Column("account", ForeignKey("account.no")),
    Column("outage_order", ForeignKey("work_order.id")),
    Column("customers", Integer, nullable=False),
    Column("backfeed_risk", String(16), nullable=False),
    Column("cause", String(200)),
    Column("crew", String(120)),
    Column("opened_at", Instant, nullable=False),
    Column("on_site_by", Instant, nullable=False),
    Column("restore_by", Instant, nullable=False),
    Column("arrived_at", Instant),
    Column("restored_at", Instant),
    Column("ended_at", Instant),
    Column("earliest", Instant),
    Column("latest", Instant),
    Column("estimate_origin", String(16)),
    Column("changed_at", Instant, nullable=False),
    Column("priority", Integer),
    Column("promised", JSON(none_as_null=True)),
    Index(None, "state"),
    Index(None, "area"),
    Index(None, "account"),
)
"""`priority` 1 is mended first, None: opened before orders had one; `promised`: to whom what is owed, and by
which rule ({"account", "rule", "grade", "on_site_min", "restore_min"})."""
event_table = happenings("order_event", "order", "work_order.id", event=32)
ORDERS = Moving(MACHINE, order_table, event_table)
report_table = Table(
    "fault_report",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order", ForeignKey("work_order.id"), nullable=False),
    Column("customer", ForeignKey("customer.id"), nullable=False),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("text", Text, nullable=False),
    Column("phone_ok", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "order"),
    Index(None, "customer", "at"),
)
day_table = Table(
    "order_day",
    metadata,
    Column("day", String(8), primary_key=True),
    Column("orders", Integer, nullable=False),
)


def next_number(connection: Connection, day: str) -> str:
    """The next order number of a local day (YYYYMMDD): WO-20261123-0007."""
    counted = update(day_table).where(day_table.c.day == day).values(orders=day_table.c.orders + 1)
    if not connection.execute(counted).rowcount:
        connection.execute(insert(day_table).values(day=day, orders=1))
    orders = connection.scalar(select(day_table.c.orders).where(day_table.c.day == day))
    return f"WO-{day}-{orders:04d}"


def order(connection: Connection, number: str) -> Row[Any]:
    """One order; NotFound when there is none."""
    row = connection.execute(select(order_table).where(order_table.c.number == number)).one_or_none()
    if row is None:
        raise NotFound(f"there is no work order {number!r}")
    return row


def by_alert(connection: Connection, alert: int) -> Row[Any] | None:
    return connection.execute(select(order_table).where(order_table.c.alert == alert)).one_or_none()


def orders(
    connection: Connection,
    *,
    states: Collection[str] | None = None,
    area: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Orders, newest first, from behind the id `before`."""
    query = select(order_table).order_by(order_table.c.id.desc()).limit(limit)
    if states is not None:
        query = query.where(order_table.c.state.in_(sorted(states)))
    if area is not None:
        query = query.where(order_table.c.area == area)
    if before is not None:
        query = query.where(order_table.c.id < before)
    return connection.execute(query).all()


def own_open_order(connection: Connection, account: str) -> Row[Any] | None:
    """The order that already answers a report from this account, when it is still under way."""
    query = (
        select(order_table)
        .where(order_table.c.account == account, order_table.c.state.in_(sorted(UNDER_WAY)))
        .order_by(order_table.c.id)
        .limit(1)
    )
    return connection.execute(query).one_or_none()


def add_report(connection: Connection, row: dict[str, Any]) -> None:
    connection.execute(insert(report_table).values(row))


def reports(connection: Connection, order: int) -> Sequence[Row[Any]]:
    query = select(report_table).where(report_table.c.order == order).order_by(report_table.c.id)
    return connection.execute(query).all()


def reports_since(connection: Connection, customer: str, at: datetime) -> int:
    """How many faults this customer has reported since `at`."""
    query = select(func.count()).where(report_table.c.customer == customer, report_table.c.at > at)
    return connection.scalar(query) or 0
