"""Remembers customers, their accounts, and which meter served which account from when until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Row,
    Select,
    String,
    Table,
    insert,
    select,
    update,
)

from cloud.fleet.history import point_meter
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
    mine = select(account_table.c.no).where(account_table.c.customer == customer)
    return _scope(connection, service_table.c.account.in_(mine))


def scope_of_account(connection: Connection, account: str) -> Scope:
    """What may be seen through one account: each meter at its point for just as long as it served it."""
    return _scope(connection, service_table.c.account == account)


def _scope(connection: Connection, which: ColumnElement[bool]) -> Scope:
    found = []
    for row in connection.execute(_over_time().where(which)):
        start = max(row.start, row.since)
        end = min((each for each in (row.end, row.to) if each is not None), default=None)
        if end is None or start < end:
            found.append(Window(row.meter, start, end))
    return Scope(tuple(sorted(found, key=lambda window: (window.meter, window.start))))


def _over_time() -> Select[Any]:
    """Each service with each meter that ever hung at its point: where the two overlap, it served."""
    hung = point_meter.c
    return (
        select(service_table.c.start, service_table.c.end, hung.meter)
        .add_columns(hung.start.label("since"), hung.end.label("to"))
        .join(point_meter, (hung.point == service_table.c.point) & hung.withdrawn_at.is_(None))
    )


def _served(at: datetime) -> Select[Any]:
    hung = point_meter.c
    return (
        select(hung.meter, meter_table.c.area, service_table.c.account, account_table.c.customer)
        .select_from(service_table)
        .join(account_table, account_table.c.no == service_table.c.account)
        .join(point_meter, (hung.point == service_table.c.point) & hung.withdrawn_at.is_(None))
        .join(meter_table, meter_table.c.id == hung.meter)
        .where(
            *(each.start <= at for each in (service_table.c, hung)),
            *(each.end.is_(None) | (each.end > at) for each in (service_table.c, hung)),
        )
        .order_by(hung.meter, service_table.c.account)
    )


@dataclass(frozen=True, slots=True)
class Service:
    """An account served through a meter that hangs at the point `since`; the proof is of this very meter."""

    account: str
    point: str
    meter: str
    named: str
    start: datetime
    since: datetime
    proven_at: datetime | None
    proven_by: str | None


def services_of(connection: Connection, meter: str, at: datetime) -> list[Service]:
    """The service through a meter at an instant: none or one.

    A meter that came by an exchange has to be proven itself: the proof of the one before is not its own.
    """
    hung = point_meter.c
    query = (
        select(service_table, hung.start.label("since"))
        .join(point_meter, (hung.point == service_table.c.point) & hung.withdrawn_at.is_(None))
        .where(hung.meter == meter)
        .where(*(each.start <= at for each in (service_table.c, hung)))
        .where(*(each.end.is_(None) | (each.end > at) for each in (service_table.c, hung)))
    )
    return [_service(connection, row, meter) for row in connection.execute(query).all()]


def _service(connection: Connection, row: Row[Any], meter: str) -> Service:
    at, by = row.proven_at, row.proven_by
    if row.meter != meter or (at is not None and at < row.since):
        mine = (proof_table.c.account == row.account, proof_table.c.meter == meter)
        query = select(proof_table.c.at, proof_table.c.by).where(*mine, proof_table.c.at >= row.since)
        found = connection.execute(query.order_by(proof_table.c.at.desc()).limit(1)).one_or_none()
        at, by = (None, None) if found is None else (found.at, found.by)
    return Service(row.account, row.point, meter, row.meter, row.start, row.since, at, by)


def put_proof(connection: Connection, service: Service, by: str, at: datetime) -> None:
    """Keep that somebody saw on site that this meter serves this account."""
    if service.named == service.meter:
        same = (
            service_table.c.meter == service.meter,
            service_table.c.account == service.account,
            service_table.c.start == service.start,
        )
        connection.execute(update(service_table).where(*same).values(proven_at=at, proven_by=by))
        return
    row = {"account": service.account, "meter": service.meter, "at": at, "by": by}
    connection.execute(insert(proof_table).values(row))


def classes_of_points(connection: Connection, at: datetime) -> dict[str, str]:
    """By metering point the class (household, business, …) of the account that it serves at an instant."""
    query = (
        select(service_table.c.point, account_table.c["class"])
        .join(account_table, account_table.c.no == service_table.c.account)
        .where(service_table.c.start <= at, service_table.c.end.is_(None) | (service_table.c.end > at))
        .order_by(service_table.c.start)
    )
    return {row.point: row[1] for row in connection.execute(query)}


def customers_of_area(connection: Connection, area: str, at: datetime) -> list[Served]:
    """Everybody served in an area at an instant, in order of meter."""
    rows = connection.execute(_served(at).where(meter_table.c.area == area))
    return [Served(*row) for row in rows]


def customers_of_meters(connection: Connection, meters: Iterable[str], at: datetime) -> list[Served]:
    """Everybody served by those meters at an instant, in order of meter."""
    rows = connection.execute(_served(at).where(point_meter.c.meter.in_(sorted(set(meters)))))
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
