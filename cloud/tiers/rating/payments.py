"""What bills say of twelve months: revenue, how often and how late it was paid, what is owed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from cloud.billing.store import bill_table
from cloud.tiers.rating.facts import Floats, Ints, Payments, ratio
from cloud.tiers.rating.months import WINDOW, back


@dataclass(frozen=True, slots=True)
class Judged:
    """(n,) each: CNY as of a year, share of bills paid by their day; NaN without bills."""

    revenue: Floats
    punctuality: Floats
    payments: Payments


def judged(connection: Connection, month: date, accounts: Sequence[str], today: date) -> Judged:
    """A bill is judged once it is paid or its day has passed."""
    count = len(accounts)
    at = {no: row for row, no in enumerate(accounts)}
    table = np.zeros((count, 4))
    for account, *numbers in connection.execute(_sums(month, today)):
        table[at[account]] = [float(each or 0) for each in numbers]
    bills, amount, due, late = table.T
    days_late = _worst(connection, month, at, today)
    arrears_days, arrears = _arrears(connection, at, today)
    paid = Payments(
        due.astype(np.int64),
        late.astype(np.int64),
        days_late,
        arrears_days,
        arrears,
        np.full(count, np.nan),
    )
    return Judged(ratio(amount * 12, bills), ratio(due - late, due), paid)


def _window(month: date) -> ColumnElement[bool]:
    return bill_table.c.month.between(back(month, WINDOW - 1), month)


def _late(today: date) -> ColumnElement[bool]:
    table = bill_table.c
    return (table.paid_on > table.due_on) | (table.paid_on.is_(None) & (table.due_on < today))


def _sums(month: date, today: date) -> Select[Any]:
    table = bill_table.c
    over = table.paid_on.is_not(None) | (table.due_on < today)
    return (
        select(
            table.account,
            func.count(),
            func.sum(table.amount),
            func.count(case((over, 1))),
            func.count(case((_late(today), 1))),
        )
        .where(_window(month))
        .group_by(table.account)
    )


def _worst(connection: Connection, month: date, at: Mapping[str, int], today: date) -> Ints:
    table = bill_table.c
    found = np.zeros(len(at), np.int64)
    query = select(table.account, table.due_on, table.paid_on).where(_window(month), _late(today))
    for row in connection.execute(query):
        days = ((row.paid_on or today) - row.due_on).days
        found[at[row.account]] = max(found[at[row.account]], days)
    return found


def _arrears(connection: Connection, at: Mapping[str, int], today: date) -> tuple[Ints, Floats]:
    """Of all months: a debt does not go with the year."""
    table = bill_table.c
    days, owed = np.zeros(len(at), np.int64), np.zeros(len(at))
    query = select(table.account, table.due_on, table.amount)
    for row in connection.execute(query.where(table.paid_on.is_(None), table.due_on < today)):
        place = at[row.account]
        days[place] = max(days[place], (today - row.due_on).days)
        owed[place] += float(row.amount)
    return days, owed
