"""Readings in one SQLite file: WAL, fsynced on each commit, one writing and checkpointing connection.

The tables lie in the order (meter, at, source): a meter's course is read in one place. What is new waits in
a small table of the same order first, so that a page is not written again for every reading.
"""

import queue
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from cloud.kit.errors import Conflict, Invalid
from cloud.kit.lock import ProcessLock
from cloud.kit.scope import Scope
from cloud.metering.sqlite import format as file_format
from cloud.metering.sqlite import let_go as letting_go
from cloud.metering.sqlite import reading as reading_side
from cloud.metering.sqlite.writing import WritingSide
from cloud.metering.store import BatchOfReadings, Columns, Kept, Latest, Series, StoreFault, instant, ms
from protocols.readings import Source

BUSY_S = 10.0
_WRITER = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "cache_size = -65536",
    "wal_autocheckpoint = 16000",  # 64 MiB: a page that many batches touch is written to the file once
)
_READER = ("query_only = ON", "wal_autocheckpoint = 0", "cache_size = -8192")


class SqliteStore:
    def __init__(self, path: Path) -> None:
        """Open or make the file; Conflict when another process has it, Invalid when it is not ours."""
        if not path.parent.is_dir():
            raise Invalid(f"folder {path.parent} does not exist: run `wattpost cloud init` first")
        self._path = path
        self._turn = threading.Lock()
        self._closed = False
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
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
        try:
            file_format.bring_up(connection, self._path)
            self._side = WritingSide(connection)
        except BaseException:
            connection.close()
            raise
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
        packed = [batch.as_bytes() for batch in batches]  # a ValueError of theirs concerns nobody else
        with self._turn, self._guarded():
            writer = self._begun()
            self._side.write(batches, packed)
            writer.execute("COMMIT")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._abandon()
            raise StoreFault(f"{self._path}: {error}") from error
        except BaseException:
            self._abandon()
            raise

    def _begun(self) -> sqlite3.Connection:
        """The writing connection, in a transaction."""
        if self._closed:
            raise StoreFault(f"{self._path}: closed, this process is ending")
        if self._writer is None:
            self._writer = self._open()
        self._writer.execute("BEGIN IMMEDIATE")
        return self._writer

    def _abandon(self) -> None:
        """After a failure nothing in memory is trusted: the next write starts from what is on the disk."""
        if self._writer is not None:
            self._writer.close()  # rolls back
            self._writer = None

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
            return reading_side.series(connection, scope, meter, quantity, start, end, source)

    def columns(
        self, scope: Scope, meters: Sequence[str], quantities: Sequence[str], start: datetime, end: datetime
    ) -> list[Columns]:
        with self._reading() as connection:
            return reading_side.columns(connection, scope, meters, quantities, start, end)

    def newest_at(self, scope: Scope, meter: str) -> datetime | None:
        return max((instant(each.at_ms) for each in self.latest(scope, [meter])), default=None)

    def rows(self, scope: Scope) -> Iterator[Kept]:
        with self._reading() as connection:
            yield from reading_side.rows(connection, scope)

    def conflicts(self, scope: Scope) -> list[Kept]:
        with self._reading() as connection:
            return list(reading_side.conflicts(connection, scope))

    def let_go(self, meters: Collection[str], start: datetime, end: datetime, expected: int) -> int:
        """One transaction; the space is used again by what comes."""
        with self._turn, self._guarded():
            writer = self._begun()
            count = letting_go.delete(writer, meters, ms(start), ms(end))
            if count != expected:
                raise Conflict(f"{count} values where {expected} were counted: something came, all stay")
            writer.execute("COMMIT")
        return count

    def close(self) -> None:
        """Readers first: the last connection to close checkpoints, and that is the writer's to do."""
        while not self._readers.empty():
            self._readers.get_nowait().close()
        with self._turn:
            self._abandon()
            self._closed = True
        self._process.release()
