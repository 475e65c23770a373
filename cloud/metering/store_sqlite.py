"""Readings in one SQLite file: WAL, fsynced on each commit, one writing and checkpointing connection.

The table lies in the order (meter, at, source, quantity): a meter's answer is written and read in one place,
which measured four times the writing speed of (meter, quantity, at).
"""

import queue
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from cloud.kit.errors import Conflict, Invalid
from cloud.kit.lock import ProcessLock
from cloud.kit.scope import Scope
from cloud.metering import store_sqlite_read as reading_side
from cloud.metering.claims import Claim, contest
from cloud.metering.store import (
    QUALITY_ID,
    SOURCE_ID,
    BatchOfReadings,
    Columns,
    Kept,
    Latest,
    Series,
    StoreFault,
    instant,
    normal,
)
from protocols.readings import Source, Value

VERSION = 1
BUSY_S = 10.0
_SCHEMA = """
CREATE TABLE meter (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE quantity (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE origin (id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
  UNIQUE (gateway, epoch, seq)) STRICT;
CREATE TABLE value (meter INTEGER NOT NULL, at INTEGER NOT NULL, source INTEGER NOT NULL,
  quantity INTEGER NOT NULL, value ANY NOT NULL, quality INTEGER NOT NULL, origin INTEGER NOT NULL,
  PRIMARY KEY (meter, at, source, quantity)) STRICT, WITHOUT ROWID;
CREATE TABLE conflict (meter INTEGER NOT NULL, at INTEGER NOT NULL, source INTEGER NOT NULL,
  quantity INTEGER NOT NULL, value ANY NOT NULL, quality INTEGER NOT NULL, origin INTEGER NOT NULL,
  PRIMARY KEY (meter, at, source, quantity, value)) STRICT, WITHOUT ROWID;
CREATE TABLE newest (meter INTEGER NOT NULL, quantity INTEGER NOT NULL, at INTEGER NOT NULL,
  source INTEGER NOT NULL, PRIMARY KEY (meter, quantity)) STRICT, WITHOUT ROWID;
"""
_WRITER = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "cache_size = -65536",
    "wal_autocheckpoint = 8000",  # 32 MiB: a page that many batches touch is written to the file once
)
_READER = ("query_only = ON", "wal_autocheckpoint = 0")
_KEY = "meter = ? AND at = ? AND source = ? AND quantity = ?"
_INSERT = "INSERT INTO value VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_NEWEST = """
INSERT INTO newest VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, source = excluded.source
WHERE excluded.at > newest.at OR (excluded.at = newest.at AND excluded.source < newest.source)
"""

Key = tuple[int, int, int, int]
Row = tuple[int, int, int, int, Value, int, int]
"""The columns of `value`: the key, then value, quality, origin."""


class SqliteStore:
    def __init__(self, path: Path) -> None:
        """Open or make the file; Conflict when another process has it, Invalid when it is not ours."""
        if not path.parent.is_dir():
            raise Invalid(f"folder {path.parent} does not exist: run `wattpost cloud init` first")
        self._path = path
        self._turn = threading.Lock()
        self._closed = False
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._meters: dict[str, int] = {}
        self._quantities: dict[str, int] = {}
        self._writer: sqlite3.Connection | None = None
        self._process = ProcessLock(path.with_name(path.name + ".lock"), str(path))
        try:
            self._writer = self._open()
        except sqlite3.Error as error:
            self._process.release()
            raise Invalid(f"{path} cannot be opened ({error}): restore it from a backup") from error
        except Conflict:
            self._process.release()
            raise

    def _open(self) -> sqlite3.Connection:
        connection = self._connect(_WRITER)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            connection.close()
            raise Conflict(
                f"{self._path} has version {version}, this program knows {VERSION}: update wattpost"
            )
        self._meters = dict(connection.execute("SELECT name, id FROM meter"))
        self._quantities = dict(connection.execute("SELECT name, id FROM quantity"))
        return connection

    def _connect(self, pragmas: Iterable[str]) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def write(self, batch: BatchOfReadings) -> None:
        self.write_many([batch])

    def write_many(self, batches: Sequence[BatchOfReadings]) -> None:
        with self._turn:
            try:
                for batch in batches:
                    self._write(batch)
            except sqlite3.Error as error:
                self._abandon()
                raise StoreFault(f"{self._path}: {error}") from error
            except BaseException:
                self._abandon()
                raise

    def _write(self, batch: BatchOfReadings) -> None:
        if self._closed:
            raise StoreFault(f"{self._path}: closed, this process is ending")
        if self._writer is None:
            self._writer = self._open()
        writer = self._writer
        writer.execute("BEGIN IMMEDIATE")
        rows = self._rows(writer, batch)
        before = writer.total_changes
        writer.executemany(_INSERT, rows)
        if writer.total_changes - before < len(rows):
            for row in rows:
                _contest(writer, batch, row)
        writer.executemany(_NEWEST, _newest(rows))
        writer.execute("COMMIT")

    def _abandon(self) -> None:
        """After a failure nothing in memory is trusted: the next write starts from what is on the disk."""
        if self._writer is not None:
            self._writer.close()  # rolls back
            self._writer = None

    def _rows(self, writer: sqlite3.Connection, batch: BatchOfReadings) -> list[Row]:
        origin = _origin(writer, batch)
        rows: list[Row] = []
        for reading in batch.readings:
            meter = self._meters.get(reading.meter) or _add(writer, "meter", reading.meter, self._meters)
            source, quality = SOURCE_ID[reading.source], QUALITY_ID[reading.quality]
            for name, value in reading.values.items():
                quantity = self._quantities.get(name) or _add(writer, "quantity", name, self._quantities)
                rows.append((meter, reading.at_ms, source, quantity, normal(name, value), quality, origin))
        return rows

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._readers.get_nowait()
        except queue.Empty:
            connection = self._connect(_READER)
        try:
            connection.execute("BEGIN")
            yield connection
        finally:
            connection.rollback()
            self._readers.put(connection)

    def latest(self, scope: Scope, meters: Collection[str] | None = None) -> list[Latest]:
        with self._reading() as connection:
            return reading_side.latest(connection, scope, meters)

    def series(
        self,
        scope: Scope,
        meter: str,
        quantity: str,
        start: datetime,
        end: datetime,
        source: Source | None = None,
    ) -> Series:
        with self._reading() as connection:
            return reading_side.values(connection, scope, meter, quantity, start, end, source)

    def columns(
        self, scope: Scope, meters: Sequence[str], quantities: Sequence[str], start: datetime, end: datetime
    ) -> list[Columns]:
        with self._reading() as connection:
            return reading_side.columns(connection, scope, meters, quantities, start, end)

    def newest_at(self, scope: Scope, meter: str) -> datetime | None:
        return max((instant(each.at_ms) for each in self.latest(scope, [meter])), default=None)

    def rows(self, scope: Scope) -> Iterator[Kept]:
        with self._reading() as connection:
            yield from reading_side.kept(connection, "value", scope)

    def conflicts(self, scope: Scope) -> list[Kept]:
        with self._reading() as connection:
            return list(reading_side.kept(connection, "conflict", scope))

    def close(self) -> None:
        """Readers first: the last connection to close checkpoints, and that is the writer's to do."""
        while not self._readers.empty():
            self._readers.get_nowait().close()
        with self._turn:
            self._abandon()
            self._closed = True
        self._process.release()


def _add(
    writer: sqlite3.Connection, table: Literal["meter", "quantity"], name: str, known: dict[str, int]
) -> int:
    number = writer.execute(f"INSERT INTO {table} (name) VALUES (?)", (name,)).lastrowid  # noqa: S608
    assert number is not None
    known[name] = number
    return number


def _origin(writer: sqlite3.Connection, batch: BatchOfReadings) -> int:
    identity = (batch.gateway, batch.epoch, batch.seq)
    writer.execute(
        "INSERT INTO origin (gateway, epoch, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", identity
    )
    found = writer.execute("SELECT id FROM origin WHERE gateway = ? AND epoch = ? AND seq = ?", identity)
    return int(found.fetchone()[0])


def _newest(rows: Iterable[Row]) -> list[tuple[int, int, int, int]]:
    """(meter, quantity, at, source) of the newest row of each; of one instant the preferred source."""
    newest: dict[tuple[int, int], Row] = {}
    for row in rows:
        held = newest.get((row[0], row[3]))
        if held is None or row[1] > held[1] or (row[1] == held[1] and row[2] < held[2]):
            newest[row[0], row[3]] = row
    return [(row[0], row[3], row[1], row[2]) for row in newest.values()]


def _contest(writer: sqlite3.Connection, batch: BatchOfReadings, row: Row) -> None:
    """Settle one row whose key may have been there before."""
    key, (value, quality, origin) = row[:4], row[4:]
    found = writer.execute(f"SELECT value, quality, origin FROM value WHERE {_KEY}", key).fetchone()  # noqa: S608
    if found == (value, quality, origin):
        return
    held = Claim(*_identity(writer, found[2]), found[0], found[1])
    new = Claim(batch.gateway, batch.epoch, batch.seq, value, quality)
    winner, loser = contest(held, new)
    if winner is new:
        writer.execute(f"UPDATE value SET value = ?, quality = ?, origin = ? WHERE {_KEY}", (*row[4:], *key))  # noqa: S608
        writer.execute(f"DELETE FROM conflict WHERE {_KEY} AND value = ?", (*key, value))  # noqa: S608
    if loser is not None:
        _keep_loser(writer, key, loser, found[2] if winner is new else origin)


def _keep_loser(writer: sqlite3.Connection, key: Key, loser: Claim, origin: int) -> None:
    """Of each losing value the lowest claim is kept."""
    known = writer.execute(
        f"SELECT quality, origin FROM conflict WHERE {_KEY} AND value = ?",  # noqa: S608
        (*key, loser.value),
    ).fetchone()
    if known is None or loser < Claim(*_identity(writer, known[1]), loser.value, known[0]):
        writer.execute(
            "INSERT OR REPLACE INTO conflict VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*key, loser.value, loser.quality, origin),
        )


def _identity(writer: sqlite3.Connection, origin: int) -> tuple[str, str, int]:
    row: tuple[str, str, int] = writer.execute(
        "SELECT gateway, epoch, seq FROM origin WHERE id = ?", (origin,)
    ).fetchone()
    return row
