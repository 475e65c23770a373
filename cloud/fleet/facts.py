"""What meters say of themselves: the newest of each, and what they said before when it was different.

It is held against the registry and the tariff document; nothing here corrects either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    delete,
    insert,
    select,
    update,
)

from cloud.fleet.registry import meter_table
from cloud.kit.db import Instant, metadata
from protocols.mqtt.orders import MeterFacts

KEPT = 100
"""Changes kept of each meter: one that says something else each time fills no disk."""
ALWAYS_MOVING = ("at_ms", "clock_offset_s", "v")
"""These differ every time and are no change."""

facts_table = Table(
    "meter_facts",
    metadata,
    Column("meter", ForeignKey(meter_table.c.id), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("content", JSON, nullable=False),
)
history_table = Table(
    "meter_facts_history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meter", ForeignKey(meter_table.c.id), nullable=False),
    Column("at", Instant, nullable=False),
    Column("content", JSON, nullable=False),
    Index(None, "meter"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Told:
    """What a meter said, and when; `at` is ours where the gateway's clock cannot be believed."""

    at: datetime
    facts: MeterFacts


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What the meter says otherwise than the registry; `key` names it for pages."""

    key: str
    meter_says: str
    registry_says: str


def take(connection: Connection, facts: MeterFacts, now: datetime) -> bool:
    """Keep them unless newer ones are there; True when they say something new."""
    at, content = believable(facts.at_ms, now), msgspec.to_builtins(facts)
    before = _row(connection, facts.meter)
    if before is not None and before.at >= at:
        return False
    changed = before is None or _still(before.content) != _still(content)
    row = {"meter": facts.meter, "at": at, "content": content}
    if before is None:
        connection.execute(insert(facts_table).values(row))
    else:
        connection.execute(update(facts_table).where(facts_table.c.meter == facts.meter).values(row))
    if changed:
        connection.execute(insert(history_table).values(row))
        _forget_oldest(connection, facts.meter)
    return changed


def _still(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in ALWAYS_MOVING}


def _forget_oldest(connection: Connection, meter: str) -> None:
    mine = history_table.c.meter == meter
    newest = select(history_table.c.id).where(mine).order_by(history_table.c.id.desc())
    oldest = connection.scalar(newest.offset(KEPT - 1).limit(1))
    if oldest is not None:
        connection.execute(delete(history_table).where(mine, history_table.c.id < oldest))


def of_meter(connection: Connection, meter: str) -> MeterFacts | None:
    """The newest facts."""
    found = newest(connection, meter)
    return None if found is None else found.facts


def newest(connection: Connection, meter: str) -> Told | None:
    row = _row(connection, meter)
    return None if row is None else Told(row.at, msgspec.convert(row.content, MeterFacts))


def history(connection: Connection, meter: str) -> list[Told]:
    """Each different one, newest first."""
    query = select(history_table).where(history_table.c.meter == meter).order_by(history_table.c.id.desc())
    return [Told(row.at, msgspec.convert(row.content, MeterFacts)) for row in connection.execute(query)]


def _row(connection: Connection, meter: str) -> Row[Any] | None:
    return connection.execute(select(facts_table).where(facts_table.c.meter == meter)).one_or_none()


def relay_known_since(connection: Connection, meter: str, since: datetime) -> bool:
    """Whether the relay's state was read at `since` or later."""
    row = _row(connection, meter)
    return row is not None and row.content.get("relay_open") is not None and row.at >= since


def mismatches(facts: MeterFacts, meter: Row[Any]) -> Sequence[Mismatch]:
    """Where the meter and its row in the registry differ; what a meter does not tell differs in nothing."""
    pairs = (
        ("address", facts.address, meter.address),
        ("model", facts.model, meter.model),
        ("ct_ratio", _number(facts.ct_ratio), _number(meter.ct_ratio)),
        ("pt_ratio", _number(facts.pt_ratio), _number(meter.pt_ratio)),
    )
    return [Mismatch(key, says, known) for key, says, known in pairs if says and says != known]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def believable(at_ms: int, now: datetime) -> datetime:
    """When a gateway says that it was; by our own clock when its cannot be right."""
    low, high = (round((limit - _EPOCH).total_seconds() * 1000) for limit in (_LONG_AGO, now + _AHEAD))
    return _EPOCH + timedelta(milliseconds=at_ms) if low <= at_ms <= high else now
