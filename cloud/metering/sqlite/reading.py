"""The reading side of the SQLite store: questions to one connection that cannot write.

A question is answered in one step of one statement, as arrays: each further step would give the interpreter's
lock away, and while readings come in at load it is long before it comes back.
"""

import sqlite3
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from struct import unpack
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from cloud.kit.scope import Scope
from cloud.metering.sqlite.format import letters
from cloud.metering.sqlite.writing import STEP_MS
from cloud.metering.store import (
    QUALITIES,
    SOURCE_ID,
    SOURCES,
    Columns,
    Kept,
    Latest,
    Series,
    ms,
    windows,
)
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Source, Value

_FOREVER = 2**62
_IDS = msgspec.json.Decoder(dict[int, str])
_NUMBERS = msgspec.json.Decoder(list[int])

_READINGS = "(SELECT * FROM reading UNION ALL SELECT * FROM fresh)"
_NAMES = """
SELECT (SELECT json_group_object(id, name) FROM quantity),
  (SELECT json_group_object(id, quantities) FROM shape)
"""
# source < 16 and quality < 16; part is of no matter, for no quantity is in two parts of a key
_BLOCK = """
SELECT json_group_array(meter), json_group_array(at), json_group_array(shape * 256 + source * 16 + quality),
  group_concat(hex(packed), '')
FROM ({rows})
"""
_SPAN = """
SELECT meter, at, shape, source, quality, packed FROM {table}
WHERE meter = (SELECT id FROM meter WHERE name = ?1) AND at >= ?2 AND at < ?3
"""
_SPANS = _BLOCK.format(rows=f"{_SPAN.format(table='reading')} UNION ALL {_SPAN.format(table='fresh')}")
_AROUND_NEWEST = """
SELECT r.meter, r.at, r.shape, source, quality, packed FROM newest AS n CROSS JOIN {table} AS r
ON r.meter = n.meter AND r.at >= n.at AND r.at < n.at + {step} {where}
"""
_OF_METERS = "WHERE n.meter IN (SELECT id FROM meter WHERE name IN (SELECT value FROM json_each(?1)))"
_BACKWARDS = """
SELECT at, shape, source, quality, packed FROM {readings}
WHERE meter = (SELECT id FROM meter WHERE name = ?) AND at >= ? AND at < ? ORDER BY at DESC, source
"""
_KEPT = """
SELECT at, source, shape, quality, gateway, epoch, seq, packed FROM {readings} AS kept
JOIN origin ON origin.id = kept.origin WHERE meter = ? AND at >= ? AND at < ? ORDER BY at, source
"""
_CONFLICTS = """
SELECT at, source, quantity.name, value, quality, gateway, epoch, seq FROM conflict
JOIN quantity ON quantity.id = conflict.quantity JOIN origin ON origin.id = conflict.origin
WHERE meter = ? AND at >= ? AND at < ? ORDER BY 1, 2, 3, 4
"""
_NUMBERS_OF = "SELECT name, id FROM meter WHERE name IN (SELECT value FROM json_each(?))"


class Names:
    """What the numbers of quantities and shapes mean in this transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        quantities, shapes = connection.execute(_NAMES).fetchone()
        self._quantities = _IDS.decode(quantities)
        self.shapes = {
            number: tuple(self._quantities[int(each)] for each in text.split(","))
            for number, text in _IDS.decode(shapes).items()
        }
        self._letters: dict[int, str] = {}

    def unpack(self, shape: int, packed: bytes) -> dict[str, Value]:
        form = self._letters.get(shape)
        if form is None:
            form = self._letters[shape] = letters(self.shapes[shape])
        return dict(zip(self.shapes[shape], unpack(form, packed), strict=True))


@dataclass(frozen=True, slots=True)
class _Block:
    """Readings as arrays of one length; the words of reading i begin at `starts[i]` of `words`."""

    meter: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    shape: NDArray[np.int64]
    source: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    starts: NDArray[np.int64]
    words: NDArray[np.int64]

    def find(self, names: Names, quantity: str) -> tuple[NDArray[np.intp], NDArray[Any]]:
        """(rows that have the quantity, its values in them)."""
        places = np.full(max(names.shapes, default=0) + 1, -1)
        for shape, quantities in names.shapes.items():
            if quantity in quantities:
                places[shape] = quantities.index(quantity)
        place = places[self.shape]
        rows = np.flatnonzero(place >= 0)
        words = self.words[self.starts[rows] + place[rows]]
        counter = QUANTITIES[quantity].kind is Kind.COUNTER
        return rows, words if counter else words.view(np.float64)


def _block(names: Names, row: tuple[str, str, str, str | None]) -> _Block:
    meters, ats, codes, packed = row
    code = np.array(_NUMBERS.decode(codes), np.int64)
    lengths = np.zeros(max(names.shapes, default=0) + 1, np.int64)
    for shape, quantities in names.shapes.items():
        lengths[shape] = len(quantities)
    length = lengths[code >> 8]
    return _Block(
        np.array(_NUMBERS.decode(meters), np.int64),
        np.array(_NUMBERS.decode(ats), np.int64),
        code >> 8,
        (code >> 4 & 15).astype(np.uint8),
        (code & 15).astype(np.uint8),
        np.cumsum(length) - length,
        np.frombuffer(bytes.fromhex(packed or ""), "<i8"),
    )


# the newest


def latest(connection: sqlite3.Connection, scope: Scope, meters: Collection[str] | None) -> list[Latest]:
    visible = scope.meters()
    shown: set[str] | None = visible if meters is None else set(meters)
    if shown is not None and visible is not None:
        shown &= visible
    newest = _newest(connection, shown)
    if visible is None:
        return newest
    found = []
    for meter, mine in _by_meter(newest).items():
        found += _latest_of(connection, scope, meter, mine)
    return sorted(found, key=lambda each: (each.meter, each.quantity))


def _by_meter(newest: Sequence[Latest]) -> Mapping[str, list[Latest]]:
    return {meter: list(mine) for meter, mine in groupby(newest, key=lambda each: each.meter)}


def _newest(connection: sqlite3.Connection, meters: Collection[str] | None) -> list[Latest]:
    """In order of meter and quantity. `newest` says where to look: at most one step before the newest."""
    where = "" if meters is None else _OF_METERS
    tables = (_AROUND_NEWEST.format(table=table, step=STEP_MS, where=where) for table in ("reading", "fresh"))
    asked = () if meters is None else (msgspec.json.encode(sorted(meters)).decode(),)
    names = Names(connection)
    block = _block(
        names, connection.execute(_BLOCK.format(rows=" UNION ALL ".join(tables)), asked).fetchone()
    )
    known = _IDS.decode(connection.execute("SELECT json_group_object(id, name) FROM meter").fetchone()[0])
    found = []
    for quantity in {quantity for quantities in names.shapes.values() for quantity in quantities}:
        rows, values = block.find(names, quantity)
        order = np.lexsort((-block.source[rows].astype(np.int64), block.at_ms[rows], block.meter[rows]))
        meter = block.meter[rows][order]
        last = order[np.flatnonzero(np.append(meter[1:] != meter[:-1], True))] if len(order) else order
        for row, value in zip(rows[last].tolist(), values[last].tolist(), strict=True):
            source, quality = SOURCES[block.source[row]], QUALITIES[block.quality[row]]
            name = known[int(block.meter[row])]
            found.append(Latest(name, quantity, int(block.at_ms[row]), source, value, quality))
    return sorted(found, key=lambda each: (each.meter, each.quantity))


def _latest_of(
    connection: sqlite3.Connection, scope: Scope, meter: str, newest: Sequence[Latest]
) -> list[Latest]:
    """As it is where the window is still open, by a search where it has ended."""
    parts = windows(scope, meter)
    open_from = min((start for start, end in parts if end is None), default=_FOREVER)
    shown = {each.quantity: each for each in newest if each.at_ms >= open_from}
    missing = {each.quantity for each in newest} - shown.keys()
    for start, end in sorted(parts, reverse=True) if missing else ():
        for each in _last_within(connection, meter, start, _FOREVER if end is None else end, missing):
            best = shown.get(each.quantity)
            if best is None or each.at_ms > best.at_ms:
                shown[each.quantity] = each
    return list(shown.values())


def _last_within(
    connection: sqlite3.Connection, meter: str, start: int, end: int, wanted: Collection[str]
) -> Iterator[Latest]:
    """Backwards until each wanted quantity was met."""
    names, missing = Names(connection), set(wanted)
    with closing(connection.cursor()) as cursor:
        for at, shape, source, quality, packed in cursor.execute(
            _BACKWARDS.format(readings=_READINGS), (meter, start, end)
        ):
            values = names.unpack(shape, packed)
            for quantity in missing & values.keys():
                missing.discard(quantity)
                yield Latest(meter, quantity, at, SOURCES[source], values[quantity], QUALITIES[quality])
            if not missing:
                return


# courses


def series(
    connection: sqlite3.Connection,
    scope: Scope,
    meter: str,
    quantity: str,
    start: datetime,
    end: datetime,
    source: Source | None,
) -> Series:
    (found,) = columns(connection, scope, [meter], [quantity], start, end)
    if source is not None:
        chosen = np.flatnonzero(found.source == SOURCE_ID[source])
    else:  # of one instant the preferred source comes first
        chosen = np.flatnonzero(np.diff(found.at_ms, prepend=np.int64(-_FOREVER)) != 0)
    letter = "q" if QUANTITIES[quantity].kind is Kind.COUNTER else "d"
    return Series(array("q", found.at_ms[chosen].tobytes()), array(letter, found.values[chosen].tobytes()))


def columns(
    connection: sqlite3.Connection,
    scope: Scope,
    meters: Sequence[str],
    quantities: Sequence[str],
    start: datetime,
    end: datetime,
) -> list[Columns]:
    names = Names(connection)
    parts: list[list[tuple[int, _Block, NDArray[np.intp], NDArray[Any]]]] = [[] for _ in quantities]
    for number, meter in enumerate(meters):
        for first, last in scope.clip(meter, start, end):
            block = _block(names, connection.execute(_SPANS, (meter, ms(first), ms(last))).fetchone())
            for found, quantity in zip(parts, quantities, strict=True):
                rows, values = block.find(names, quantity)
                if len(rows):
                    found.append((number, block, rows, values))
    return [_columns(quantity, found) for quantity, found in zip(quantities, parts, strict=True)]


def _columns(quantity: str, found: Sequence[tuple[int, _Block, NDArray[np.intp], NDArray[Any]]]) -> Columns:
    kind: Any = np.int64 if QUANTITIES[quantity].kind is Kind.COUNTER else np.float64
    return Columns(
        quantity,
        _joined([np.full(len(rows), number, np.int32) for number, _, rows, _ in found], np.int32),
        _joined([block.at_ms[rows] for _, block, rows, _ in found], np.int64),
        _joined([block.source[rows] for _, block, rows, _ in found], np.uint8),
        _joined([block.quality[rows] for _, block, rows, _ in found], np.uint8),
        _joined([values for _, _, _, values in found], kind),
    )


def _joined(arrays: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, kind)


# everything


def rows(connection: sqlite3.Connection, scope: Scope) -> Iterator[Kept]:
    names = Names(connection)
    with closing(connection.cursor()) as cursor:
        for meter, number, start, end in _spans(connection, scope):
            found = cursor.execute(_KEPT.format(readings=_READINGS), (number, start, end))
            for (at, source), key in groupby(found, key=itemgetter(0, 1)):
                of_key = [
                    Kept(meter, at, SOURCES[source], quantity, value, QUALITIES[quality], *origin)
                    for _, _, shape, quality, *origin, packed in key
                    for quantity, value in names.unpack(shape, packed).items()
                ]
                yield from sorted(of_key) if len(of_key) > 1 else of_key


def conflicts(connection: sqlite3.Connection, scope: Scope) -> Iterator[Kept]:
    for meter, number, start, end in _spans(connection, scope):
        for row in connection.execute(_CONFLICTS, (number, start, end)):
            at, source, quantity, value, quality, *origin = row
            yield Kept(meter, at, SOURCES[source], quantity, value, QUALITIES[quality], *origin)


def _spans(connection: sqlite3.Connection, scope: Scope) -> list[tuple[str, int, int, int]]:
    """(meter, its number, from, to) that hold what is in scope and nothing else: apart, in order.

    Only meters of the scope are looked up: who asks for one at a time would have the whole list each time.
    """
    if scope.windows is None:
        every = connection.execute("SELECT name, id FROM meter")
        return [(meter, number, -_FOREVER, _FOREVER) for meter, number in sorted(every)]
    of_meter: dict[str, list[tuple[int, int]]] = {}
    for window in scope.windows:
        end = _FOREVER if window.end is None else ms(window.end)
        of_meter.setdefault(window.meter, []).append((ms(window.start), end))
    known = connection.execute(_NUMBERS_OF, (msgspec.json.encode(list(of_meter)).decode(),))
    return [(meter, number, *part) for meter, number in sorted(known) for part in _apart(of_meter[meter])]


def _apart(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """[from, to) in order, each instant in one of them."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        low = max(start, found[-1][1]) if found else start
        if low < end:
            found.append((low, end))
    return found
