"""Remembers customers, their accounts, and which meter served which account from when until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, Index, Row, Select, String, Table, select

from cloud.fleet.registry import meter_table
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound
from cloud.kit.scope import Scope, Window


def _named_meter(context: Any) -> Any:
    """A meter without a point of another name is its own."""
    return context.get_current_parameters()["meter"]


customer_table = Table(
    "customer",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("language", String(16), nullable=False),
    Column("phone", String(32)),
)
account_table = Table(
    "account",
    metadata,
    Column("no", String(32), primary_key=True),
    Column("customer", ForeignKey("customer.id"), nullable=False),
    Column("address", String(200), nullable=False),
    Column("class", String(32), nullable=False),
    Index(None, "customer"),
)
service_table = Table(
    "service",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("meter", ForeignKey("meter.id"), primary_key=True),
    Column("start", Instant, primary_key=True),
    Column("end", Instant),
    Column("proven_at", Instant),
    Column("proven_by", String(64)),
    Column("point", String(64), default=_named_meter),
    Index(None, "meter"),
    Index(None, "point"),
)
"""An account at a metering point, named by the meter that hung there at `start`; it follows that point.

`proven_at`: when it was seen on site that this meter serves this account (no 串户), and by whom.
"""
proof_table = Table(
    "service_proof",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("meter", ForeignKey("meter.id"), primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("by", String(64), nullable=False),
)
"""Proofs for meters that came to the point by an exchange: the old meter's proof is not theirs."""
contact_table = Table(
    "contact",
    metadata,
    Column("customer", ForeignKey("customer.id"), primary_key=True),
    Column("channel", String(500), primary_key=True),
)


@dataclass(frozen=True, slots=True)
class Served:
    """Whom a meter serves, through which account."""

    meter: str
    area: str
    account: str
    customer: str


def customer(connection: Connection, id: str) -> Row[Any]:  # noqa: A002
    """The row of one customer; NotFound when there is none."""
    row = connection.execute(select(customer_table).where(customer_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no customer {id!r}")
    return row


def customers(
    connection: Connection, only: Iterable[str] | None = None, *, after: str = "", limit: int | None = None
) -> Sequence[Row[Any]]:
    """Rows of `customer` in order of id, from behind `after`; `only` None means every one."""
    query = select(customer_table).where(customer_table.c.id > after)
    if only is not None:
        query = query.where(customer_table.c.id.in_(sorted(set(only))))
    return connection.execute(query.order_by(customer_table.c.id).limit(limit)).all()


def accounts_of(connection: Connection, customer: str) -> Sequence[Row[Any]]:
    """The customer's accounts, in order of number."""
    query = select(account_table).where(account_table.c.customer == customer)
    return connection.execute(query.order_by(account_table.c.no)).all()


def account(connection: Connection, no: str, customer: str | None = None) -> Row[Any]:
    """One account; NotFound when there is none, or when it is not `customer`'s."""
    row = connection.execute(select(account_table).where(account_table.c.no == no)).one_or_none()
    if row is None or (customer is not None and row.customer != customer):
        raise NotFound(f"there is no account {no!r}")
    return row


def scope_of(connection: Connection, customer: str) -> Scope:
    """What a customer may see of readings: each meter for just as long as it served them."""
    query = (
        select(service_table.c.meter, service_table.c.start, service_table.c.end)
        .join(account_table)
        .where(account_table.c.customer == customer)
        .order_by(service_table.c.meter, service_table.c.start)
    )
    return Scope(tuple(Window(row.meter, row.start, row.end) for row in connection.execute(query)))


def _served(at: datetime) -> Select[Any]:
    return (
        select(
            service_table.c.meter,
            meter_table.c.area,
            service_table.c.account,
            account_table.c.customer,
        )
        .join(account_table, account_table.c.no == service_table.c.account)
        .join(meter_table, meter_table.c.id == service_table.c.meter)
        .where(
            service_table.c.start <= at,
            (service_table.c.end.is_(None)) | (service_table.c.end > at),
        )
        .order_by(service_table.c.meter, service_table.c.account)
    )


def customers_of_area(connection: Connection, area: str, at: datetime) -> list[Served]:
    """Everybody served in an area at an instant, in order of meter."""
    rows = connection.execute(_served(at).where(meter_table.c.area == area))
    return [Served(*row) for row in rows]


def customers_of_meters(connection: Connection, meters: Iterable[str], at: datetime) -> list[Served]:
    """Everybody served by those meters at an instant, in order of meter."""
    rows = connection.execute(_served(at).where(service_table.c.meter.in_(sorted(set(meters)))))
    return [Served(*row) for row in rows]


def meters_of_account(connection: Connection, account: str, at: datetime) -> list[Served]:
    """The meters that serve an account at an instant."""
    rows = connection.execute(_served(at).where(service_table.c.account == account))
    return [Served(*row) for row in rows]


def areas_of(connection: Connection, customer: str, at: datetime) -> list[str]:
    """The areas in which a customer is served at an instant."""
    rows = connection.execute(_served(at).where(account_table.c.customer == customer))
    return sorted({row.area for row in rows})


def channels_of(connection: Connection, customer: str) -> list[str]:
    """Where the customer's notices are pushed: apprise URLs, which hold secrets and are shown to nobody."""
    query = select(contact_table.c.channel).where(contact_table.c.customer == customer)
    return list(connection.scalars(query.order_by(contact_table.c.channel)))
