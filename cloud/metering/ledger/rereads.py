"""Asks gateways by itself to read gaps again from their meters' memory, and writes down what came of it.

Re-reads only, which change nothing and need nobody's approval: no other kind can be given from here.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from cloud.fleet import command_store, gateways, registry
from cloud.fleet.command_rules import OPEN, CommandState
from cloud.fleet.commands import Commands, Wish
from cloud.kit.days import local_day, midnight
from cloud.kit.db import Database
from cloud.kit.errors import CloudError
from cloud.metering.ledger import gaps
from cloud.metering.ledger.asked import unfilled
from cloud.metering.ledger.gap_spans import joined
from cloud.metering.ledger.policy import RereadPolicy
from cloud.metering.ledger.reasons import GapEvent, GapState, Hopeless
from cloud.metering.ledger.serving import REMEMBERS
from cloud.metering.ledger.tables import gap_order_table, gap_table
from cloud.metering.store import ms
from protocols import models
from protocols.mqtt.messages import ClockState, Health
from protocols.mqtt.orders import OrderKind

log = logging.getLogger(__name__)

ACTOR = "auto:collection"
"""Who asks, in the book of commands: nobody's login, for a login has no colon."""
APART = timedelta(hours=1)
"""Gaps of a meter no further apart are one order."""
REASON = "a gap in the meter's readings"


class Rereads:
    """`tick` first sees what became of the orders given, then gives new ones."""

    def __init__(self, database: Database, commands: Commands, policy: RereadPolicy, zone: tzinfo) -> None:
        self._database, self._commands, self._policy, self._zone = database, commands, policy, zone

    def tick(self, now: datetime) -> int:
        """How many orders were given."""
        with self._database.write() as connection:
            self._settle(connection, now)
        if not self._policy.enabled:
            return 0
        with self._database.read() as connection:
            by_gateway = self._due(connection, now)
        given = 0
        for gateway, rows in by_gateway.items():
            with self._database.write() as connection:
                given += self._order(connection, gateway, rows, now)
        return given

    # what became of orders

    def _settle(self, connection: Connection, now: datetime) -> None:
        given = gap_order_table.c.command.label("given")
        query = select(given, gap_table).join(gap_table, gap_table.c.id == gap_order_table.c.gap)
        for row in connection.execute(query.where(gap_order_table.c.outcome.is_(None))).all():
            command = command_store.find(connection, row.given)
            if command is None or self._is_over(row, command, now):
                self._end(connection, row, command, now)

    def _is_over(self, row: Row[Any], command: Row[Any], now: datetime) -> bool:
        """The readings come on another way than the answer: while some are missing they have some time."""
        settled = command.changed_at + timedelta(minutes=self._policy.settle_min)
        return command.state not in OPEN and (row.state != GapState.ORDERED or now >= settled)

    def _end(self, connection: Connection, row: Row[Any], command: Row[Any] | None, now: datetime) -> None:
        detail = "" if command is None else command.detail
        outcome = CommandState.UNKNOWN.value if command is None else command.state
        mine = (gap_order_table.c.gap == row.id, gap_order_table.c.command == row.given)
        told = {"outcome": outcome, "detail": detail, "missing_after": row.missing}
        connection.execute(update(gap_order_table).where(*mine).values(told))
        if row.state == GapState.ORDERED:
            gaps.change(connection, row.id, **self._after(row, command, detail, now))

    def _after(self, row: Row[Any], command: Row[Any] | None, detail: str, now: datetime) -> dict[str, Any]:
        """Still missing: given up when the gateway says that no value can come, else tried again."""
        done = command is not None and command.state == CommandState.DONE
        if done and unfilled(detail):
            return gaps.moved(row, GapEvent.GIVE_UP, now, reason=Hopeless.METER_HAS_NONE.value, detail=detail)
        if row.tries >= self._policy.tries:
            return gaps.moved(row, GapEvent.GIVE_UP, now, reason=Hopeless.TRIES_SPENT.value, detail=detail)
        return gaps.moved(row, GapEvent.FRUITLESS, now, detail=detail)

    # what to order

    def _due(self, connection: Connection, now: datetime) -> dict[str, list[Row[Any]]]:
        """Open gaps that have waited long enough, by gateway; those that cannot be read again too."""
        waited = now - timedelta(minutes=self._policy.after_min)
        again = now - timedelta(minutes=self._policy.again_after_min)
        table = gap_table.c
        query = select(gap_table).where(
            table.state == GapState.OPEN,
            table.end <= waited,
            (table.tries == 0) | (table.changed_at <= again),
        )
        found: dict[str, list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(query.order_by(table.meter, table.start)):
            found[row.gateway].append(row)
        return found

    def _order(self, connection: Connection, gateway: str, rows: Sequence[Row[Any]], now: datetime) -> int:
        oldest = now - timedelta(days=self._policy.oldest_days)
        hopeful = [row for row in rows if not self._given_up(connection, row, oldest, now)]
        health = self._ready(connection, gateway, now)
        left = self._allowed(connection, gateway, now)
        if health is None or not left:
            return 0
        reachable = [row for row in hopeful if not waits(row, health)]
        given = 0
        for meter, start, end, mine in _spans(reachable):
            if given >= left:
                break
            given += self._ask(connection, meter, max(start, oldest), end, mine, now)
        return given

    @staticmethod
    def _given_up(connection: Connection, row: Row[Any], oldest: datetime, now: datetime) -> bool:
        meter = registry.meter(connection, row.meter)
        if models.load(meter.model).protocol != REMEMBERS:
            reason = Hopeless.NO_MEMORY
        elif row.end <= oldest:
            reason = Hopeless.TOO_OLD
        else:
            return False
        gaps.change(connection, row.id, **gaps.moved(row, GapEvent.GIVE_UP, now, reason=reason.value))
        return True

    def _ready(self, connection: Connection, gateway: str, now: datetime) -> Health | None:
        """The health of a gateway that is there, knows the time and can be asked; None of any other."""
        row = gateways.state(connection, gateway)
        if row is None or not row.online or row.heard_at is None:
            return None
        health = gateways.health_in(row)
        if health is None or health.clock is ClockState.UNSYNCED:
            return None
        limit_s = max(self._policy.heard_within_s, 2.5 * health.every_s)
        return health if now - row.heard_at <= timedelta(seconds=limit_s) else None

    def _allowed(self, connection: Connection, gateway: str, now: datetime) -> int:
        """How many more orders this gateway may get now: of its day, and beside those under way."""
        table = command_store.command_table.c
        mine = select(func.count()).where(table.gateway == gateway, table.asked_by == ACTOR)
        today = midnight(local_day(now, self._zone), self._zone)
        given = connection.scalar(mine.where(table.asked_at >= today)) or 0
        open_ones = connection.scalar(mine.where(table.state.in_(sorted(OPEN)))) or 0
        return max(0, min(self._policy.per_gateway_day - given, self._policy.at_once - open_ones))

    def _ask(
        self,
        connection: Connection,
        meter: str,
        start: datetime,
        end: datetime,
        rows: Sequence[Row[Any]],
        now: datetime,
    ) -> int:
        more = {"from_ms": ms(start), "to_ms": ms(end)}
        wish = Wish(OrderKind.REREAD, meter, reason=REASON, good_for_min=self._policy.good_for_min, more=more)
        try:
            command = self._commands.ask(connection, wish, ACTOR, now)
        except CloudError as refused:  # a meter that hangs elsewhere by now
            log.warning("no re-read of meter %s: %s", meter, refused)
            return 0
        for row in rows:
            told = {"gap": row.id, "command": command.id, "at": now, "missing_before": row.missing}
            connection.execute(insert(gap_order_table).values(**told, detail=""))
            values = {"tries": row.tries + 1, "command": command.id, "detail": ""}
            gaps.change(connection, row.id, **gaps.moved(row, GapEvent.ORDER, now, **values))
        return 1


def waits(row: Row[Any], health: Health) -> bool:
    """The gateway holds readings of then that are not here yet, or its meter does not answer: later."""
    if health.backlog_batches and health.oldest_at_ms is not None and health.oldest_at_ms < ms(row.end):
        return True
    return any(each.meter == row.meter and each.unanswered >= gateways.SILENT_AFTER for each in health.meters)


def _spans(rows: Sequence[Row[Any]]) -> list[tuple[str, datetime, datetime, list[Row[Any]]]]:
    """(meter, start, end, its gaps): near ones together, the meters with most to gain first."""
    by_meter: dict[str, list[Row[Any]]] = defaultdict(list)
    weight: Counter[str] = Counter()
    for row in rows:
        by_meter[row.meter].append(row)
        weight[row.meter] += row.missing
    found = []
    for meter, _ in weight.most_common():
        spans = ((ms(row.start), ms(row.end)) for row in by_meter[meter])
        for first, until in joined(spans, round(APART / timedelta(milliseconds=1))):
            mine = [row for row in by_meter[meter] if first <= ms(row.start) < until]
            found.append((meter, min(row.start for row in mine), max(row.end for row in mine), mine))
    return found
