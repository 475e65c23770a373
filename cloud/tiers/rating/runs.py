"""The book of monthly runs: which were begun and finished, under which rule, and how steady tiers were."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from cloud.insight.indicators.months import month_table
from cloud.metering.vee.point_day import Channel
from cloud.tiers.rating.tables import run_table


def begin(connection: Connection, month: date, rule: str, accounts: int, at: datetime) -> None:
    """In place of one that broke off, or of an earlier one."""
    connection.execute(delete(run_table).where(run_table.c.month == month))
    row = {"month": month, "rule": rule, "started_at": at, "accounts": accounts, "report": {}}
    connection.execute(insert(run_table).values(row))


def finish(connection: Connection, month: date, report: Mapping[str, Any], at: datetime) -> None:
    mine = update(run_table).where(run_table.c.month == month)
    connection.execute(mine.values(finished_at=at, report=dict(report)))


def finished(connection: Connection, month: date) -> bool:
    table = run_table.c
    query = select(table.month).where(table.month == month, table.finished_at.is_not(None))
    return connection.execute(query).first() is not None


def indicated(connection: Connection, month: date) -> bool:
    """There is anything to judge of that month."""
    table = month_table.c
    query = select(table.month).where(table.month == month, table.channel == Channel.IMPORT.value)
    return connection.execute(query.limit(1)).first() is not None


def listed(connection: Connection, limit: int = 24) -> Sequence[Row[Any]]:
    """Newest first."""
    return connection.execute(select(run_table).order_by(run_table.c.month.desc()).limit(limit)).all()
