"""What became of work orders, for the ledger of promises: whom each was for, and when what was done."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, select

from cloud.alerts.store import out_meters
from cloud.customers.store import customers_of_meters
from cloud.policies.deadlines import DeadlinePolicy
from cloud.tiers.entitlements.evidence import OrderFact
from cloud.workorders.deadlines import place_of
from cloud.workorders.rules import OrderState
from cloud.workorders.store import order_table, report_table


class Fulfilment:
    """Orders under one deadline policy, which says of what place an area is."""

    def __init__(self, policy: DeadlinePolicy) -> None:
        self._policy = policy

    def facts(self, connection: Connection, start: datetime, end: datetime) -> Sequence[OrderFact]:
        """The orders opened in [start, end). A report that an outage's order answers counts with that one."""
        table = order_table.c
        query = select(order_table).where(
            table.opened_at >= start, table.opened_at < end, table.outage_order.is_(None)
        )
        rows = connection.execute(query.order_by(table.id)).all()
        reported: dict[int, set[str]] = defaultdict(set)
        reports = select(report_table.c.order, report_table.c.account).join(
            order_table, report_table.c.order == table.id
        )
        for order, account in connection.execute(
            reports.where(table.opened_at >= start, table.opened_at < end)
        ):
            reported[order].add(account)
        return [self._fact(connection, row, reported[row.id]) for row in rows]

    def _fact(self, connection: Connection, row: Row[tuple[object, ...]], reported: set[str]) -> OrderFact:
        return OrderFact(
            row.number,
            _accounts(connection, row, reported),
            place_of(self._policy, row.area),
            row.opened_at,
            row.on_site_by,
            row.restore_by,
            row.arrived_at,
            row.restored_at,
            row.state == OrderState.CANCELLED,
        )


def _accounts(connection: Connection, row: Row[tuple[object, ...]], reported: set[str]) -> tuple[str, ...]:
    """Who was without supply, who reported, and whose order it is."""
    found = set(reported)
    if row.account is not None:
        found.add(row.account)
    if row.alert is not None:
        dark = out_meters(connection, row.alert)
        found |= {each.account for each in customers_of_meters(connection, dark, row.opened_at)}
    return tuple(sorted(found))
