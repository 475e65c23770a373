"""Rows of the records database as JSON lines, the same from SQLite and from PostgreSQL.

The sum over all rows does not depend on their order, which the two databases see differently.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import IO, Any

from sqlalchemy import (
    JSON,
    Connection,
    Date,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    insert,
    inspect,
    null,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from cloud.kit.db import Exact, Instant, metadata
from cloud.kit.errors import Conflict, Invalid

CHUNK = 500
_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows, and the sum of their hashes mod 2^128 in hex."""

    rows: int
    sum: str


class Count:
    """Takes row after row; `tally` is what came of it."""

    def __init__(self) -> None:
        self._rows, self._sum = 0, 0

    def add(self, line: bytes) -> None:
        self._rows += 1
        digest = hashlib.blake2b(line, digest_size=16).digest()
        self._sum = (self._sum + int.from_bytes(digest, "big")) % _MODULUS

    @property
    def tally(self) -> Tally:
        return Tally(self._rows, f"{self._sum:032x}")


def ordered() -> list[Table]:
    """Every table of the slices that are loaded, those first that others refer to."""
    return list(metadata.sorted_tables)


def every(connection: Connection) -> list[Table]:
    """`ordered`; Conflict when the database has a table of no slice that is loaded: it would be left out."""
    there = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if unknown := sorted(there - metadata.tables.keys()):
        raise Conflict(f"the database has tables that this program does not know: {', '.join(unknown)}")
    return ordered()


def rows(connection: Connection, table: Table) -> Iterator[bytes]:
    """Every row as one canonical line, in no order that means anything."""
    found = connection.execute(select(table).execution_options(yield_per=CHUNK))
    names = [column.name for column in table.columns]
    for row in found:
        plain = {name: _plain(value) for name, value in zip(names, row, strict=True)}
        yield json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def tally(connection: Connection, table: Table) -> Tally:
    count = Count()
    for line in rows(connection, table):
        count.add(line)
    return count.tally


def dump(connection: Connection, table: Table, file: IO[bytes]) -> Tally:
    """Write every row; the tally of what was written."""
    count = Count()
    for line in rows(connection, table):
        count.add(line)
        file.write(line)
    return count.tally


def load(connection: Connection, table: Table, lines: Iterable[bytes]) -> None:
    """Put rows into an empty table. Invalid names the line that is none of its rows."""
    read = _reader(table)
    decoded = (read(number, line) for number, line in enumerate(lines, 1))
    in_order = _parents_first(table, decoded)
    while chunk := list(islice(in_order, CHUNK)):
        connection.execute(insert(table), chunk)
    _continue_numbers(connection, table)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return b64encode(bytes(value)).decode()
    return str(value) if isinstance(value, Decimal) else value


def _reader(table: Table) -> Callable[[int, bytes], dict[str, Any]]:
    back = {column.name: _back(column.type) for column in table.columns}

    def read(number: int, line: bytes) -> dict[str, Any]:
        try:
            plain: Mapping[str, Any] = json.loads(line)
            return {name: convert(plain[name]) for name, convert in back.items()}
        except (ValueError, TypeError, KeyError) as error:
            raise Invalid(f"table {table.name}, row {number}: {error!r}") from None

    return read


def _back(kind: TypeEngine[Any]) -> Callable[[Any], Any]:
    if isinstance(kind, JSON):
        return lambda value: null() if value is None else value
    convert: Callable[[Any], Any] | None = None
    if isinstance(kind, Instant):
        convert = datetime.fromisoformat
    elif isinstance(kind, Date):
        convert = date.fromisoformat
    elif isinstance(kind, LargeBinary):
        convert = b64decode
    elif isinstance(kind, Exact) or (isinstance(kind, Numeric) and kind.asdecimal):
        convert = Decimal
    if convert is None:
        return lambda value: value
    return lambda value: None if value is None else convert(value)


def _parents_first(table: Table, found: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of a table that refers to itself, a row goes in after the one it names."""
    own = [(key.parent.name, key.column.name) for key in table.foreign_keys if key.column.table is table]
    if not own:
        yield from found
        return
    waiting = list(found)
    there: dict[str, set[Any]] = {target: set() for _, target in own}
    while waiting:
        ready = [row for row in waiting if all(row[a] is None or row[a] in there[b] for a, b in own)]
        if not ready:
            raise Invalid(f"table {table.name}: rows that refer to one another in a circle")
        for row in ready:
            for _, target in own:
                there[target].add(row[target])
        yield from ready
        done = {id(row) for row in ready}
        waiting = [row for row in waiting if id(row) not in done]


def _continue_numbers(connection: Connection, table: Table) -> None:
    """PostgreSQL counts on from behind the rows that were put in; SQLite does so by itself."""
    column = table.autoincrement_column
    if connection.dialect.name != "postgresql" or column is None or not isinstance(column.type, Integer):
        return
    sequence = connection.scalar(
        text("SELECT pg_get_serial_sequence(:table, :column)"),
        {"table": f'"{table.name}"', "column": column.name},
    )
    if sequence is not None:
        newest = connection.scalar(select(column).order_by(column.desc()).limit(1))
        connection.execute(
            text("SELECT setval(:sequence, :newest, :used)"),
            {"sequence": sequence, "newest": newest or 1, "used": newest is not None},
        )
