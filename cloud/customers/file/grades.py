"""Important customers (重要客户, GB/T 29328-2018): declared by a government's list, never inferred."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Connection, Date, ForeignKey, Row, String, Table, insert, select, update

from cloud.kit.db import Instant, metadata
from cloud.kit.errors import Conflict, Invalid, NotFound


class Grade(StrEnum):
    """特级, 一级, 二级, 临时."""

    SPECIAL = "special"
    FIRST = "first"
    SECOND = "second"
    TEMPORARY = "temporary"


grade_table = Table(
    "customer_grade",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("from_day", Date, primary_key=True),
    Column("to_day", Date),
    Column("grade", String(16), nullable=False),
    Column("list_no", String(120), nullable=False),
    Column("by", String(64), nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("ended_by", String(64)),
    Column("ended_why", String(500)),
)
"""`list_no`: the list that declares it; `to_day` the first day that it does not hold."""


def grades_on(connection: Connection, day: date) -> dict[str, Grade]:
    """By account; who is on no list is not there."""
    table = grade_table.c
    query = select(table.account, table.grade).where(
        table.from_day <= day, table.to_day.is_(None) | (table.to_day > day)
    )
    return {row.account: Grade(row.grade) for row in connection.execute(query)}


def grades_of(connection: Connection, account: str) -> Sequence[Row[Any]]:
    """All of an account, oldest first."""
    query = select(grade_table).where(grade_table.c.account == account)
    return connection.execute(query.order_by(grade_table.c.from_day)).all()


def declare(
    connection: Connection,
    account: str,
    grade: Grade,
    list_no: str,
    *,
    from_day: date,
    by: str,
    now: datetime,
) -> None:
    """A list declares it from a day on; what held before ends. Invalid: no list. Conflict: a later one."""
    if not list_no.strip():
        raise Invalid("list_no: name the list that declares it; a grade is never inferred")
    known = grades_of(connection, account)
    if known and known[-1].from_day >= from_day:
        raise Conflict(f"account {account} has a grade from {known[-1].from_day} on already")
    if known and (known[-1].to_day is None or known[-1].to_day > from_day):
        _close(connection, known[-1], from_day, by, "")
    row = {"account": account, "from_day": from_day, "grade": grade.value, "list_no": list_no.strip()}
    connection.execute(insert(grade_table).values(row | {"by": by, "recorded_at": now}))


def end(connection: Connection, account: str, *, on: date, by: str, why: str) -> None:
    """From that day on it is on no list. NotFound: it has none; Invalid: no reason, or before it began."""
    if not why.strip():
        raise Invalid("say why: it stays with the grade")
    standing = [row for row in grades_of(connection, account) if row.to_day is None or row.to_day > on]
    if not standing:
        raise NotFound(f"account {account} has no grade to end on {on}")
    if on <= standing[0].from_day:
        raise Invalid(f"its grade holds from {standing[0].from_day} on: it cannot end before")
    _close(connection, standing[0], on, by, why.strip())


def _close(connection: Connection, row: Row[Any], on: date, by: str, why: str) -> None:
    table = grade_table.c
    mine = (table.account == row.account, table.from_day == row.from_day)
    values = {"to_day": on, "ended_by": by, "ended_why": why or None}
    connection.execute(update(grade_table).where(*mine).values(values))
