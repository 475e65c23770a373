"""What became of notices to customers: of each, how many of its deliveries left, wait or were given up."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, func, select

from cloud.alerts.courier import DEAD, PENDING, SENT
from cloud.alerts.notify import delivery_table, notice_table
from cloud.tiers.entitlements.evidence import NoticeFact


def facts(connection: Connection, start: datetime, end: datetime) -> Sequence[NoticeFact]:
    """The notices to customers made in [start, end)."""
    notice, delivery = notice_table.c, delivery_table.c

    def of(state: str) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((delivery.state == state, 1), else_=0)), 0)

    query = (
        select(notice.customer, notice.created_at, of(SENT), of(DEAD), of(PENDING))
        .select_from(notice_table)
        .outerjoin(delivery_table, delivery.notice == notice.id)
        .where(notice.customer.is_not(None), notice.created_at >= start, notice.created_at < end)
        .group_by(notice.id, notice.customer, notice.created_at)
        .order_by(notice.id)
    )
    return [NoticeFact(*row) for row in connection.execute(query)]
