"""A standing held by hand until a day: with who and why; it ends by itself, and never outlasts a year."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cloud.customers import store as customers
from cloud.customers.protection import Protection, protections
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.tiers.axes import Axis, Credit, Value
from cloud.tiers.rating.tables import lock_table

LONGEST = timedelta(days=366)
_VALUES: dict[Axis, frozenset[str]] = {
    Axis.VALUE: frozenset(Value),
    Axis.CREDIT: frozenset({Credit.GOOD, Credit.WATCH, Credit.RISK}),
}
"""Class and grade are others' to say, a need is declared, a shape is measured: none of them is locked."""


def lock(
    connection: Connection,
    account: str,
    axis: Axis,
    value: str,
    until: date,
    why: str,
    *,
    by: str,
    now: datetime,
    today: date,
) -> Row[Any]:
    """From today up to and without `until`, in place of a lock that stands.

    Invalid: no such value, no reason, no time; Forbidden: a protected household's credit is never at risk.
    """
    customers.account(connection, account)
    if axis not in _VALUES:
        raise Invalid(f"axis: only {' and '.join(_VALUES)} can be locked")
    if value not in _VALUES[axis]:
        raise Invalid(f"value: {axis.value} is one of {', '.join(sorted(_VALUES[axis]))}")
    if not why.strip():
        raise Invalid("why: say why; it stays with the lock")
    if not today < until <= today + LONGEST:
        raise Invalid(f"until: a day after {today} and within a year")
    kept = {row.kind for row in protections(connection, account)}
    if value == Credit.RISK and Protection.HOUSEHOLD in kept:
        raise Forbidden("the household is protected: its credit is never worse than watch")
    _end_standing(connection, account, axis, by, today)
    row = {"account": account, "axis": axis.value, "value": value, "since": today, "until": until}
    row |= {"why": why.strip()[:500], "by": by, "at": now}
    made = connection.execute(insert(lock_table).values(row)).inserted_primary_key
    assert made is not None
    return one(connection, int(made[0]))


def one(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    row = connection.execute(select(lock_table).where(lock_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no lock {id}")
    return row


def unlock(connection: Connection, id: int, *, by: str, today: date) -> Row[Any]:  # noqa: A002
    """End it before its day. Conflict: it has ended."""
    row = one(connection, id)
    if row.ended_on is not None or row.until <= today:
        raise Conflict("that lock has ended already")
    connection.execute(update(lock_table).where(lock_table.c.id == id).values(ended_on=today, ended_by=by))
    return one(connection, id)


def of_account(connection: Connection, account: str) -> Sequence[Row[Any]]:
    """All of an account, newest first, with those that ended."""
    query = select(lock_table).where(lock_table.c.account == account)
    return connection.execute(query.order_by(lock_table.c.id.desc())).all()


def _end_standing(connection: Connection, account: str, axis: Axis, by: str, today: date) -> None:
    table = lock_table.c
    mine = (table.account == account, table.axis == axis.value, table.ended_on.is_(None), table.until > today)
    connection.execute(update(lock_table).where(*mine).values(ended_on=today, ended_by=by))
