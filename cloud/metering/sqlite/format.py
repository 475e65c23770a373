"""The tables of readings.db, format 2, and how a file of format 1 becomes one.

One row is one reading: the key (meter, at, source, part), what it holds (`shape`) and its values as bytes.
Part 0 is what came first; further parts hold what other batches added to the same key. New readings go into
`fresh` and are moved to `reading` many at a time, so a page of `reading` is not written again for each.
"""

import logging
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from cloud.kit.errors import Conflict
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value

log = logging.getLogger(__name__)

VERSION = 2
_READING = """
CREATE TABLE {name} (meter INTEGER NOT NULL, at INTEGER NOT NULL, source INTEGER NOT NULL,
  part INTEGER NOT NULL, shape INTEGER NOT NULL, quality INTEGER NOT NULL, origin INTEGER NOT NULL,
  packed BLOB NOT NULL, PRIMARY KEY (meter, at, source, part)) STRICT, WITHOUT ROWID;
"""
_NEW = f"""
CREATE TABLE shape (id INTEGER PRIMARY KEY, quantities TEXT NOT NULL UNIQUE) STRICT;
{_READING.format(name="reading")}
{_READING.format(name="fresh")}
CREATE TABLE newest (meter INTEGER NOT NULL, shape INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (meter, shape)) STRICT, WITHOUT ROWID;
"""
SCHEMA = f"""
CREATE TABLE meter (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE quantity (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE origin (id INTEGER PRIMARY KEY, gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
  UNIQUE (gateway, epoch, seq)) STRICT;
CREATE TABLE conflict (meter INTEGER NOT NULL, at INTEGER NOT NULL, source INTEGER NOT NULL,
  quantity INTEGER NOT NULL, value ANY NOT NULL, quality INTEGER NOT NULL, origin INTEGER NOT NULL,
  PRIMARY KEY (meter, at, source, quantity, value)) STRICT, WITHOUT ROWID;
{_NEW}
"""

Part = tuple[int, dict[int, Value], int, int]
"""(part, value of each quantity id, quality, origin)."""


def letters(names: Iterable[str]) -> str:
    """The struct format of the values of these quantities."""
    return "<" + "".join("q" if QUANTITIES[name].kind is Kind.COUNTER else "d" for name in names)


class Vocabulary:
    """The numbers of quantities and shapes in one file; `shape` adds what is not there yet."""

    def __init__(self, writer: sqlite3.Connection) -> None:
        self._writer = writer
        self._quantities: dict[str, int] = dict(writer.execute("SELECT name, id FROM quantity"))
        self._names = {number: name for name, number in self._quantities.items()}
        self._shapes: dict[str, int] = dict(writer.execute("SELECT quantities, id FROM shape"))
        self._ids = {number: tuple(map(int, text.split(","))) for text, number in self._shapes.items()}

    def quantity(self, name: str) -> int:
        number = self._quantities.get(name)
        if number is None:
            number = _added(self._writer, "INSERT INTO quantity (name) VALUES (?)", name)
            self._quantities[name], self._names[number] = number, name
        return number

    def shape(self, quantities: Sequence[int]) -> int:
        text = ",".join(map(str, quantities))
        number = self._shapes.get(text)
        if number is None:
            number = _added(self._writer, "INSERT INTO shape (quantities) VALUES (?)", text)
            self._shapes[text], self._ids[number] = number, tuple(quantities)
        return number

    def pack(self, values: dict[int, Value]) -> tuple[int, bytes]:
        """(shape, packed) of a part, its quantities in order of their numbers."""
        numbers = sorted(values)
        form = letters(self._names[number] for number in numbers)
        return self.shape(numbers), struct.pack(form, *(values[number] for number in numbers))

    def unpack(self, shape: int, packed: bytes) -> dict[int, Value]:
        numbers = self._ids[shape]
        return dict(
            zip(numbers, struct.unpack(letters(self._names[each] for each in numbers), packed), strict=True)
        )


def _added(writer: sqlite3.Connection, insert: str, text: str) -> int:
    number = writer.execute(insert, (text,)).lastrowid
    assert number is not None
    return number


def bring_up(writer: sqlite3.Connection, path: Path) -> None:
    """Make or renew the tables; Conflict when a newer program made them."""
    version = writer.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        writer.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version == 1:
        log.warning("%s: one row a value becomes one row a reading; this takes a while", path)
        from_format_1(writer)
    elif version != VERSION:
        raise Conflict(f"{path} has version {version}, this program knows {VERSION}: update wattpost")


def from_format_1(writer: sqlite3.Connection) -> None:
    """One row a value becomes one row a reading, in place and in one transaction."""
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DROP TABLE newest")
    for statement in filter(str.strip, _NEW.split(";")):
        writer.execute(statement)
    writer.executemany("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _readings(writer))
    writer.execute("INSERT INTO newest SELECT meter, shape, max(at) FROM reading GROUP BY meter, shape")
    writer.execute("DROP TABLE value")
    writer.execute(f"PRAGMA user_version = {VERSION}")
    writer.execute("COMMIT")


def _readings(
    writer: sqlite3.Connection,
) -> Iterator[tuple[int, int, int, int, int, int, int, bytes]]:
    words = Vocabulary(writer)
    identities = {number: key for number, *key in writer.execute("SELECT * FROM origin")}
    rows = writer.execute(
        "SELECT meter, at, source, quantity, value, quality, origin FROM value "
        "ORDER BY meter, at, source, quantity"
    )
    for key, values in groupby(rows, key=itemgetter(0, 1, 2)):
        by_claim: dict[tuple[int, int], dict[int, Value]] = {}
        for _, _, _, quantity, value, quality, origin in values:
            by_claim.setdefault((origin, quality), {})[quantity] = value
        claims = sorted(by_claim, key=lambda claim: (identities[claim[0]], claim[1]))
        for part, (origin, quality) in enumerate(claims):
            shape, packed = words.pack(by_claim[origin, quality])
            yield (*key, part, shape, quality, origin, packed)
