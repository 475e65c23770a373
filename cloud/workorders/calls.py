"""How often somebody was called out for nothing: reports whose order ended without a fault of the supply."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from cloud.workorders.rules import OrderState
from cloud.workorders.store import order_table, report_table


def without_fault(connection: Connection, start: datetime, end: datetime) -> dict[str, int]:
    """By account, reports in [start, end); a report of a real fault never counts against who reported it."""
    report, order = report_table.c, order_table.c
    query = (
        select(report.account, func.count())
        .join(order_table, order.id == report.order)
        .where(report.at >= start, report.at < end, order.state == OrderState.CANCELLED.value)
        .group_by(report.account)
    )
    return {account: int(number) for account, number in connection.execute(query)}
