"""What a customer may know of an order: its stage, the time expected, and the truth about their own meters.

An order counts as restored for the station before it does for somebody whose own meter is still dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from cloud.alerts.notify import notice_table
from cloud.alerts.policy import NoticeKind
from cloud.alerts.store import out_meters
from cloud.customers.store import customers_of_meters
from cloud.kit.errors import NotFound
from cloud.workorders.rules import OrderState
from cloud.workorders.store import order_table, report_table

STILL_DARK = "still_dark"
"""Instead of restored or closed, for a customer one of whose meters has not shown voltage again."""
_ON_THE_WAY = (OrderState.CREW_SENT, OrderState.ON_SITE, OrderState.REPAIRING)
_OVER = (OrderState.RESTORED, OrderState.CLOSED)


@dataclass(frozen=True, slots=True)
class Progress:
    """`stage` is a state of the order or `still_dark`; `earliest` to `latest` is when supply is expected."""

    number: str
    kind: str
    stage: str
    area: str | None
    customers: int
    cause: str | None
    crew_sent: bool
    opened_at: datetime
    changed_at: datetime
    on_site_by: datetime
    earliest: datetime | None
    latest: datetime | None
    estimate_origin: str | None
    supply_back_at: datetime | None


def orders_of(
    connection: Connection,
    customer: str,
    *,
    number: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """The orders a customer reported to or was told an outage of: newest first, behind the id `before`."""
    reported = select(report_table.c.order).where(report_table.c.customer == customer)
    told = select(notice_table.c.alert).where(
        notice_table.c.customer == customer, notice_table.c.kind == NoticeKind.OUTAGE.value
    )
    query = (
        select(order_table)
        .where(order_table.c.id.in_(reported) | order_table.c.alert.in_(told))
        .order_by(order_table.c.id.desc())
        .limit(limit)
    )
    if number is not None:
        query = query.where(order_table.c.number == number)
    if before is not None:
        query = query.where(order_table.c.id < before)
    return connection.execute(query).all()


def order_of(connection: Connection, customer: str, number: str) -> Row[Any]:
    """One of those; NotFound when it is not theirs."""
    found = orders_of(connection, customer, number=number)
    if not found:
        raise NotFound(f"there is no work order {number!r}")
    return found[0]


def progress(connection: Connection, order: Row[Any], customer: str) -> Progress:
    """How an order stands for one customer."""
    still_dark, back_at = _own_supply(connection, order, customer)
    over = order.state in _OVER
    known = not over and not (back_at is not None and not still_dark)
    return Progress(
        order.number,
        order.kind,
        STILL_DARK if over and still_dark else order.state,
        order.area,
        order.customers,
        order.cause,
        order.state in _ON_THE_WAY,
        order.opened_at,
        order.changed_at,
        order.on_site_by,
        order.earliest if known else None,
        order.latest if known else None,
        order.estimate_origin if known else None,
        None if still_dark else back_at,
    )


def _own_supply(connection: Connection, order: Row[Any], customer: str) -> tuple[bool, datetime | None]:
    """Whether a meter of theirs is still dark in this outage, and when the last one came back."""
    if order.alert is None:
        return False, None
    rows = out_meters(connection, order.alert)
    served = customers_of_meters(connection, rows, order.opened_at)
    own = [rows[each.meter].restored_at for each in served if each.customer == customer]
    back = [at for at in own if at is not None]
    return len(back) < len(own), max(back, default=None)
