"""Keeps every accepted reading on disk until the cloud says that it has stored it.

One row is one immutable encoded batch, one seq, one message. A batch leaves in two ways only: settled by
the cloud's Stored, or given up at the disk cap and then declared until the cloud has settled that too.
"""

import logging
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import msgspec

from edge.clock import Clock
from edge.outbox_file import OutboxFile, OutboxRefused, SavedBatch, StorageFault, checksum
from protocols.mqtt import messages
from protocols.readings import Quality, Reading

log = logging.getLogger(__name__)

AT_CAP: Final = "outbox_full"
BROKEN_ROW: Final = "checksum"
UNDATABLE: Final = "no_valid_time"

_SETTLED_AT_ONCE: Final = 64
_COLUMNS: Final = "id, epoch, seq, readings, oldest_at_ms, checksum, payload"


class OutboxFull(StorageFault):
    """Nothing is left that could be given up: this batch does not fit under the cap at all."""


class BatchKey(NamedTuple):
    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Batch:
    id: int  # order of acceptance in this file, across epochs
    epoch: str
    seq: int
    readings: int
    oldest_at_ms: int
    payload: bytes

    @property
    def key(self) -> BatchKey:
        return BatchKey(self.epoch, self.seq)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is accepted and not settled; `readings` counts those held for want of a valid time too."""

    batches: int
    readings: int
    oldest_at_ms: int | None


@dataclass(slots=True)
class _State:
    """What the file says about itself; read anew from disk after every rollback."""

    epoch: str
    last_seq: int
    batches: int
    readings: int
    held: int


class Outbox:
    """Opened by one process; every method may be called from any thread and raises StorageFault."""

    synchronous: ClassVar[str] = "FULL"

    def __init__(self, path: Path, gateway: str, clock: Clock, cap_bytes: int = 1 << 30) -> None:
        self._path, self._gateway, self._clock = path, gateway, clock
        self._file = OutboxFile(path, clock, cap_bytes, self.synchronous, self._load, self._rescue)

    @property
    def fault(self) -> str | None:
        """What is wrong with the disk; None while readings are accepted."""
        return self._file.fault

    @property
    def epoch(self) -> str:
        return self._state.epoch

    @property
    def last_seq(self) -> int:
        return self._state.last_seq

    @property
    def held(self) -> int:
        """Readings that wait to be dated."""
        return self._state.held

    def append(self, readings: Sequence[Reading]) -> BatchKey:
        """Keep the readings as one batch; they are on disk when this returns, and only then accepted."""
        with self._file.transaction(grows=True) as db:
            return self._insert(db, readings)

    def unsettled(self, limit: int, after: int = 0, until: int | None = None) -> list[Batch]:
        """Batches not settled yet, oldest first, of which `after` < id <= `until`; none only at the end."""
        with self._file.reading() as db:
            where = "id > ? AND id <= ? ORDER BY id LIMIT ?"
            bounds = (after, (1 << 62) if until is None else until, limit)
            while rows := db.execute(f"SELECT {_COLUMNS} FROM batch WHERE {where}", bounds).fetchall():  # noqa: S608
                if found := self._batches(rows):
                    return found
        return []

    def batch(self, batch_id: int) -> Batch | None:
        """The batch of that id, byte-equal at every call; None once it has left."""
        with self._file.reading() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM batch WHERE id = ?", (batch_id,))  # noqa: S608
            return next(iter(self._batches(rows)), None)

    def ids(self, after: int, limit: int) -> list[int]:
        """Ids of unsettled batches above `after`, oldest first."""
        with self._file.reading() as db:
            rows = db.execute("SELECT id FROM batch WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
            return [batch_id for (batch_id,) in rows]

    def newest_id(self) -> int:
        """The id of the newest unsettled batch; 0 when there is none."""
        with self._file.reading() as db:
            (newest,) = db.execute("SELECT max(id) FROM batch").fetchone()
            return newest or 0

    def backlog(self) -> Backlog:
        with self._file.reading() as db:
            oldest = db.execute("SELECT oldest_at_ms FROM batch ORDER BY id LIMIT 1").fetchone()
        state = self._state
        return Backlog(state.batches, state.readings + state.held, oldest[0] if oldest else None)

    def settle(self, stored: messages.Stored) -> int:
        """Let go of what the cloud has settled; gives how many batches and declarations that was.

        A seq above our own last means that this file is an old image put back: the seqs used since then
        may already mean other readings to the cloud, so everything unsettled is sent again under a new
        epoch as well. The cloud keeps one copy of a reading, whichever batch brings it.
        """
        if stored.epoch == self.epoch and any(last > self.last_seq for _, last in stored.settled):
            self._restored()
        settled = sum(self._settle(stored.epoch, first, last) for first, last in _merged(stored.settled))
        if settled:
            self._file.give_back_space()
        return settled

    def declarations(self, limit: int = 32) -> list[messages.Dropped]:
        """What was given up and is not settled yet. Once shown here a declaration never changes."""
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT epoch, first, last, readings, reason, sealed, id FROM dropped ORDER BY id LIMIT ?",
                (limit,),
            ).fetchall()
        if any(not row[5] for row in rows):
            with self._file.transaction() as db:
                db.execute("UPDATE dropped SET sealed = 1 WHERE id <= ?", (rows[-1][6],))
        return [
            messages.Dropped(
                gateway=self._gateway, epoch=epoch, seqs=[(first, last)], readings=readings, reason=reason
            )
            for epoch, first, last, readings, reason, *_ in rows
        ]

    def hold(self, readings: Sequence[tuple[int, Reading]]) -> None:
        """Keep readings taken while there was no valid time, each with its time since this boot."""
        with self._file.transaction(grows=True) as db:
            for since_boot_ns, reading in readings:
                content = msgspec.json.encode(messages.row(reading))
                self._make_room(db, len(content))
                mark = checksum(self._clock.boot, since_boot_ns, content)
                db.execute(
                    "INSERT INTO held (boot, since_boot_ns, checksum, reading) VALUES (?, ?, ?, ?)",
                    (self._clock.boot, since_boot_ns, mark, content),
                )
                self._state.held += 1

    def date_held(self, limit: int = 200) -> tuple[BatchKey, list[Reading]] | None:
        """Move held readings of this boot into a batch, now that the clock is right; None when none is left.

        Those of an earlier boot can never be dated: they are declared dropped.
        """
        with self._file.transaction(grows=True) as db:
            self._declare_undatable(db)
            rows = db.execute("SELECT * FROM held ORDER BY id LIMIT ?", (limit,)).fetchall()
            boot_ms = self._clock.now_ms() - self._clock.since_boot_ns() // 1_000_000
            dated = [_dated(content, boot_ms + ns // 1_000_000) for _, _, ns, _, content in rows]
            key = self._insert(db, dated) if dated else None
            self._forget_held(db, [row[0] for row in rows])
        return (key, dated) if key else None

    def recover(self) -> bool:
        """Whether the storage works (again): reopened from disk, proven by a commit."""
        with suppress(StorageFault), self._file.transaction(grows=True) as db:
            db.execute("UPDATE epoch SET last_seq = last_seq WHERE name = ?", (self.epoch,))
        return self.fault is None

    def close(self) -> None:
        self._file.close()

    # -- batches and declarations, inside a transaction ---------------------------------------------------

    def _insert(self, db: sqlite3.Connection, readings: Sequence[Reading]) -> BatchKey:
        state = self._state
        seq = state.last_seq + 1
        rows = [messages.row(reading) for reading in readings]
        payload = messages.encode(
            messages.Readings(gateway=self._gateway, epoch=state.epoch, seq=seq, readings=rows)
        )
        self._make_room(db, len(payload))
        oldest_at_ms = min(reading.at_ms for reading in readings)
        mark = checksum(state.epoch, seq, payload)
        self._put(db, (state.epoch, seq, len(rows), oldest_at_ms, mark, payload))
        self._use_seq(db)
        return BatchKey(state.epoch, seq)

    def _put(self, db: sqlite3.Connection, row: tuple[str, int, int, int, bytes, bytes]) -> None:
        columns = _COLUMNS.removeprefix("id, ")
        db.execute(f"INSERT INTO batch ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608
        self._state.batches += 1
        self._state.readings += row[2]

    def _use_seq(self, db: sqlite3.Connection) -> int:
        self._state.last_seq += 1
        db.execute("UPDATE epoch SET last_seq = ? WHERE name = ?", (self._state.last_seq, self._state.epoch))
        return self._state.last_seq

    def _make_room(self, db: sqlite3.Connection, need: int) -> None:
        """Give up the oldest until `need` bytes fit under the cap."""
        while not self._file.has_room(db, need):
            oldest = db.execute("SELECT id, epoch, seq, readings FROM batch ORDER BY id LIMIT 1").fetchone()
            if oldest:
                self._give_up(db, *oldest, reason=AT_CAP)
                continue
            held = [row[0] for row in db.execute("SELECT id FROM held ORDER BY id LIMIT 100")]
            if not held:
                raise OutboxFull(
                    f"{self._path}: {need} bytes do not fit under the cap; raise outbox.max_bytes"
                )
            self._forget_held(db, held)
            self._declare(db, self.epoch, self._use_seq(db), len(held), AT_CAP)

    def _give_up(
        self, db: sqlite3.Connection, batch_id: int, epoch: str, seq: int, readings: int, *, reason: str
    ) -> None:
        db.execute("DELETE FROM batch WHERE id = ?", (batch_id,))
        self._state.batches -= 1
        self._state.readings -= readings
        self._declare(db, epoch, seq, readings, reason)

    def _declare(self, db: sqlite3.Connection, epoch: str, seq: int, readings: int, reason: str) -> None:
        grown = db.execute(
            "UPDATE dropped SET last = ?, readings = readings + ? WHERE NOT sealed "
            "AND id = (SELECT max(id) FROM dropped) AND epoch = ? AND last = ? AND reason = ?",
            (seq, readings, epoch, seq - 1, reason),
        )
        if not grown.rowcount:
            log.warning(
                "giving up %d readings (%s), declared to the cloud from seq %d on", readings, reason, seq
            )
            db.execute(
                "INSERT INTO dropped (epoch, first, last, readings, reason, sealed) "
                "VALUES (?, ?, ?, ?, ?, 0)",
                (epoch, seq, seq, readings, reason),
            )

    def _settle(self, epoch: str, first: int, last: int) -> int:
        """In small commits, so that a nearly full disk has room for each."""
        settled = 0
        while True:
            with self._file.transaction() as db:
                rows = db.execute(
                    "SELECT id, readings FROM batch WHERE epoch = ? AND seq BETWEEN ? AND ? LIMIT ?",
                    (epoch, first, last, _SETTLED_AT_ONCE),
                ).fetchall()
                db.executemany("DELETE FROM batch WHERE id = ?", [row[:1] for row in rows])
                self._state.batches -= len(rows)
                self._state.readings -= sum(readings for _, readings in rows)
                settled += len(rows)
                if len(rows) < _SETTLED_AT_ONCE:
                    span = (epoch, first, last)
                    told = db.execute(
                        "DELETE FROM dropped WHERE epoch = ? AND first >= ? AND last <= ? AND sealed", span
                    )
                    return settled + told.rowcount

    def _restored(self) -> None:
        old = self.epoch
        with self._file.transaction() as db:
            self._new_epoch(db)
            ids = [row[0] for row in db.execute("SELECT id FROM batch WHERE epoch = ? ORDER BY id", (old,))]
            for batch_id in ids:
                row = db.execute(
                    "SELECT seq, checksum, payload FROM batch WHERE id = ?", (batch_id,)
                ).fetchone()
                if row and checksum(old, row[0], row[2]) == row[1]:
                    rows = messages.decode(row[2], messages.Readings).readings
                    self._insert(db, [messages.reading(each) for each in rows])
        log.warning(
            "%s: the cloud knows more of epoch %s than this file: it was restored from an old image; "
            "going on in epoch %s, %d batches are sent again under it",
            self._path, old, self.epoch, len(ids),
        )  # fmt: skip

    def _new_epoch(self, db: sqlite3.Connection) -> None:
        name = secrets.token_hex(8)
        db.execute("INSERT INTO epoch (name, last_seq) VALUES (?, 0)", (name,))
        self._state.epoch, self._state.last_seq = name, 0

    # -- held readings, inside a transaction --------------------------------------------------------------

    def _declare_undatable(self, db: sqlite3.Connection) -> None:
        boot = self._clock.boot
        lost = [row[0] for row in db.execute("SELECT id FROM held WHERE boot <> ?", (boot,))]
        lost += [
            row[0]
            for row in db.execute("SELECT * FROM held WHERE boot = ?", (boot,))
            if checksum(row[1], row[2], row[4]) != row[3]
        ]
        if lost:
            self._forget_held(db, lost)
            self._declare(db, self.epoch, self._use_seq(db), len(lost), UNDATABLE)

    def _forget_held(self, db: sqlite3.Connection, ids: Sequence[int]) -> None:
        db.executemany("DELETE FROM held WHERE id = ?", [(each,) for each in ids])
        self._state.held -= len(ids)

    # -- the file -----------------------------------------------------------------------------------------

    def _load(self, db: sqlite3.Connection) -> None:
        """Read the state from a connection just opened or rolled back; a new file gets its epoch here."""
        row = db.execute("SELECT gateway FROM identity").fetchone()
        if row is None:
            self._state = _State("", 0, 0, 0, 0)
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO identity VALUES (?)", (self._gateway,))
            self._new_epoch(db)
            db.execute("COMMIT")
        elif row[0] != self._gateway:
            raise OutboxRefused(
                f"{self._path}: belongs to gateway {row[0]!r}; give {self._gateway!r} a data_dir of its own"
            )
        self._state = _read_state(db)

    def _rescue(self, db: sqlite3.Connection, saved: Iterable[SavedBatch]) -> int:
        """Take over what could be read of a broken file, each batch under its old epoch."""
        before = self._state.batches
        for row in saved:
            with suppress(sqlite3.IntegrityError):  # a broken tree may show a row twice
                self._put(db, row)
        return self._state.batches - before

    def _batches(self, rows: Iterable[tuple[int, str, int, int, int, bytes, bytes]]) -> list[Batch]:
        """The sound ones; what is broken is given up here and declared."""
        found, broken = [], []
        for batch_id, epoch, seq, readings, oldest_at_ms, mark, payload in rows:
            if checksum(epoch, seq, payload) == mark:
                found.append(Batch(batch_id, epoch, seq, readings, oldest_at_ms, payload))
            else:
                broken.append((batch_id, epoch, seq, readings))
        if broken:
            with self._file.transaction() as db:
                for row in broken:
                    self._give_up(db, *row, reason=BROKEN_ROW)
        return found


def _read_state(db: sqlite3.Connection) -> _State:
    epoch, last_seq = db.execute("SELECT name, last_seq FROM epoch ORDER BY number DESC LIMIT 1").fetchone()
    batches, readings = db.execute("SELECT count(*), total(readings) FROM batch").fetchone()
    (held,) = db.execute("SELECT count(*) FROM held").fetchone()
    return _State(epoch, last_seq, batches, int(readings), held)


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Closed ranges in order, those that touch made one: a declaration is settled only as a whole."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _dated(content: bytes, at_ms: int) -> Reading:
    row = msgspec.json.decode(content, type=messages.Row)
    return Reading(row.meter, at_ms, row.source, row.values, Quality.CLOCK_UNSURE)
