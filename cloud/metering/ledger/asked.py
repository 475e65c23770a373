"""What was asked of meters on demand (召测) and what came of it: reads and re-reads, whoever asked."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from cloud.fleet.command_rules import OPEN, CommandState
from cloud.fleet.command_store import command_table
from protocols.mqtt.orders import OrderKind

KINDS = (OrderKind.READ, OrderKind.REREAD)
_WITHOUT = "without a value:"
_COUNTED = re.compile(r"(\d+) ([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """`success` None: not ended yet."""

    meter: str
    at: datetime
    success: bool | None


def asked(connection: Connection, start: datetime, end: datetime) -> Mapping[str, list[Asked]]:
    """By meter, what was asked in [start, end); what was cancelled was not asked."""
    table = command_table.c
    query = select(table.meter, table.asked_at, table.state, table.kind, table.detail).where(
        table.asked_at >= start, table.asked_at < end, table.kind.in_(KINDS)
    )
    found: dict[str, list[Asked]] = defaultdict(list)
    for row in connection.execute(query.where(table.state != CommandState.CANCELLED)):
        done = row.state == CommandState.DONE
        whole = done and not (row.kind == OrderKind.REREAD and unfilled(row.detail))
        found[row.meter].append(Asked(row.meter, row.asked_at, None if row.state in OPEN else whole))
    return found


def unfilled(detail: str) -> dict[str, int]:
    """By the gateway's reason, how many slots a re-read left without a value."""
    _, said, counts = detail.partition(_WITHOUT)
    return {reason: int(count) for count, reason in _COUNTED.findall(counts)} if said else {}
