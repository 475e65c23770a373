"""Deleting from the SQLite store what the archive keeps, within the caller's transaction."""

import sqlite3
from collections.abc import Collection

_WHERE = "meter = (SELECT id FROM meter WHERE name = ?) AND at >= ? AND at < ?"
_VALUE_BYTES = 8
"""Of each value of a reading, counter or gauge."""


def delete(writer: sqlite3.Connection, meters: Collection[str], start_ms: int, end_ms: int) -> int:
    """All of these meters in [start, end), conflicts too; how many values that were."""
    count = 0
    for meter in meters:
        span = (meter, start_ms, end_ms)
        for table in ("reading", "fresh"):
            held = f"SELECT coalesce(sum(length(packed)), 0) / {_VALUE_BYTES} FROM {table} WHERE {_WHERE}"  # noqa: S608
            count += writer.execute(held, span).fetchone()[0]
            writer.execute(f"DELETE FROM {table} WHERE {_WHERE}", span)  # noqa: S608
        count += writer.execute(f"DELETE FROM conflict WHERE {_WHERE}", span).rowcount  # noqa: S608
    return count
