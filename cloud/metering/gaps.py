"""Which batches of a gateway never came though later ones did: those it holds still, and those it gave up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, func, select

from cloud.metering.batches import batch_table, dropped_table, missing

GRACE = timedelta(minutes=5)
"""Batches overtake one another under way and are sent again: before that nothing is called a gap."""
EPOCHS = 8
"""The newest of a gateway's epochs that are looked at."""
MOST = 100


class Fate(StrEnum):
    """`waits`: it may still come, for the outbox keeps it. `dropped`: declared, it comes no more."""

    WAITS = "waits"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Gap:
    """Batches `first` to `last` of an epoch; `readings` and `reason` are told of dropped ones alone."""

    epoch: str
    first: int
    last: int
    since: datetime
    fate: Fate
    readings: int | None = None
    reason: str = ""

    @property
    def batches(self) -> int:
        return self.last - self.first + 1


def gaps(connection: Connection, gateway: str, now: datetime) -> list[Gap]:
    """The newest first, at most `MOST` of either fate."""
    waits = [
        Gap(each.epoch, each.first, each.last, each.since, Fate.WAITS)
        for epoch in _epochs(connection, gateway)
        for each in missing(connection, gateway, epoch, now - GRACE)
    ]
    found = [*sorted(waits, key=_since, reverse=True)[:MOST], *_dropped(connection, gateway)]
    return sorted(found, key=_since, reverse=True)


def _since(gap: Gap) -> datetime:
    return gap.since


def _epochs(connection: Connection, gateway: str) -> list[str]:
    table = batch_table.c
    query = select(table.epoch).where(table.gateway == gateway).group_by(table.epoch)
    return list(connection.scalars(query.order_by(func.max(table.at).desc()).limit(EPOCHS)))


def _dropped(connection: Connection, gateway: str) -> list[Gap]:
    table = dropped_table.c
    query = select(dropped_table).where(table.gateway == gateway)
    rows = connection.execute(query.order_by(table.at.desc(), table.first_seq.desc()).limit(MOST))
    return [
        Gap(row.epoch, row.first_seq, row.last_seq, row.at, Fate.DROPPED, row.readings, row.reason)
        for row in rows
    ]
