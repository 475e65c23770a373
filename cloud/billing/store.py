"""Remembers each account's bills by month: what was due by when, and when it was paid."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Column, Connection, Date, ForeignKey, Index, String, Table, select

from cloud.kit.db import Exact, metadata

bill_table = Table(
    "bill",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("month", Date, primary_key=True),
    Column("kwh", Exact(3)),
    Column("amount", Exact(2), nullable=False),
    Column("due_on", Date, nullable=False),
    Column("paid_on", Date),
    Column("origin", String(16), nullable=False),
    Index(None, "month"),
)
"""`month` is its first day, `amount` CNY; `paid_on`: the day it was paid whole, `origin` whose it is."""


@dataclass(frozen=True, slots=True)
class BillRow:
    account: str
    month: date
    kwh: Decimal | None
    amount: Decimal
    due_on: date
    paid_on: date | None
    origin: str

    def days_late(self, today: date) -> int:
        """0 where paid in time or not due yet; unpaid counts to today."""
        return max(0, ((self.paid_on or today) - self.due_on).days)


def bills(
    connection: Connection, first: date, last: date, accounts: Collection[str] | None = None
) -> list[BillRow]:
    """Of the months from `first` to `last` by account and month; all accounts or a few named."""
    table = bill_table.c
    query = select(bill_table).where(table.month.between(first, last))
    if accounts is not None:
        query = query.where(table.account.in_(sorted(accounts)))
    rows = connection.execute(query.order_by(table.account, table.month))
    return [BillRow(**row._mapping) for row in rows]


def newest(connection: Connection, account: str, months: int) -> list[BillRow]:
    """Of one account, newest first, at most so many."""
    table = bill_table.c
    query = select(bill_table).where(table.account == account).order_by(table.month.desc()).limit(months)
    return [BillRow(**row._mapping) for row in connection.execute(query)]
