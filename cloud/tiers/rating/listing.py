"""Accounts by how they stand on an axis, page by page; who is locked is listed where the lock puts them."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, Connection, func, select

from cloud.customers.store import account_table
from cloud.tiers.axes import Axis
from cloud.tiers.rating.store import Standing, locks_on, standings
from cloud.tiers.rating.tables import decision_table

_COLUMNS = {
    Axis.SHAPE: decision_table.c.shape,
    Axis.VALUE: decision_table.c.value,
    Axis.CREDIT: decision_table.c.credit,
}


def listed(
    connection: Connection, day: date, axis: Axis, value: str | None, *, after: str = "", limit: int = 100
) -> tuple[list[Standing], str | None]:
    """Those that stand on the axis, at that value or sub-tier or at any; and where the next page begins."""
    if axis in (Axis.GRADE, Axis.NEED):
        return _few(connection, day, axis, value, after, limit)
    found: list[Standing] = []
    while len(found) <= limit:
        numbers = _numbers(connection, day, axis, value, after, limit + 1)
        if not numbers:
            break
        found += _fitting(connection, day, axis, value, numbers)
        after = numbers[-1]
    return found[:limit], found[limit - 1].account if len(found) > limit else None


def _few(
    connection: Connection, day: date, axis: Axis, value: str | None, after: str, limit: int
) -> tuple[list[Standing], str | None]:
    """On axes on which only some stand at all."""
    everybody = standings(connection, day, axis=axis)
    found = [
        each[axis]
        for account, each in everybody.items()
        if account > after and axis in each and (value is None or value in each[axis].value.split(","))
    ]
    return found[:limit], found[limit - 1].account if len(found) > limit else None


def _numbers(
    connection: Connection, day: date, axis: Axis, value: str | None, after: str, limit: int
) -> Sequence[str]:
    own, table, account = decision_table.alias().c, decision_table.c, account_table.c
    newest = select(func.max(own.month)).where(own.account == account.no).scalar_subquery()
    query = (
        select(account.no)
        .outerjoin(decision_table, (table.account == account.no) & (table.month == newest))
        .where(account.no > after)
        .order_by(account.no)
        .limit(limit)
    )
    if value is not None:
        held = [row.account for row in locks_on(connection, day) if row.axis == axis.value]
        query = query.where(_stands(axis, value) | account.no.in_(held))
    return list(connection.scalars(query))


def _stands(axis: Axis, value: str) -> ColumnElement[bool]:
    """A class by itself ("household") or with its sub-tier ("household.large_family")."""
    if axis is not Axis.CLASS:
        return _COLUMNS[axis] == value
    class_, _, sub = value.partition(".")
    contracted = account_table.c["class"] == class_
    return contracted & (decision_table.c.sub == sub) if sub else contracted


def _fitting(
    connection: Connection, day: date, axis: Axis, value: str | None, numbers: Sequence[str]
) -> list[Standing]:
    found = standings(connection, day, accounts=numbers, axis=axis)
    there = [found[no][axis] for no in numbers if axis in found[no]]
    return [each for each in there if value is None or value in (each.value, each.sub)]
