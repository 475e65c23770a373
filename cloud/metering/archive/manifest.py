"""The manifest: which files the archive consists of now; one transaction switches from one state to the next.

A row is made before its file (`writing`), is believed once the file is durable (`live`), is replaced by a
later revision (`old`), and goes with its file when no reader can hold it any more.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata
from cloud.metering.archive.layout import Layer, path_of


class State(StrEnum):
    WRITING = "writing"
    LIVE = "live"
    OLD = "old"


file_table = Table(
    "archive_file",
    metadata,
    Column("path", String(160), primary_key=True),
    Column("layer", String(8), nullable=False),
    Column("area", String(64), nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("state", String(8), nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index(None, "layer", "state", "first"),
)
"""`path` is relative to the archive's folder; `changed_at` is when `state` was entered."""
day_table = Table(
    "archive_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("revisions", Integer, nullable=False),
    Column("archived_at", Instant, nullable=False),
    Column("forgotten_at", Instant),
)
"""`revisions` counts the validated revisions that the day had; another count now means it changed since.

`forgotten_at`: since then its raw readings are in the archive; the store has only what came later, if any.
"""
due_table = Table(
    "archive_due",
    metadata,
    Column("day", Date, primary_key=True),
    Column("times", Integer, nullable=False),
)
"""Closed days of which readings came late; `times` counts the marks."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file; `first` and `last` are the local days it covers, both included."""

    path: str
    layer: Layer
    area: str
    first: date
    last: date
    revision: int
    rows: int
    bytes: int
    sha256: str
    made_at: datetime
    state: State
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an allotted file once it was durable."""

    path: str
    rows: int
    bytes: int
    sha256: str


def live(
    connection: Connection,
    layer: Layer,
    first: date,
    last: date,
    areas: Collection[str] | None = None,
) -> list[Entry]:
    """The files that cover any day from `first` to `last`, by area and revision: a later one overrules."""
    table = file_table.c
    query = select(file_table).where(
        table.layer == layer, table.state == State.LIVE, table.first <= last, table.last >= first
    )
    if areas is not None:
        query = query.where(table.area.in_(sorted(areas)))
    return _entries(connection, query.order_by(table.area, table.revision))


def let_go(connection: Connection, first: date, last: date) -> set[date]:
    """The days, both included, of which the store no longer holds every raw reading."""
    table = day_table.c
    query = select(table.day).where(table.day.between(first, last), table.forgotten_at.is_not(None))
    return set(connection.scalars(query))


def every(connection: Connection, *states: State) -> list[Entry]:
    """All rows in these states, or in any."""
    query = select(file_table).order_by(file_table.c.path)
    return _entries(connection, query.where(file_table.c.state.in_(states)) if states else query)


def allot(connection: Connection, layer: Layer, area: str, first: date, last: date, at: datetime) -> Entry:
    """The name of the next revision, written down before there is a file of that name."""
    table = file_table.c
    known = select(func.max(table.revision)).where(table.layer == layer, table.area == area)
    revision = (connection.scalar(known) or 0) + 1
    path = path_of(layer, area, first, last, revision)
    entry = Entry(path, layer, area, first, last, revision, 0, 0, "", at, State.WRITING, at)
    connection.execute(insert(file_table).values(_row(entry)))
    return entry


def switch(
    connection: Connection, written: Iterable[Written], replaced: Collection[str], at: datetime
) -> None:
    """From this transaction on the written files are the archive, and the replaced ones are not."""
    for each in written:
        connection.execute(
            update(file_table)
            .where(file_table.c.path == each.path, file_table.c.state == State.WRITING)
            .values(rows=each.rows, bytes=each.bytes, sha256=each.sha256, state=State.LIVE, changed_at=at)
        )
    _in_steps(connection, replaced, {"state": State.OLD, "changed_at": at})


def drop(connection: Connection, paths: Collection[str]) -> None:
    """Forget the rows of files that are gone."""
    for path in paths:
        connection.execute(delete(file_table).where(file_table.c.path == path))


def retire(connection: Connection, layers: Collection[Layer], before: date, at: datetime) -> int:
    """Let go of all files that end before `before`; how many."""
    table = file_table.c
    query = update(file_table).where(
        table.layer.in_(sorted(layers)), table.state == State.LIVE, table.last < before
    )
    return connection.execute(query.values(state=State.OLD, changed_at=at)).rowcount


def _in_steps(connection: Connection, paths: Collection[str], values: dict[str, Any]) -> None:
    rest = sorted(paths)
    for at in range(0, len(rest), 400):
        some = file_table.c.path.in_(rest[at : at + 400])
        connection.execute(update(file_table).where(some).values(**values))


def _entries(connection: Connection, query: Any) -> list[Entry]:
    return [
        Entry(**row._asdict() | {"layer": Layer(row.layer), "state": State(row.state)})
        for row in connection.execute(query)
    ]


def _row(entry: Entry) -> dict[str, Any]:
    return {column.name: getattr(entry, column.name) for column in file_table.columns}


def rows_of(entries: Sequence[Entry]) -> int:
    return sum(entry.rows for entry in entries)
