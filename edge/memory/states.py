"""What is known of each meter's memory, and the file that keeps it over a restart (memory.db).

One row holds all of one meter. Losing the newest changes costs a second reading of what is there already,
never a value: a slot is struck off only after its reading is in the outbox.
"""

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from edge.clock import Clock
from edge.memory.spans import Reason, Spans
from edge.outbox_file import is_corrupt, set_aside
from protocols.clocks import Offset

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
SLOT_MS: Final = 900_000
"""Of meters that are read more often than every five minutes: what load records are made by."""


class MeterState(msgspec.Struct, frozen=True, kw_only=True):
    """`identity` is the device; `since_ms`: what was remembered before belongs to another one.

    Slots before `closed_ms` are judged: what is not in `gaps` has a value. `days` and `months` are local, by
    their stamp, those without a freeze or settlement yet; `facts` is a mark of what was said last.
    """

    identity: str
    slot_ms: int
    since_ms: int
    closed_ms: int
    covered: tuple[int, ...] = ()  # slots that are not over, or not judged yet, and have a value
    gaps: Spans = ()
    offsets: tuple[Offset, ...] = ()
    asset: str = ""
    last_wh: int | None = None
    last_at_ms: int = 0  # 0: nobody knows when
    last_sure_ms: int = 0  # it was surely read then or later: the wall clock may have jumped since
    style: str = ""
    days: dict[str, Reason] = {}
    day_done: str = ""
    months: dict[str, Reason] = {}
    month_done: str = ""
    settled: tuple[str, int] = ("", 0)  # the settlement days, and since when they are known to be these
    facts: bytes = b""
    facts_at_ms: int = 0


class StateFile:
    """One process writes, in one thread. A broken file is kept aside, and another begun."""

    synchronous: ClassVar[str] = "FULL"

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._db: sqlite3.Connection | None = None

    def load(self) -> dict[str, MeterState]:
        """What was kept; sqlite3.Error when the disk does not let us."""
        try:
            return self._load()
        except sqlite3.Error as error:
            self.close()
            if not is_corrupt(error):
                raise
            aside = set_aside(self._path, self._clock.now())
            told = f"is corrupt ({error}): kept as {aside.name}; gaps of before are forgotten"
            log.error("%s: %s", self._path, told)  # noqa: TRY400
            return self._load()

    def save(self, states: Mapping[str, MeterState]) -> None:
        """On disk when this returns; sqlite3.Error when not, and then the file holds what it held."""
        try:
            db = self._opened()
            with db:
                db.execute("BEGIN IMMEDIATE")
                rows = [(meter, msgspec.json.encode(state)) for meter, state in states.items()]
                db.executemany("INSERT OR REPLACE INTO meter (id, state) VALUES (?, ?)", rows)
        except sqlite3.Error:
            self.close()  # what a failed fsync left behind is not known
            raise

    def close(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
        self._db = None

    def _load(self) -> dict[str, MeterState]:
        found: dict[str, MeterState] = {}
        for meter, content in self._opened().execute("SELECT id, state FROM meter"):
            try:
                found[meter] = msgspec.json.decode(content, type=MeterState)
            except (msgspec.MsgspecError, TypeError):
                log.warning(
                    "%s: what it holds of meter %s cannot be read and is forgotten", self._path, meter
                )
        return found

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = _connect(self._path, self.synchronous)
        return self._db


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL").fetchone()
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.execute("PRAGMA journal_size_limit = 1048576").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            log.warning("%s: was made by another version of wattpost and is begun anew", path)
        if version != SCHEMA_VERSION:
            with closing(db.cursor()) as cursor:
                cursor.executescript(
                    "BEGIN; DROP TABLE IF EXISTS meter;"
                    "CREATE TABLE meter (id TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;"
                    f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                )
    except BaseException:
        db.close()
        raise
    return db
