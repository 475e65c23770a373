"""Remembers every report that was issued, byte for byte: a row is never changed, late facts add one."""

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    func,
    insert,
    select,
)

from cloud.desk.report.pieces import Report
from cloud.fleet.history import among
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound

issued_table = Table(
    "issued_report",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("month", Date, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("issued_at", Instant, nullable=False),
    Column("rules", Integer, nullable=False),
    Column("inputs", String(32), nullable=False),
    Column("changes", JSON, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index(None, "month"),
)
"""`month` its first day; `revision` from 1; `rules` by which it was composed, `inputs` a digest of the
month's facts in it; `changes`: what differs from the revision before; `content` JSON, zlib."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One revision without its content."""

    account: str
    month: date
    revision: int
    issued_at: datetime
    rules: int
    inputs: str
    changes: Sequence[Mapping[str, Any]]


_HEAD = [issued_table.c[name] for name in Issued.__slots__]


def of_account(connection: Connection, account: str) -> list[Issued]:
    """Every revision of every month, newest first."""
    table = issued_table.c
    query = select(*_HEAD).where(table.account == account)
    rows = connection.execute(query.order_by(table.month.desc(), table.revision.desc()))
    return [Issued(**row._mapping) for row in rows]


def one(
    connection: Connection, account: str, month: date, revision: int | None = None
) -> tuple[Issued, Report]:
    """A revision, or the newest. NotFound: none was issued."""
    table = issued_table.c
    query = select(issued_table).where(table.account == account, table.month == month)
    if revision is not None:
        query = query.where(table.revision == revision)
    row = connection.execute(query.order_by(table.revision.desc()).limit(1)).one_or_none()
    if row is None:
        raise NotFound(f"there is no report of {month:%Y-%m} of account {account!r}")
    return _issued(row)


def newest(
    connection: Connection, month: date, accounts: Collection[str]
) -> dict[str, tuple[Issued, Report]]:
    """By account the last revision of a month, of those that have one."""
    own, table = issued_table.alias().c, issued_table.c
    last = select(func.max(own.revision)).where(own.account == table.account, own.month == table.month)
    query = select(issued_table).where(table.month == month, table.revision == last.scalar_subquery())
    return {
        row.account: _issued(row)
        for part in among(query, table.account, accounts)
        for row in connection.execute(part)
    }


def put(connection: Connection, rows: Sequence[tuple[Issued, Report]]) -> None:
    """New revisions; the database refuses one that is there already."""
    made = [
        {name: getattr(issued, name) for name in Issued.__slots__}
        | {"changes": [dict(each) for each in issued.changes], "content": packed(report)}
        for issued, report in rows
    ]
    if made:
        connection.execute(insert(issued_table), made)


def issued_days(connection: Connection, month: date, zone: tzinfo) -> dict[str, date]:
    """By account the local day on which its first report of a month was issued."""
    table = issued_table.c
    query = select(table.account, table.issued_at).where(table.month == month, table.revision == 1)
    return {account: at.astimezone(zone).date() for account, at in connection.execute(query)}


def packed(report: Report) -> bytes:
    return zlib.compress(report.model_dump_json().encode(), 6)


def _issued(row: Row[Any]) -> tuple[Issued, Report]:
    issued = Issued(**{name: row._mapping[name] for name in Issued.__slots__})
    return issued, Report.model_validate(json.loads(zlib.decompress(row.content)))
