"""What an InfluxDB store keeps beside its engine, in the records database: values that lost their key, and
readings that the engine refuses. So nothing is ever deleted in the engine, and nothing refused is lost.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Double,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata
from cloud.kit.scope import Scope
from cloud.metering.claims import Claim
from cloud.metering.store import QUALITIES, SOURCE_ID, Kept, instant, normal
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Source, Value

AT_ONCE = 500
"""Meters named in one statement: a database takes some thousand parameters and no more."""

conflict_table = Table(
    "reading_conflict",
    metadata,
    Column("meter", String(64), primary_key=True),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("source", String(16), primary_key=True),
    Column("quantity", String(64), primary_key=True),
    Column("value", Double, primary_key=True),  # counters are exact below 2**53
    Column("quality", Integer, nullable=False),
    Column("gateway", String(32), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
)
quarantine_table = Table(
    "quarantine",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gateway", String(32), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("meter", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("source", String(16), nullable=False),
    Column("line", Text, nullable=False),
    Column("reason", String(500), nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    UniqueConstraint("gateway", "epoch", "seq", "meter", "at_ms", "source"),
    Index(None, "last_at"),
)
MOST_QUARANTINED = 100_000
"""Rows of the table: beyond it the oldest go. The message itself is among the dead letters."""


class Place(NamedTuple):
    """The whole key of a value."""

    meter: str
    at_ms: int
    source: Source
    quantity: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reading that the engine does not take, as it was sent, and what the engine says of it."""

    gateway: str
    epoch: str
    seq: int
    meter: str
    at_ms: int
    source: Source
    line: str
    reason: str


def held(
    connection: Connection, meters: Collection[str], first_ms: int, last_ms: int
) -> dict[Place, list[Claim]]:
    """The values that lost, of these meters in [first, last]."""
    found: dict[Place, list[Claim]] = {}
    table = conflict_table.c
    within = select(conflict_table).where(table.at_ms >= first_ms, table.at_ms <= last_ms)
    for some in _parts(sorted(meters)):
        for row in connection.execute(within.where(table.meter.in_(some))):
            place = Place(row.meter, row.at_ms, Source(row.source), row.quantity)
            found.setdefault(place, []).append(_claim(row))
    return found


def keep(connection: Connection, losers: Iterable[tuple[Place, Claim]]) -> None:
    """Each in place of what was there of the same place and value."""
    for place, claim in losers:
        drop(connection, [(place, claim.value)])
        row = {
            **place._asdict(),
            **claim._asdict(),
            "source": place.source.value,
            "value": float(claim.value),
        }
        connection.execute(insert(conflict_table).values(row))


def drop(connection: Connection, won: Iterable[tuple[Place, Value]]) -> None:
    """What says the same as a winner is no conflict."""
    for place, value in won:
        same = [conflict_table.c[name] == each for name, each in place._asdict().items()]
        connection.execute(delete(conflict_table).where(*same, conflict_table.c.value == float(value)))


def conflicts(connection: Connection, scope: Scope) -> list[Kept]:
    """All in scope, in the order of `rows` of a store."""
    visible = scope.meters()
    if visible is None:
        rows: Iterable[Row[Any]] = connection.execute(select(conflict_table))
    else:
        mine = conflict_table.c.meter
        parts = _parts(sorted(visible))
        rows = (
            row for part in parts for row in connection.execute(select(conflict_table).where(mine.in_(part)))
        )
    found = (_kept(row) for row in rows if scope.holds(row.meter, instant(row.at_ms)))
    return sorted(found, key=order)


def order(kept: Kept) -> tuple[str, int, int, str, Value]:
    return kept.meter, kept.at_ms, SOURCE_ID[kept.source], kept.quantity, kept.value


def quarantine(connection: Connection, refusals: Iterable[Refusal], at: datetime) -> None:
    """Keep what was refused; what comes again is counted."""
    table = quarantine_table.c
    for each in refusals:
        told = {"line": each.line, "reason": each.reason.replace("\0", "�")[:500], "last_at": at}
        again = update(quarantine_table).where(*_same(each)).values(**told, times=table.times + 1)
        if not connection.execute(again).rowcount:
            row = asdict(each) | told | {"source": each.source.value, "first_at": at, "times": 1}
            connection.execute(insert(quarantine_table).values(row))
    newest = connection.scalar(select(func.max(table.id))) or 0
    connection.execute(delete(quarantine_table).where(table.id <= newest - MOST_QUARANTINED))


def quarantined(connection: Connection, *, before: int | None = None, limit: int) -> Sequence[Row[Any]]:
    """The newest first, from behind `before`."""
    query = select(quarantine_table).order_by(quarantine_table.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(quarantine_table.c.id < before)
    return connection.execute(query).all()


def count_quarantined(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(quarantine_table)) or 0


def identities(connection: Connection) -> set[tuple[str, str, int]]:
    """The batches of which something is in quarantine."""
    table = quarantine_table.c
    return {
        (row[0], row[1], row[2]) for row in connection.execute(select(table.gateway, table.epoch, table.seq))
    }


def release(connection: Connection, taken: Iterable[Refusal]) -> None:
    """The engine has taken these after all."""
    for each in taken:
        connection.execute(delete(quarantine_table).where(*_same(each)))


def _same(refusal: Refusal) -> list[ColumnElement[bool]]:
    names = ("gateway", "epoch", "seq", "meter", "at_ms", "source")
    return [quarantine_table.c[name] == getattr(refusal, name) for name in names]


def _claim(row: Row[Any]) -> Claim:
    return Claim(row.gateway, row.epoch, row.seq, _value(row.quantity, row.value), row.quality)


def _kept(row: Row[Any]) -> Kept:
    value, quality = _value(row.quantity, row.value), QUALITIES[row.quality]
    origin = (row.gateway, row.epoch, row.seq)
    return Kept(row.meter, row.at_ms, Source(row.source), row.quantity, value, quality, *origin)


def _value(quantity: str, value: float) -> Value:
    return int(value) if QUANTITIES[quantity].kind is Kind.COUNTER else normal(quantity, value)


def _parts(meters: Sequence[str]) -> Iterable[Sequence[str]]:
    return (meters[first : first + AT_ONCE] for first in range(0, len(meters), AT_ONCE))
