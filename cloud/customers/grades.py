"""Important customers (重要客户, GB/T 29328-2018): declared by a government's list, never inferred."""

from datetime import date
from enum import StrEnum

from sqlalchemy import Column, Connection, Date, ForeignKey, String, Table, select

from cloud.kit.db import Instant, metadata


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
)
"""`list_no`: the list that declares it; `to_day` the first day that it does not hold."""


def grades_on(connection: Connection, day: date) -> dict[str, Grade]:
    """By account; who is on no list is not there."""
    table = grade_table.c
    query = select(table.account, table.grade).where(
        table.from_day <= day, table.to_day.is_(None) | (table.to_day > day)
    )
    return {row.account: Grade(row.grade) for row in connection.execute(query)}
