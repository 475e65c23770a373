"""Who may write which meters now, so that what is known of a point stays true until it is written.

An engine without transactions is read and then written; between the two nobody else may write that meter.
In one process: a set of the meters in work. Over processes, which need PostgreSQL: either this process is the
only one that writes (a session of the database holds a lock that says so), and what it remembers of a meter
is right for as long as that session lives, a *term*; or several share the work, each meter is locked for the
duration of a write, and nothing is remembered: each looks into the engine under the lock.
"""

import threading
import zlib
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from cloud.kit.db import Database
from cloud.metering.store import StoreFault

_WRITERS = 0x72656164
"""Advisory lock: exclusive for the only writer, shared by those who take turns."""
_METERS = 0x6D657465
"""Class of the advisory locks of single meters; two of one hash wait for one another, which does no harm."""
_OTHERS = "another wattpost process writes readings: end it, or set ingest.shared = true for every one"


class Turns:
    def __init__(self, database: Database, *, shared: bool) -> None:
        """`shared`: several processes write; needs PostgreSQL, a SQLite file has one process anyway."""
        self._database = database
        self._over_processes = database.dialect == "postgresql"
        self.shared = shared and self._over_processes
        self._mine = _Membership(database, shared=self.shared) if self._over_processes else None
        self._busy: set[str] = set()
        self._freed = threading.Condition()

    @contextmanager
    def hold(self, meters: Collection[str]) -> Iterator[int | None]:
        """Nobody else writes these until the end of the block.

        Gives the number of the term: what was learned in it is still right. None: remember nothing.
        StoreFault when the database cannot say whose turn it is.
        """
        wanted = set(meters)
        with self._freed:
            while not self._busy.isdisjoint(wanted):
                self._freed.wait()
            self._busy |= wanted
        try:
            with ExitStack() as locks:
                yield self._enter(wanted, locks)
        finally:
            with self._freed:
                self._busy -= wanted
                self._freed.notify_all()

    def _enter(self, meters: set[str], locks: ExitStack) -> int | None:
        if self._mine is None:
            return 0
        try:
            term = self._mine.prove()
            if self.shared:
                _lock_meters(locks.enter_context(_quiet(self._database.read())), meters)
        except SQLAlchemyError as error:
            raise StoreFault(
                f"the records database does not say whose turn it is: {_first(error)}"
            ) from error
        return None if self.shared else term

    def remembers(self) -> bool:
        """Whether this process is the only writer and what it remembers is all there is."""
        return self._mine is None or (not self.shared and self._mine.joined)

    def close(self) -> None:
        if self._mine is not None:
            self._mine.close()


class _Membership:
    """A session that holds the writers' lock; it is taken at the first write, and again when it was lost."""

    def __init__(self, database: Database, *, shared: bool) -> None:
        self._database, self._shared = database, shared
        self._session: tuple[Connection, ExitStack] | None = None
        self._turn = threading.Lock()
        self._term = 0

    @property
    def joined(self) -> bool:
        return self._session is not None

    def prove(self) -> int:
        """Hold the lock; gives how often it had to be taken: it is another number after any break."""
        with self._turn:
            if not self._alive():
                self._leave()
                self._join()
                self._term += 1
            return self._term

    def _alive(self) -> bool:
        if self._session is None:
            return False
        try:
            self._session[0].execute(text("SELECT 1"))
            self._session[0].rollback()
        except SQLAlchemyError:
            return False
        return True

    def _join(self) -> None:
        way = "pg_try_advisory_lock_shared" if self._shared else "pg_try_advisory_lock"
        with ExitStack() as kept:
            connection = kept.enter_context(self._database.read())
            held = connection.execute(text(f"SELECT {way}(:key)"), {"key": _WRITERS}).scalar()
            connection.rollback()  # the lock is the session's: no snapshot is kept open for it
            if not held:
                raise StoreFault(_OTHERS)
            self._session = connection, kept.pop_all()

    def _leave(self) -> None:
        """End the session, and with it the lock: a pooled connection would take the lock along."""
        if self._session is not None:
            connection, kept = self._session
            self._session = None
            with suppress(SQLAlchemyError):  # at once, where there still is a session to say it to
                connection.execute(text("SELECT pg_advisory_unlock_all()"))
            connection.invalidate()
            kept.close()

    def close(self) -> None:
        with self._turn:
            self._leave()


def _lock_meters(connection: Connection, meters: set[str]) -> None:
    """In one order for everybody, until the transaction ends."""
    keys = sorted({zlib.crc32(meter.encode()) - 2**31 for meter in meters})
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:class, key) FROM unnest(CAST(:keys AS int[])) AS key"),
        {"class": _METERS, "keys": keys},
    )


@contextmanager
def _quiet(entered: AbstractContextManager[Connection]) -> Iterator[Connection]:
    with entered as connection:
        try:
            yield connection
        finally:
            connection.rollback()


def _first(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]
