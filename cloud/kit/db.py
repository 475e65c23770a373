"""The records database: SQLite in one file, or PostgreSQL by URL; one writer at a time on either.

Rules read a state and then write the next one; with one writer at a time that is right without retries.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    StaticPool,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.types import TypeDecorator

from cloud.kit.errors import Conflict, Invalid
from cloud.kit.lock import ProcessLock

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)

BUSY_S = 10.0
CONNECT_S = 10
WAL_RESET_RACE = ((3, 7, 0), (3, 51, 2))
"""SQLite versions whose WAL two connections that write or checkpoint may corrupt (sqlite.org/wal.html)."""
WRITER_KEY = 0x77617474
"""Advisory lock by which PostgreSQL, too, has one writer at a time, over all processes."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, on both databases, with microseconds; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: an instant is aware")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """A decimal with so many places, kept as a whole number: both databases give back what was put in."""

    impl = BigInteger
    cache_ok = True

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is None:
            return None
        scaled = Decimal(value).scaleb(self.places)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} has more than {self.places} places")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value).scaleb(-self.places)


class Database:
    """`url` is ``sqlite:///…/records.db`` or ``postgresql://…``; a SQLite file is locked to this process."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            raise Invalid(
                f"database_url {url!r} is no database URL: use sqlite:///PATH or postgresql://…"
            ) from None
        self.dialect = parsed.get_backend_name()
        self._lock: ProcessLock | None = None
        self._turn = threading.Lock()
        self._closed = False
        self._writing = threading.local()
        if self.dialect == "sqlite":
            self._open_sqlite(parsed.database)
        elif self.dialect == "postgresql":
            self._writer = self._reader = create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=8,
                max_overflow=8,
                pool_pre_ping=True,
                hide_parameters=True,
                isolation_level="READ COMMITTED",
                connect_args={"connect_timeout": CONNECT_S},
            )
        else:
            raise Invalid(f"database {self.dialect!r} is not supported: use sqlite:///PATH or postgresql://…")

    def _open_sqlite(self, database: str | None) -> None:
        if not database or database == ":memory:":
            raise Invalid("a SQLite database needs a file: sqlite:///PATH")
        path = Path(database)
        if not path.parent.is_dir():
            raise Invalid(f"folder {path.parent} does not exist: run `wattpost cloud init` first")
        self._lock = ProcessLock(path.with_name(path.name + ".lock"), str(path))
        self._writer = _sqlite(path, writes=True)
        self._reader = _sqlite(path, writes=False)
        try:
            with self._writer.connect():  # the file is there, in WAL mode, before any reader asks
                pass
        except DatabaseError as error:
            self.close()
            raise Invalid(f"{path} cannot be opened ({error.orig}): restore it from a backup") from None

    def write(self) -> AbstractContextManager[Connection]:
        """One transaction, committed at the end of the block, rolled back by any exception. Do not nest."""
        return self._write()

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        if getattr(self._writing, "now", False):
            raise RuntimeError("a write transaction is open in this thread: pass its connection on")
        with self._turn:
            if self._closed:
                raise Conflict("the database is closed: this process is ending")
            self._writing.now = True
            try:
                with self._writer.begin() as connection:
                    if self.dialect == "postgresql":
                        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_KEY})
                    yield connection
            finally:
                self._writing.now = False

    def read(self) -> AbstractContextManager[Connection]:
        """A connection that sees one unchanging state of the database and cannot write."""
        return self._read()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._reader.connect() as connection:
            if self.dialect == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    def migrate(self) -> None:
        """Bring the tables to what this version needs; nothing happens when they are."""
        from alembic import command
        from alembic.util import CommandError

        try:
            with self.write() as connection:
                command.upgrade(self.alembic(connection), "head")
        except CommandError as error:
            raise Conflict(f"the database is of another version ({error}): update wattpost") from None

    @staticmethod
    def alembic(connection: Connection) -> "Config":
        """What alembic's commands need to work on this connection."""
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "cloud:migrations")
        config.set_main_option("path_separator", "os")
        return config

    def ping(self) -> None:
        """Raise Conflict when the database does not answer."""
        try:
            with self.read() as connection:
                connection.execute(text("SELECT 1"))
        except OperationalError as error:
            why = " ".join(str(error.orig).split())
            raise Conflict(f"the database does not answer: {why}") from error

    def close(self) -> None:
        """After the transaction that is open now; a thread left over cannot write any more."""
        with self._turn:
            self._closed = True
        self._reader.dispose()
        self._writer.dispose()  # last: closing the last connection checkpoints
        if self._lock is not None:
            self._lock.release()


def _sqlite(path: Path, *, writes: bool) -> Engine:
    pool: dict[str, Any] = {"poolclass": StaticPool} if writes else {"pool_size": 8, "max_overflow": 8}
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False, "timeout": BUSY_S},
        hide_parameters=True,  # an error's text goes into the log, and rows hold what is nobody's business
        **pool,
    )

    def connected(raw: sqlite3.Connection, _: object) -> None:
        raw.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in _WRITER_PRAGMAS if writes else _READER_PRAGMAS:
            raw.execute(f"PRAGMA {pragma}")

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


_WRITER_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
_READER_PRAGMAS = ("query_only = ON", "wal_autocheckpoint = 0", "foreign_keys = ON")


def sqlite_note() -> str:
    """What this machine's SQLite means for us, in one line for the log."""
    version = sqlite3.sqlite_version
    low, high = WAL_RESET_RACE
    if low <= sqlite3.sqlite_version_info <= high:
        return (
            f"SQLite {version} has the WAL-reset race: one connection writes and checkpoints, all others read"
        )
    return f"SQLite {version}"
