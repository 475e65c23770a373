"""The writing side of the SQLite store, within the caller's transaction.

Many rows go in by one statement: each step of a statement gives the interpreter's lock away, and under load
it comes back only after a while. A key that is there already is contested value by value.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from cloud.metering.claims import Claim, contest
from cloud.metering.packing import Packed, Shape
from cloud.metering.sqlite.format import Vocabulary
from cloud.metering.store import QUALITY_ID, SOURCE_ID, BatchOfReadings
from protocols.readings import Value

STEP_MS = 3_600_000
"""How far the newest reading of a meter and shape may be ahead of what `newest` says."""
FRESH = 65_536
"""Readings that wait in `fresh` before they are moved."""
_COLUMNS = 8
_ROWS_AT_ONCE = (512, 64, 8, 1)
_KEY = "meter = ? AND at = ? AND source = ?"
_NEWEST = (
    "INSERT INTO newest VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at WHERE excluded.at > at"
)


Row = tuple[int, int, int, int, int, int, int, bytes]
"""(meter, at, source, part, shape, quality, origin, packed)."""


class _Held(NamedTuple):
    """One value of a key as it stands in the file."""

    value: Value
    quality: int
    origin: int


class WritingSide:
    """What one connection knows of its file; after a failure it is thrown away with the connection.

    `_tops`: no reading of the meter in `reading` is newer, and none in `fresh` is not newer.
    """

    def __init__(self, writer: sqlite3.Connection) -> None:
        self._writer = writer
        self._words = Vocabulary(writer)
        self._meters: dict[str, int] = dict(writer.execute("SELECT name, id FROM meter"))
        tops = "SELECT id, (SELECT max(at) FROM reading WHERE meter = id) FROM meter"
        self._tops = {meter: top for meter, top in writer.execute(tops) if top is not None}
        self._fresh = writer.execute("SELECT count(*) FROM fresh").fetchone()[0]
        self._newest: dict[int, dict[int, int]] = {}
        for meter, shape, at in writer.execute("SELECT * FROM newest"):
            self._newest.setdefault(shape, {})[meter] = at
        self._shapes: dict[Shape, int] = {}

    def write(self, batches: Sequence[BatchOfReadings], packed: Sequence[Packed]) -> None:
        fresh: list[Row] = []
        late: list[Row] = []
        for batch, parts in zip(batches, packed, strict=True):
            origin = self._origin(batch)
            meters, tops, shapes = self._meters, self._tops, self._shapes
            for reading, shape, blob in zip(batch.readings, parts.shapes, parts.blobs, strict=True):
                meter = meters.get(reading.meter) or self._add_meter(reading.meter)
                row = (
                    meter,
                    reading.at_ms,
                    SOURCE_ID[reading.source],
                    0,
                    shapes.get(shape) or self._shape(shape),
                    QUALITY_ID[reading.quality],
                    origin,
                    blob,
                )
                (fresh if reading.at_ms > tops.get(meter, _NEVER) else late).append(row)
        self._put("fresh", fresh)
        self._put("reading", late)
        self._note_newest(fresh)
        self._note_newest(late)
        self._fresh += len(fresh)
        if self._fresh >= FRESH:
            self._move()

    def _shape(self, shape: Shape) -> int:
        if len(self._shapes) >= 4096:
            self._shapes.clear()  # shapes of the packing side that were forgotten there
        number = self._words.shape([self._words.quantity(name) for name in shape.names])
        self._shapes[shape] = number
        return number

    def _add_meter(self, name: str) -> int:
        number = self._writer.execute("INSERT INTO meter (name) VALUES (?)", (name,)).lastrowid
        assert number is not None
        self._meters[name] = number
        return number

    def _origin(self, batch: BatchOfReadings) -> int:
        identity = (batch.gateway, batch.epoch, batch.seq)
        cursor = self._writer.execute(
            "INSERT INTO origin (gateway, epoch, seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", identity
        )
        if cursor.rowcount:
            assert cursor.lastrowid is not None
            return cursor.lastrowid
        found = self._writer.execute(
            "SELECT id FROM origin WHERE gateway = ? AND epoch = ? AND seq = ?", identity
        )
        return int(found.fetchone()[0])

    def _put(self, table: str, rows: Sequence[Row]) -> None:
        done = 0
        for many in _ROWS_AT_ONCE:
            while len(rows) - done >= many:
                some = rows[done : done + many]
                done += many
                changed = self._writer.execute(_INSERT[table, many], [each for row in some for each in row])
                if changed.rowcount < many:
                    for row in some:
                        self._settle(table, row)

    def _note_newest(self, rows: Sequence[Row]) -> None:
        news: dict[tuple[int, int], int] = {}
        for meter, at, _, _, shape, _, _, _ in rows:
            known = self._newest.get(shape)
            if known is None:
                known = self._newest[shape] = {}
            if at >= known.get(meter, _NEVER) + STEP_MS:
                known[meter] = news[meter, shape] = at
        if news:
            self._writer.executemany(_NEWEST, [(*key, at) for key, at in news.items()])

    def _move(self) -> None:
        """From `fresh` to where they stay. No key is in both, so nothing can meet."""
        self._writer.execute("INSERT INTO reading SELECT * FROM fresh ORDER BY meter, at, source, part")
        self._tops.update(self._writer.execute("SELECT meter, max(at) FROM fresh GROUP BY meter").fetchall())
        self._writer.execute("DELETE FROM fresh")
        self._fresh = 0

    # a key that may have been there before

    def _settle(self, table: str, row: Row) -> None:
        key = row[:3]
        parts = self._writer.execute(
            f"SELECT part, shape, quality, origin, packed FROM {table} WHERE {_KEY}",  # noqa: S608
            key,
        ).fetchall()
        if [part[1:] for part in parts] == [row[4:]]:
            return  # it is the one just put there, or came a second time
        held = {
            quantity: _Held(value, quality, origin)
            for _, shape, quality, origin, packed in parts
            for quantity, value in self._words.unpack(shape, packed).items()
        }
        before = dict(held)
        _, _, _, _, shape, quality, origin, packed = row
        for quantity, value in self._words.unpack(shape, packed).items():
            self._contest((*key, quantity), held, _Held(value, quality, origin))
        if held != before:
            self._rewrite(table, key, held)

    def _contest(self, key: tuple[int, int, int, int], held: dict[int, _Held], new: _Held) -> None:
        """One value: `held` has the winner afterwards, and the table of conflicts the loser."""
        quantity = key[3]
        old = held.get(quantity)
        if old is None:
            held[quantity] = new
        if old is None or old == new:
            return
        theirs, ours = self._claim(old), self._claim(new)
        winner, loser = contest(theirs, ours)
        if winner is ours:
            held[quantity] = new
            self._writer.execute(
                f"DELETE FROM conflict WHERE {_KEY} AND quantity = ? AND value = ?",  # noqa: S608
                (*key, new.value),
            )
        if loser is not None:
            self._keep_loser(key, loser, old if winner is ours else new)

    def _keep_loser(self, key: tuple[int, int, int, int], loser: Claim, held: _Held) -> None:
        """Of each losing value the lowest claim is kept."""
        known = self._writer.execute(
            f"SELECT value, quality, origin FROM conflict WHERE {_KEY} AND quantity = ? AND value = ?",  # noqa: S608
            (*key, loser.value),
        ).fetchone()
        if known is None or loser < self._claim(_Held(*known)):
            self._writer.execute(
                "INSERT OR REPLACE INTO conflict VALUES (?, ?, ?, ?, ?, ?, ?)", (*key, *held)
            )

    def _rewrite(self, table: str, key: tuple[int, ...], held: dict[int, _Held]) -> None:
        """The parts of a key anew, in the order of their claims: the same however they came to be."""
        self._writer.execute(f"DELETE FROM {table} WHERE {_KEY}", key)  # noqa: S608
        order = {
            each: (*self._claim(each)[:3], each.quality) for each in set(held.values())
        }  # of a batch's values under one quality the order is the same: they make one part
        quantities = sorted(held, key=lambda quantity: (order[held[quantity]], quantity))
        grouped = groupby(quantities, key=lambda quantity: (held[quantity].origin, held[quantity].quality))
        for part, ((origin, quality), mine) in enumerate(grouped):
            shape, packed = self._words.pack({quantity: held[quantity].value for quantity in mine})
            row = (*key, part, shape, quality, origin, packed)
            self._writer.execute(_INSERT[table, 1], row)

    def _claim(self, held: _Held) -> Claim:
        found: tuple[str, str, int] = self._writer.execute(
            "SELECT gateway, epoch, seq FROM origin WHERE id = ?", (held.origin,)
        ).fetchone()
        return Claim(*found, value=held.value, quality=held.quality)


_NEVER = -(2**62)


def _inserts() -> Iterable[tuple[tuple[str, int], str]]:
    row = f"({', '.join('?' * _COLUMNS)})"
    for table in ("fresh", "reading"):
        for many in _ROWS_AT_ONCE:
            rows = ", ".join([row] * many)
            yield (table, many), f"INSERT INTO {table} VALUES {rows} ON CONFLICT DO NOTHING"  # noqa: S608


_INSERT = dict(_inserts())
