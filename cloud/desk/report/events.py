"""What befell accounts in a month: times without supply at their own meters, and their own orders."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from cloud.alerts.policy import AlertKind
from cloud.alerts.store import alert_table, out_meter_table
from cloud.customers.store import service_table
from cloud.desk.report.pieces import Order, Outage
from cloud.desk.report.span import Month
from cloud.fleet.history import among, point_meter
from cloud.workorders.store import order_table, report_table


def outages(connection: Connection, month: Month, accounts: Collection[str]) -> dict[str, list[Outage]]:
    """By account, of the time that each meter served it; meters dark together in one outage are one."""
    hung = _meters(connection, month, accounts)
    table, alert, order = out_meter_table.c, alert_table.c, order_table.c
    query = (
        select(
            table.alert,
            table.meter,
            table.dark_at,
            table.back_at,
            table.restored_at.label("meter_restored_at"),
            order.number,
            order.cause,
            order.arrived_at,
            order.restored_at,
        )
        .join(alert_table, alert.id == table.alert)
        .outerjoin(order_table, order.alert == alert.id)
        .where(alert.kind == AlertKind.AREA_OUTAGE.value, table.dark_at < month.end)
        .where(table.restored_at.is_(None) | (table.restored_at > month.start))
    )
    found: dict[tuple[str, int], list[tuple[datetime, datetime | None, Row[Any]]]] = defaultdict(list)
    for part in among(query, table.meter, hung):
        for row in connection.execute(part):
            until = row.back_at or row.meter_restored_at
            for account, start, end in hung[row.meter]:
                if row.dark_at < end and (until is None or until > start):
                    found[account, row.alert].append((row.dark_at, until, row))
    told: dict[str, list[Outage]] = defaultdict(list)
    for (account, _), rows in sorted(found.items()):
        told[account].append(_outage(rows))
    return told


def _meters(
    connection: Connection, month: Month, accounts: Collection[str]
) -> dict[str, list[tuple[str, datetime, datetime]]]:
    """By meter the (account, from, to) of the month that it served."""
    service, hung = service_table.c, point_meter.c
    query = (
        select(
            service.account,
            hung.meter,
            service.start,
            service.end,
            hung.start.label("since"),
            hung.end.label("to"),
        )
        .select_from(service_table)
        .join(point_meter, (hung.point == service.point) & hung.withdrawn_at.is_(None))
        .where(service.start < month.end, service.end.is_(None) | (service.end > month.start))
    )
    found: dict[str, list[tuple[str, datetime, datetime]]] = defaultdict(list)
    for part in among(query, service.account, accounts):
        for row in connection.execute(part):
            start = max(row.start, row.since, month.start)
            end = min(each for each in (row.end, row.to, month.end) if each is not None)
            if start < end:
                found[row.meter].append((row.account, start, end))
    return found


def _outage(rows: Sequence[tuple[datetime, datetime | None, Row[Any]]]) -> Outage:
    since = min(start for start, _, _ in rows)
    ends = [until for _, until, _ in rows]
    known = [each for each in ends if each is not None]
    until = max(known) if len(known) == len(ends) else None
    order = rows[0][2]
    return Outage(
        since=since,
        until=until,
        minutes=None if until is None else round((until - since).total_seconds() / 60),
        order=order.number,
        cause=order.cause,
        arrived_at=order.arrived_at,
        restored_at=order.restored_at,
    )


def orders(connection: Connection, month: Month, accounts: Collection[str]) -> dict[str, list[Order]]:
    """By account what it reported or what was opened for it, without orders of outages."""
    table, report = order_table.c, report_table.c
    within = (table.opened_at >= month.start, table.opened_at < month.end, table.alert.is_(None))
    found: dict[str, dict[int, Order]] = defaultdict(dict)
    for part in among(select(order_table).where(*within), table.account, accounts):
        for row in connection.execute(part):
            found[row.account][row.id] = _order(row)
    reported = select(order_table, report.account.label("by_account")).join(
        report_table, report.order == table.id
    )
    for part in among(reported.where(*within), report.account, accounts):
        for row in connection.execute(part):
            found[row.by_account][row.id] = _order(row)
    return {account: [rows[number] for number in sorted(rows)] for account, rows in found.items()}


def _order(row: Row[Any]) -> Order:
    return Order(
        number=row.number,
        kind=row.kind,
        state=row.state,
        opened_at=row.opened_at,
        arrived_at=row.arrived_at,
        restored_at=row.restored_at,
        cause=row.cause,
    )
