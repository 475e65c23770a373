"""Orders from the cloud, on disk before anything is done: each is carried out at most once, whatever happens.

The state machine is the table MOVES; `Ledger.move` alone moves. Beside it stand the results not heard yet,
every setting of a clock, what each meter lets us do, and an audit to which rows can only be added.
"""

import logging
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

from edge.clock import Clock
from edge.orders.states import (
    MOVES,
    OPEN,
    AuditRow,
    ClockSetting,
    Entry,
    Event,
    Limit,
    LimitReached,
    Offer,
    Outcome,
    State,
    WrongMove,
)
from edge.outbox_file import StorageFault, is_corrupt, set_aside
from protocols.mqtt import orders
from protocols.mqtt.orders import Capability, Order, OrderKind, OrderState

log = logging.getLogger(__name__)

SCHEMA_VERSION: Final = 1
KEEP_MS: Final = 400 * 86_400_000
"""An order is forgotten so long after its expiry; it could not be carried out anyway."""

_SCHEMA: Final = """
CREATE TABLE file (begun_at_ms INTEGER NOT NULL);
CREATE TABLE orders (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, meter TEXT NOT NULL,
    content BLOB NOT NULL, state TEXT NOT NULL, taken_at_ms INTEGER NOT NULL, begun_at_ms INTEGER,
    at_ms INTEGER NOT NULL, outcome BLOB NOT NULL, heard INTEGER NOT NULL DEFAULT 0);
CREATE INDEX orders_open ON orders (state) WHERE state IN ('taken', 'begun', 'acted');
CREATE INDEX orders_unheard ON orders (number) WHERE NOT heard;
CREATE INDEX orders_meter ON orders (meter, kind);
CREATE INDEX orders_begun ON orders (kind, begun_at_ms);
CREATE TABLE clock_setting (
    number INTEGER PRIMARY KEY, order_id TEXT NOT NULL, line TEXT NOT NULL, meter TEXT NOT NULL,
    broadcast INTEGER NOT NULL, at_ms INTEGER NOT NULL, offset_before_s REAL, offset_after_s REAL);
CREATE TABLE capability (meter TEXT PRIMARY KEY, identity TEXT NOT NULL, capability TEXT NOT NULL,
    why TEXT NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE audit (
    number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, order_id TEXT NOT NULL, what TEXT NOT NULL,
    detail TEXT NOT NULL, mark BLOB NOT NULL);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END;
"""


class Ledger:
    """One process writes; every method may be called from any thread and raises StorageFault."""

    synchronous: ClassVar[str] = "FULL"

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._closed = False
        self._reused: set[str] = set()
        with self._transaction() as db:
            self._forget(db)
            (self.begun_at_ms,) = db.execute("SELECT begun_at_ms FROM file").fetchone()

    # -- orders -------------------------------------------------------------------------------------------

    def take(self, order: Order) -> Offer:
        """Keep a new order; it is on disk when this returns. The same again is to be answered again."""
        content, now_ms = orders.encode(order), self._clock.now_ms()
        with self._transaction() as db:
            known = db.execute("SELECT content FROM orders WHERE id = ?", (order.id,)).fetchone()
            if known is None:
                db.execute(
                    "INSERT INTO orders (id, kind, meter, content, state, taken_at_ms, at_ms, outcome) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (order.id, order.kind, order.meter, content, State.TAKEN, now_ms, now_ms, b"{}"),
                )
                self._audit(db, order.id, "taken", msgspec.to_builtins(order))
                return Offer.NEW
            db.execute("UPDATE orders SET heard = 0 WHERE id = ?", (order.id,))
            if known[0] == content:
                return Offer.KNOWN
            if order.id not in self._reused:  # noted once, however often it comes
                self._reused.add(order.id)
                self._audit(db, order.id, "refused: the id is used", msgspec.to_builtins(order))
            return Offer.OTHER

    def move(
        self,
        order_id: str,
        event: Event,
        outcome: Outcome | None = None,
        *,
        limit: Limit | None = None,
        setting: ClockSetting | None = None,
        frame: str = "",
    ) -> Entry:
        """The one way on; on disk when this returns. WrongMove and LimitReached have changed nothing."""
        now_ms = self._clock.now_ms()
        with self._transaction() as db:
            entry = self._entry(db, order_id)
            to = MOVES.get((entry.state, event))
            if to is None:
                raise WrongMove(f"order {order_id}: {event} is not possible in state {entry.state}")
            if limit:
                self._check(db, limit)
            outcome = outcome or entry.outcome
            db.execute(
                "UPDATE orders SET state = ?, at_ms = ?, outcome = ?, "
                "begun_at_ms = coalesce(begun_at_ms, ?), heard = heard AND ? WHERE id = ?",
                (to, now_ms, msgspec.json.encode(outcome), now_ms if event is Event.BEGIN else None,
                 to in OPEN, order_id),
            )  # fmt: skip
            if setting:
                self._note_setting(db, entry.order, setting, now_ms)
            told = {"outcome": msgspec.to_builtins(outcome)} | ({"frame": frame} if frame else {})
            self._audit(db, order_id, to, told)
            return Entry(entry.order, to, now_ms, outcome)

    def entry(self, order_id: str) -> Entry | None:
        with self._reading() as db, suppress(KeyError):
            return self._entry(db, order_id)
        return None

    def unfinished(self) -> list[Entry]:
        """Oldest first."""
        return self._select("state IN ('taken', 'begun', 'acted') ORDER BY number")

    def newest_issued_ms(self, order: Order, kinds: Collection[OrderKind]) -> int | None:
        """When the newest other such order to this meter was issued that did not come to nothing."""
        marks = ", ".join("?" * len(kinds))
        where = f"meter = ? AND id <> ? AND kind IN ({marks}) "
        where += "AND state NOT IN ('refused', 'expired', 'failed')"
        with self._reading() as db:
            rows = db.execute(f"{_ENTRY} WHERE {where}", (order.meter, order.id, *kinds)).fetchall()
        return max((_entry(row).order.issued_at_ms for row in rows), default=None)

    def unheard(self, limit: int = 100) -> list[Entry]:
        """What the cloud has not written down yet, oldest first."""
        return self._select(f"NOT heard ORDER BY number LIMIT {int(limit)}")

    def heard(self, order_id: str, state: OrderState) -> bool:
        """The cloud has that state; a word on an older state of the order changes nothing."""
        with self._transaction() as db:
            try:
                entry = self._entry(db, order_id)
            except KeyError:
                return False
            if entry.result().state is not state:
                return False
            return db.execute("UPDATE orders SET heard = 1 WHERE id = ?", (order_id,)).rowcount > 0

    # -- clocks and capabilities --------------------------------------------------------------------------

    def clock_read_back(self, order_id: str, offset_s: float) -> None:
        with self._transaction() as db:
            db.execute("UPDATE clock_setting SET offset_after_s = ? WHERE order_id = ?", (offset_s, order_id))

    def clock_settings(self) -> list[dict[str, Any]]:
        return self._rows("SELECT * FROM clock_setting ORDER BY number")

    def note_capability(self, meter: str, identity: str, capability: Capability, why: str) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO capability VALUES (?, ?, ?, ?, ?)",
                (meter, identity, capability, why, self._clock.now_ms()),
            )

    def capability(self, meter: str, identity: str) -> tuple[Capability, str, int] | None:
        """What was found out of that very device, why, and when."""
        with self._reading() as db:
            row = db.execute(
                "SELECT capability, why, at_ms FROM capability WHERE meter = ? AND identity = ?",
                (meter, identity),
            ).fetchone()
        return (Capability(row[0]), row[1], row[2]) if row else None

    # -- audit --------------------------------------------------------------------------------------------

    def note(self, order_id: str, what: str, detail: Mapping[str, Any]) -> None:
        with self._transaction() as db:
            self._audit(db, order_id, what, dict(detail))

    def _audit(self, db: sqlite3.Connection, order_id: str, what: str, detail: Any) -> None:
        last = db.execute("SELECT mark FROM audit ORDER BY number DESC LIMIT 1").fetchone()
        now_ms, text = self._clock.now_ms(), msgspec.json.encode(detail).decode()
        mark = audit_mark(last[0] if last else b"", now_ms, order_id, what, text)
        db.execute(
            "INSERT INTO audit (at_ms, order_id, what, detail, mark) VALUES (?, ?, ?, ?, ?)",
            (now_ms, order_id, what, text, mark),
        )

    # -- the file -----------------------------------------------------------------------------------------

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._db:
                self._db.close()
            self._db = None

    def _check(self, db: sqlite3.Connection, limit: Limit) -> None:
        query = (
            ("SELECT count(*) FROM clock_setting WHERE broadcast AND line = ? AND at_ms >= ?", limit.line)
            if limit.line is not None
            else ("SELECT count(*) FROM orders WHERE kind = ? AND begun_at_ms >= ?", limit.kind)
        )
        (begun,) = db.execute(query[0], (query[1], limit.since_ms)).fetchone()
        if begun >= limit.most:
            raise LimitReached(limit.text)

    def _note_setting(self, db: sqlite3.Connection, order: Order, setting: ClockSetting, now_ms: int) -> None:
        db.execute(
            "INSERT INTO clock_setting (order_id, line, meter, broadcast, at_ms, offset_before_s) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (order.id, setting.line, order.meter, setting.broadcast, now_ms, setting.offset_s),
        )

    def _forget(self, db: sqlite3.Connection) -> None:
        """Those long over and heard; the audit keeps them."""
        before_ms = self._clock.now_ms() - KEEP_MS
        over = "state NOT IN ('taken', 'begun', 'acted') AND heard AND at_ms < ?"
        db.execute(f"DELETE FROM orders WHERE {over}", (before_ms,))  # noqa: S608

    def _entry(self, db: sqlite3.Connection, order_id: str) -> Entry:
        row = db.execute(f"{_ENTRY} WHERE id = ?", (order_id,)).fetchone()
        if row is None:
            raise KeyError(order_id)
        return _entry(row)

    def _select(self, where: str) -> list[Entry]:
        with self._reading() as db:
            return [_entry(row) for row in db.execute(f"{_ENTRY} WHERE {where}")]

    def _rows(self, query: str) -> list[dict[str, Any]]:
        with self._reading() as db:
            found = db.execute(query)
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, alone; after a fault opened anew: what is on disk is not known then."""
        with self._lock:
            if self._closed:
                raise StorageFault(f"{self._path}: is closed")
            try:
                self._db = self._db or _connect(self._path, self._clock, self.synchronous)
                yield self._db
            except (sqlite3.Error, OSError) as error:
                if self._db:
                    with suppress(sqlite3.Error):
                        self._db.close()
                self._db = None
                raise StorageFault(f"{self._path}: {error}") from error


_ENTRY: Final = "SELECT content, state, at_ms, outcome FROM orders"


def _entry(row: tuple[bytes, str, int, bytes]) -> Entry:
    content, state, at_ms, outcome = row
    order = orders.decode(content, Order)
    return Entry(order, State(state), at_ms, msgspec.json.decode(outcome, type=Outcome))


def audit_mark(before: bytes, at_ms: int, order_id: str, what: str, detail: str) -> bytes:
    """Each row's mark covers the row before it, so that none can be changed or taken out unseen."""
    content = "\x00".join((str(at_ms), order_id, what, detail)).encode()
    return blake2b(content, digest_size=16, key=before).digest()


def _connect(path: Path, clock: Clock, synchronous: str) -> sqlite3.Connection:
    """journal_mode TRUNCATE: another process (`wattpost edge orders`) may read while the agent runs."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
        db.execute(f"PRAGMA synchronous = {synchronous}")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
            path.chmod(0o600)
        elif version != SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"made by another version of wattpost (schema {version})")  # noqa: TRY301
        db.execute("INSERT INTO file SELECT ? WHERE NOT EXISTS (SELECT 1 FROM file)", (clock.now_ms(),))
    except BaseException:
        db.close()
        raise
    return db


def open_ledger(path: Path, clock: Clock) -> Ledger:
    """A file that is broken is kept aside: what was done is not known, so older orders are refused."""
    try:
        return Ledger(path, clock)
    except StorageFault as fault:
        cause = fault.__cause__
        if not isinstance(cause, sqlite3.DatabaseError) or not is_corrupt(cause):
            raise
        aside = set_aside(path, clock.now())
        log.error("%s: kept as %s, orders issued before now are refused", fault, aside.name)  # noqa: TRY400
        return Ledger(path, clock)


def read_audit(path: Path) -> list[AuditRow]:
    """For people; StorageFault when the file cannot be read or a row was changed or taken out."""
    rows: list[AuditRow] = []
    mark = b""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as db:
            query = "SELECT at_ms, order_id, what, detail, mark FROM audit ORDER BY number"
            for at_ms, order_id, what, detail, found in db.execute(query):
                mark = audit_mark(mark, at_ms, order_id, what, detail)
                if mark != found:
                    raise StorageFault(f"{path}: the audit was changed at row {len(rows) + 1}")
                rows.append(AuditRow(at_ms, order_id, what, msgspec.json.decode(detail)))
    except sqlite3.Error as error:
        raise StorageFault(f"{path}: {error}") from error
    return rows
