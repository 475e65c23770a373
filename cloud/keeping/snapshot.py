"""One unchanging view of a station's data, also while its service runs.

It reads and never writes nor checkpoints: SQLite files are opened read-only, past the service's lock.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, NullPool, create_engine, event, inspect, make_url, select, text
from sqlalchemy.exc import DatabaseError

from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.metering.store import ReadingStore
from cloud.migrations import newest
from cloud.records import store_of
from cloud.settings import Settings


@contextmanager
def records(settings: Settings) -> Iterator[Connection]:
    """The records database as it is now; Conflict when its tables are not those of this version."""
    url = make_url(settings.records_url)
    if url.get_backend_name() != "sqlite":
        database = Database(settings.records_url)
        try:
            with database.read() as connection:
                _check_version(connection)
                yield connection
        finally:
            database.close()
        return
    path = Path(url.database or "")
    if not path.is_file():
        raise Invalid(f"{path}: no such file; is this the settings file of the station?")
    engine = create_engine("sqlite://", creator=lambda: _read_only(path), poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    try:
        with engine.connect() as connection:
            _check_version(connection)
            yield connection
    except DatabaseError as error:
        raise Conflict(f"{path} cannot be read: {error.orig}") from None


@contextmanager
def readings(settings: Settings, scratch: Path) -> Iterator[ReadingStore]:
    """A store that is no file of ours; what it keeps in records of SQLite is asked of a copy of them."""
    url = make_url(settings.records_url)
    beside = scratch / "beside.db"
    if url.get_backend_name() == "sqlite":
        copy_file(Path(url.database or ""), beside)
        url = make_url(f"sqlite:///{beside}")
    with (
        closing(Database(url.render_as_string(hide_password=False))) as database,
        closing(store_of(settings, database)) as store,
    ):
        yield store
    beside.unlink(missing_ok=True)


def copy_file(source: Path, target: Path) -> None:
    """A SQLite file as it is at one instant; writers go on meanwhile."""
    with closing(_read_only(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer)
        writer.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it
        check = writer.execute("PRAGMA integrity_check").fetchone()[0]
    if check != "ok":
        raise Conflict(f"{source} is damaged: {check}")


def revision_of(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return "none"
    return str(connection.scalar(select(text("version_num")).select_from(text("alembic_version"))))


def _check_version(connection: Connection) -> None:
    found = revision_of(connection)
    if found != newest():
        raise Conflict(
            f"the records have version {found}, this program {newest()}: run `wattpost cloud migrate` first"
        )


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?mode=ro",
        uri=True,
        timeout=10,
        isolation_level=None,
        check_same_thread=False,
    )
