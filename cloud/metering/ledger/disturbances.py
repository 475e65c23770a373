"""What the ledger itself finds out of troubles on the way: declared drops, clocks, gateways and meters now.

Outages and alerts are known higher up; `cloud/app` hands in who tells of them.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cloud.fleet import gateways
from cloud.metering.batches import batch_table, dropped_table
from cloud.metering.ledger.causes import Disturbance
from cloud.metering.ledger.reasons import Cause
from cloud.metering.ledger.tables import clock_spell_table
from cloud.metering.store import instant
from protocols.mqtt.messages import ClockState, Health

Source = Callable[[Connection, datetime, datetime], Sequence[Disturbance]]
"""(connection, start, end) → what kept readings away in that time."""
OLDEST = timedelta(days=10)
"""A declared drop whose beginning nobody knows reaches back so far."""
HEARD_WITHIN_S = 90.0
LONGEST_EVERY = 2.5


def own(connection: Connection, start: datetime, end: datetime, now: datetime) -> list[Disturbance]:
    """Those that touch [start, end)."""
    found = [*_drops(connection, start, end), *_clocks(connection, start, end), *_now(connection, now)]
    return [each for each in found if each.start < end and (each.end is None or each.end > start)]


def on_health(connection: Connection, health: Health, before: Health | None) -> None:
    """Note when a gateway's clock turns; called while its health is taken."""
    lost = health.clock is not ClockState.SYNCED
    if before is not None and lost == (before.clock is not ClockState.SYNCED):
        return
    at = instant(health.at_ms)
    mine = clock_spell_table.c.gateway == health.gateway
    is_open = connection.execute(
        select(clock_spell_table).where(mine, clock_spell_table.c.end.is_(None))
    ).first()
    if lost and is_open is None:
        known = connection.execute(
            select(clock_spell_table).where(mine, clock_spell_table.c.start == at)
        ).first()
        if known is None:
            connection.execute(insert(clock_spell_table).values(gateway=health.gateway, start=at))
    elif not lost and is_open is not None:
        ended = update(clock_spell_table).where(mine, clock_spell_table.c.end.is_(None))
        connection.execute(ended.values(end=max(at, is_open.start)))


def _drops(connection: Connection, start: datetime, end: datetime) -> Iterator[Disturbance]:
    """What was dropped lies between the batch before it and its declaration."""
    query = select(dropped_table).where(dropped_table.c.at > start, dropped_table.c.at < end + OLDEST)
    for row in connection.execute(query):
        before = select(batch_table.c.at).where(
            batch_table.c.gateway == row.gateway,
            batch_table.c.epoch == row.epoch,
            batch_table.c.seq < row.first_seq,
        )
        newest = connection.scalar(before.order_by(batch_table.c.seq.desc()).limit(1))
        told = {"batches": row.last_seq - row.first_seq + 1, "readings": row.readings, "why": row.reason}
        began = newest or row.at - OLDEST
        yield Disturbance(Cause.DECLARED_DROP, ("gateway", row.gateway), began, row.at, told)


def _clocks(connection: Connection, start: datetime, end: datetime) -> Iterator[Disturbance]:
    table = clock_spell_table.c
    query = select(clock_spell_table).where(table.start < end, table.end.is_(None) | (table.end > start))
    for row in connection.execute(query):
        yield Disturbance(
            Cause.CLOCK, ("gateway", row.gateway), row.start, row.end, {"what": "gateway_clock"}
        )


def _now(connection: Connection, now: datetime) -> Iterator[Disturbance]:
    """Gateways that are not heard, hold data back, or tell of silent meters, by their newest health."""
    for row in gateways.states(connection):
        health = gateways.health_in(row)
        place = ("gateway", row.gateway)
        every_s = health.every_s if health else 0.0
        limit = timedelta(seconds=max(HEARD_WITHIN_S, LONGEST_EVERY * every_s))
        if row.heard_at is not None and now - row.heard_at > limit:
            yield Disturbance(Cause.GATEWAY, place, row.heard_at, None, {"what": "not_heard"})
        if health is None:
            continue
        if health.backlog_batches and health.oldest_at_ms is not None:
            told = {"what": "backlog", "batches": health.backlog_batches}
            yield Disturbance(Cause.GATEWAY, place, instant(health.oldest_at_ms), row.health_at, told)
        yield from _silent(health, row)


def _silent(health: Health, row: Row[Any]) -> Iterator[Disturbance]:
    for meter in health.meters:
        if meter.unanswered < gateways.SILENT_AFTER:
            continue
        began = None if meter.answered_at_ms is None else instant(meter.answered_at_ms)
        told = {"what": "unanswered", "asks": meter.unanswered}
        place = ("meter", meter.meter)
        yield Disturbance(Cause.METER, place, began or row.health_at - OLDEST, row.health_at, told)
