"""The reading side of the SQLite store: questions to one connection that cannot write."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Literal

import numpy as np

from cloud.kit.scope import Scope
from cloud.metering.store import (
    QUALITIES,
    SOURCE_ID,
    SOURCES,
    Columns,
    Kept,
    Latest,
    Series,
    instant,
    ms,
    series,
    windows,
)
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Source, Value

_FOREVER = 2**62

_LATEST = """
SELECT meter.name, quantity.name, value.at, value.source, value.value, value.quality
FROM newest JOIN value USING (meter, at, source, quantity)
JOIN meter ON meter.id = newest.meter JOIN quantity ON quantity.id = newest.quantity
"""
_LATEST_WITHIN = """
SELECT meter.name, quantity.name, at, source, value, quality, max(at * 8 + 7 - source)
FROM value JOIN meter ON meter.id = value.meter JOIN quantity ON quantity.id = value.quantity
WHERE meter.name = ? AND at >= ? AND at < ? GROUP BY value.quantity
"""
_SERIES = """
SELECT at, value FROM value WHERE meter = (SELECT id FROM meter WHERE name = ?)
AND quantity = (SELECT id FROM quantity WHERE name = ?) AND at >= ? AND at < ? AND source BETWEEN ? AND ?
ORDER BY at, source
"""
_KEPT = """
SELECT meter.name, kept.at, kept.source, quantity.name, kept.value, kept.quality, gateway, epoch, seq
FROM {table} AS kept JOIN meter ON meter.id = kept.meter JOIN quantity ON quantity.id = kept.quantity
JOIN origin ON origin.id = kept.origin {where}
ORDER BY 1, 2, 3, 4, 5
"""
_OF_METER = "WHERE kept.meter = (SELECT id FROM meter WHERE name = ?) AND at >= ? AND at < ?"


def latest(connection: sqlite3.Connection, scope: Scope, meters: Collection[str] | None) -> list[Latest]:
    visible = scope.meters()
    if visible is None and meters is None:
        found = [_latest(row) for row in connection.execute(_LATEST)]
    else:
        wanted = set(meters) if meters is not None else visible or set()
        shown = wanted if visible is None else wanted & visible
        found = [each for meter in shown for each in _latest_of(connection, scope, meter)]
    return sorted(found, key=lambda each: (each.meter, each.quantity))


def _latest_of(connection: sqlite3.Connection, scope: Scope, meter: str) -> list[Latest]:
    """From the table of newest where the window is still open, by a search where it has ended."""
    parts = windows(scope, meter)
    open_from = min((start for start, end in parts if end is None), default=_FOREVER)
    newest = [_latest(row) for row in connection.execute(f"{_LATEST} WHERE meter.name = ?", (meter,))]
    shown = {each.quantity: each for each in newest if each.at_ms >= open_from}
    if len(shown) < len(newest):
        for each in _latest_within(connection, meter, parts):
            shown.setdefault(each.quantity, each)
    return list(shown.values())


def _latest_within(
    connection: sqlite3.Connection, meter: str, parts: list[tuple[int, int | None]]
) -> list[Latest]:
    found = [
        _latest(row[:6])
        for start, end in parts
        for row in connection.execute(_LATEST_WITHIN, (meter, start, _FOREVER if end is None else end))
    ]
    return sorted(found, key=lambda each: each.at_ms, reverse=True)


def _latest(row: tuple[str, str, int, int, Value, int]) -> Latest:
    meter, quantity, at, source, value, quality = row
    return Latest(meter, quantity, at, SOURCES[source], value, QUALITIES[quality])


def values(
    connection: sqlite3.Connection,
    scope: Scope,
    meter: str,
    quantity: str,
    start: datetime,
    end: datetime,
    source: Source | None,
) -> Series:
    at_ms: list[int] = []
    found: list[Value] = []
    low, high = (0, len(SOURCES)) if source is None else (SOURCE_ID[source],) * 2
    for first, last in scope.clip(meter, start, end):
        for at, value in connection.execute(_SERIES, (meter, quantity, ms(first), ms(last), low, high)):
            if not at_ms or at != at_ms[-1]:  # of one instant the preferred source comes first
                at_ms.append(at)
                found.append(value)
    return series(quantity, at_ms, found)


_COLUMN = """
SELECT at, source, quality, value FROM value WHERE meter = (SELECT id FROM meter WHERE name = ?)
AND quantity = (SELECT id FROM quantity WHERE name = ?) AND at >= ? AND at < ? ORDER BY at, source
"""


def columns(
    connection: sqlite3.Connection,
    scope: Scope,
    meters: Sequence[str],
    quantities: Sequence[str],
    start: datetime,
    end: datetime,
) -> list[Columns]:
    found = []
    for quantity in quantities:
        rows = [
            (number, *row)
            for number, meter in enumerate(meters)
            for first, last in scope.clip(meter, start, end)
            for row in connection.execute(_COLUMN, (meter, quantity, ms(first), ms(last)))
        ]
        meter, at, source, quality, value = zip(*rows, strict=True) if rows else ((),) * 5
        number_type = np.int64 if QUANTITIES[quantity].kind is Kind.COUNTER else np.float64
        found.append(
            Columns(
                quantity,
                np.array(meter, np.int32),
                np.array(at, np.int64),
                np.array(source, np.uint8),
                np.array(quality, np.uint8),
                np.array(value, number_type),
            )
        )
    return found


def kept(connection: sqlite3.Connection, table: Literal["value", "conflict"], scope: Scope) -> Iterator[Kept]:
    with closing(connection.cursor()) as cursor:
        for span in _spans(scope):
            query = _KEPT.format(table=table, where=_OF_METER if span else "")
            for row in cursor.execute(query, span):
                meter, at, source, quantity, value, quality, *origin = row
                if scope.holds(meter, instant(at)):
                    yield Kept(meter, at, SOURCES[source], quantity, value, QUALITIES[quality], *origin)


def _spans(scope: Scope) -> Iterator[tuple[str, int, int] | tuple[()]]:
    """(meter, from, to) that holds all in scope, in the order of meters; () is the whole table."""
    if scope.windows is None:
        yield ()
    for meter in sorted(scope.meters() or ()):
        parts = windows(scope, meter)
        ends = [_FOREVER if end is None else end + 1 for _, end in parts]
        yield meter, min(start for start, _ in parts), max(ends)
