"""The outbox's file: one owner, one connection, fsynced commits; a broken file is set aside, never mended.

Only one connection ever writes or checkpoints, and it locks the file for itself: SQLite before 3.51.3
can lose a WAL when two do.
"""

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

from edge.clock import Clock

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
PAGE_BYTES: Final = 4096
RESERVE_BYTES: Final = 2 << 20
"""Disk space that is left alone, so that what the cloud has stored can still be deleted on a full disk."""

_SCHEMA: Final = """
CREATE TABLE identity (gateway TEXT NOT NULL);
CREATE TABLE epoch (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_seq INTEGER NOT NULL);
CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
    readings INTEGER NOT NULL, oldest_at_ms INTEGER NOT NULL, checksum BLOB NOT NULL, payload BLOB NOT NULL
);
CREATE UNIQUE INDEX batch_key ON batch (epoch, seq, readings);
CREATE TABLE dropped (
    id INTEGER PRIMARY KEY, epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    readings INTEGER NOT NULL, reason TEXT NOT NULL, sealed INTEGER NOT NULL
);
CREATE TABLE held (
    id INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, since_boot_ns INTEGER NOT NULL,
    checksum BLOB NOT NULL, reading BLOB NOT NULL
);
"""
_CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class StorageFault(Exception):
    """The disk did not keep what it was given (full, broken, corrupt): nothing is accepted until it does."""


class OutboxRefused(Exception):
    """This outbox must not be used by this program now; the text says why and what to do."""


SavedBatch = tuple[str, int, int, int, bytes, bytes]
"""epoch, seq, readings, oldest_at_ms, checksum, payload: as it stands in the table."""


class OutboxFile:
    """`ready` reads the owner's state from a connection just opened or rolled back; `rescue` takes over
    what could be read of a corrupt file."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        cap_bytes: int,
        synchronous: str,
        ready: Callable[[sqlite3.Connection], None],
        rescue: Callable[[sqlite3.Connection, Iterable[SavedBatch]], int],
    ) -> None:
        self._path, self._clock, self._synchronous = path, clock, synchronous
        self._ready, self._rescue = ready, rescue
        self._wal_pages = max(16, min(256, cap_bytes // 8 // PAGE_BYTES))
        self._room = cap_bytes - (self._wal_pages + 8) * PAGE_BYTES
        self._lock = threading.RLock()
        self.fault: str | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._owner = _take_lock(path)
        self._db: sqlite3.Connection | None = None
        try:
            self._db = self._open()
        except BaseException:
            os.close(self._owner)
            raise

    @contextmanager
    def transaction(self, *, grows: bool = False) -> Iterator[sqlite3.Connection]:
        """One fsynced commit; with `grows`, refused while the disk has hardly any room left."""
        with self.reading() as db:
            if grows:
                self._check_disk()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                    self._ready(db)
                raise
            if grows:
                self._works()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, alone. After a fault it is thrown away and the file opened anew from disk:
        what a failed fsync left behind is not known, so nothing is tried again on top of it."""
        with self._lock:
            if self._owner < 0:
                raise StorageFault(f"{self._path}: is closed")
            if self._db is None:
                self._db = self._open()
            try:
                yield self._db
            except sqlite3.Error as error:
                self._drop_connection()
                if is_corrupt(error):
                    self._begin_anew(error)
                raise self._faulted(str(error)) from error

    def _check_disk(self) -> None:
        try:
            free_bytes = _free_disk_bytes(self._path.parent)
        except OSError as error:
            raise self._faulted(str(error)) from error
        if free_bytes < RESERVE_BYTES:
            raise self._faulted(f"less than {RESERVE_BYTES >> 10} KiB of the disk are free, make room there")

    def has_room(self, db: sqlite3.Connection, need: int) -> bool:
        """Whether `need` bytes more stay under the cap, WAL included."""
        pages, free = _pages(db)
        return (pages - free + 8) * PAGE_BYTES + need <= self._room

    def give_back_space(self) -> None:
        """Return pages to the disk once the emptied part of the file is worth the writing."""
        with self.reading() as db:
            pages, free = _pages(db)
            if free > 256 and free * 4 > pages:
                db.executescript("PRAGMA incremental_vacuum(1024)")  # execute() would free one page only

    def close(self) -> None:
        with self._lock:
            self._drop_connection()
            if self._owner >= 0:
                os.close(self._owner)
                self._owner = -1

    def _faulted(self, what: str) -> StorageFault:
        if self.fault is None:
            log.error("%s: %s: no reading is accepted until the disk works again", self._path, what)
        self.fault = what
        return StorageFault(f"{self._path}: {what}")

    def _works(self) -> None:
        if self.fault is not None:
            log.warning("%s: the disk works again, readings are accepted", self._path)
        self.fault = None

    def _drop_connection(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
        self._db = None

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.Error as error:
            if not is_corrupt(error):
                raise self._faulted(str(error)) from error
            self._begin_anew(error)
        try:
            return self._connect()
        except sqlite3.Error as error:
            raise self._faulted(str(error)) from error

    def _connect(self) -> sqlite3.Connection:
        db = _connect(self._path, self._wal_pages, self._synchronous)
        try:
            self._ready(db)
        except BaseException:
            db.close()
            raise
        return db

    def _begin_anew(self, why: sqlite3.Error) -> None:
        """Set a corrupt file aside, begin another in a new epoch, and save what can still be read."""
        try:
            aside = set_aside(self._path, self._clock.now())
        except OSError as error:
            raise self._faulted(f"is corrupt ({why}) and cannot be set aside ({error})") from error
        saved = 0
        with suppress(sqlite3.Error), closing(self._connect()) as db:
            db.execute("BEGIN IMMEDIATE")
            saved = self._rescue(db, salvage(aside))
            db.execute("COMMIT")
        log.error(
            "%s: is corrupt (%s): kept as %s, a new file is begun, %d batches of the old one were saved",
            self._path, why, aside.name, saved,
        )  # fmt: skip


def _take_lock(database: Path) -> int:
    """The lock that makes this process the one owner; OutboxRefused when another process has it."""
    path = database.with_suffix(".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise OutboxRefused(
            f"{database}: is in use by process {owner}; stop that gateway agent first"
        ) from None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _connect(database: Path, wal_pages: int, synchronous: str) -> sqlite3.Connection:
    """The one connection, with its tables; sqlite3.Error when the file or the disk is broken."""
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {wal_pages}").fetchone()
        connection.execute(f"PRAGMA journal_size_limit = {wal_pages * PAGE_BYTES}").fetchone()
        _make_tables(connection, database)
    except BaseException:
        with suppress(sqlite3.Error):
            connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection, database: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        sync_folder(database.parent)
    elif version != SCHEMA_VERSION:
        raise OutboxRefused(
            f"{database}: was made by another version of wattpost (schema {version}, here {SCHEMA_VERSION}); "
            "let that version drain it first"
        )


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_corrupt(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def _free_disk_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _pages(db: sqlite3.Connection) -> tuple[int, int]:
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    return pages, free


def checksum(epoch: str, seq: int, content: bytes) -> bytes:
    """Binds a row's content to its place, so that a row that moved is seen like one that changed."""
    return blake2b(content, digest_size=8, key=f"{epoch}/{seq}".encode()).digest()


def set_aside(database: Path, at: datetime) -> Path:
    """Rename a broken file with its WAL, so that it can be looked at and a new one can be begun."""
    aside = database.with_name(f"{database.stem}.corrupt-{at:%Y%m%dT%H%M%S%fZ}{database.suffix}")
    for ending in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            database.with_name(database.name + ending).rename(aside.with_name(aside.name + ending))
    sync_folder(database.parent)
    return aside


def salvage(aside: Path) -> Iterator[SavedBatch]:
    """The batches of a broken file that can be read and whose checksum holds, from both ends inwards."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True)) as old,
    ):
        low = 0
        with suppress(sqlite3.Error):
            for key, saved in _rows(old, "id > ? ORDER BY id", low):
                low = key
                yield saved
            return
        for _, saved in _rows(old, "id > ? ORDER BY id DESC", low):
            yield saved


def _rows(old: sqlite3.Connection, where: str, low: int) -> Iterator[tuple[int, SavedBatch]]:
    columns = "id, epoch, seq, readings, oldest_at_ms, checksum, payload"
    for key, *row in old.execute(f"SELECT {columns} FROM batch WHERE {where}", (low,)):  # noqa: S608
        epoch, seq, readings, oldest_at_ms, mark, payload = row
        with suppress(TypeError, AttributeError, ValueError):  # a broken row may hold anything
            if checksum(epoch, seq, payload) == mark:
                yield key, (epoch, seq, readings, oldest_at_ms, mark, payload)
