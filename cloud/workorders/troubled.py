"""Customers who have a trouble open: nobody offers them anything now."""

from datetime import datetime

from sqlalchemy import Connection, select

from cloud.alerts import store as alerts
from cloud.alerts.policy import AlertKind
from cloud.customers.store import account_table, customers_of_area
from cloud.workorders.rules import UNDER_WAY
from cloud.workorders.store import order_table, report_table


def troubled_customers(connection: Connection, at: datetime) -> set[str]:
    """Of an area without supply, or with a fault report or an order of their own that has not ended."""
    table = order_table.c
    open_orders = select(table.id).where(table.state.in_(sorted(each.value for each in UNDER_WAY)))
    reported = select(report_table.c.customer).where(report_table.c.order.in_(open_orders))
    own = (
        select(account_table.c.customer)
        .join(order_table, table.account == account_table.c.no)
        .where(table.id.in_(open_orders))
    )
    found = set(connection.scalars(reported)) | set(connection.scalars(own))
    for outage in alerts.alerts(connection, only_open=True, kind=AlertKind.AREA_OUTAGE):
        if outage.area is not None:
            found |= {each.customer for each in customers_of_area(connection, outage.area, at)}
    return found
