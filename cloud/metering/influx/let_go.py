"""Deleting from an InfluxDB store what the archive keeps: counted under the turn of its meters, then deleted.

The engine knows no transaction: a stop in between leaves some of it, and the next call finds another number
than it expected, so the day is compared and counted again.
"""

from collections.abc import Collection
from datetime import datetime

from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from cloud.kit.scope import Scope, Window
from cloud.metering.influx import conflicts as beside
from cloud.metering.influx import reading as influx_read
from cloud.metering.influx.conflicts import Place
from cloud.metering.influx.line_protocol import MEASUREMENT, literal, tag_value
from cloud.metering.influx.reading import Ask
from cloud.metering.store import ms


def delete(
    ask: Ask, database: Database, meters: Collection[str], start: datetime, end: datetime, expected: int
) -> int:
    """As `ReadingStore.let_go`; the caller holds the turn of these meters."""
    scope = Scope(tuple(Window(meter, start, end) for meter in sorted(meters)))
    with database.read() as connection:
        lost = beside.conflicts(connection, scope)
    count = sum(1 for _ in influx_read.rows(ask, scope)) + len(lost)
    if count != expected:
        raise Conflict(f"{count} values where {expected} were counted: something came, all stay")
    for part in influx_read.some(meters):
        named = " OR ".join(f"meter = {literal(tag_value(meter))}" for meter in part)
        deletion = (
            f"DELETE FROM {MEASUREMENT} WHERE ({named}) AND time >= {ms(start)}ms AND time < {ms(end)}ms"  # noqa: S608
        )
        for _ in ask(deletion):
            pass
    with database.write() as connection:
        beside.drop(
            connection,
            [(Place(each.meter, each.at_ms, each.source, each.quantity), each.value) for each in lost],
        )
    return count
