"""Messages that cannot be taken: kept with the reason, counted when they come again, replayable.

What one gateway may fill is bounded: beyond it nothing of its poison is settled, so it keeps that itself.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    func,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata
from protocols.errors import MessageError
from protocols.mqtt import topics

MAX_KEPT_UNSETTLED = 4096
"""Bytes kept of a dead letter that cannot be settled: its gateway still has the whole."""
MOST_BYTES = 64 * 1024 * 1024
"""What the letters of one gateway may fill: a week of a hundred meters that the registry does not know."""

dead_letter_table = Table(
    "dead_letter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("topic", String(200), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("payload_bytes", Integer, nullable=False),
    Column("reason", String(500), nullable=False),
    Column("gateway", String(32)),
    Column("epoch", String(64)),
    Column("seq", BigInteger),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    Column("replayed_at", Instant),
    Index(None, "gateway"),
)


class Full(Exception):
    """A gateway's letters fill what they may: no more are taken until some are replayed."""


def digest(payload: bytes, topic: str = "") -> bytes:
    return blake2b(payload, digest_size=16, key=topic.encode(errors="replace")[:64]).digest()


def bury(
    connection: Connection,
    topic: str,
    payload: bytes,
    reason: str,
    at: datetime,
    key: tuple[str, str, int] | None = None,
    most_bytes: int = MOST_BYTES,
) -> bool:
    """Put a message among the dead letters; one that comes again is only counted (False). May raise Full."""
    mark = digest(payload, topic)
    table = dead_letter_table
    again = update(table).where(table.c.digest == mark).values(times=table.c.times + 1, last_at=at)
    if connection.execute(again).rowcount:
        return False
    gateway, kept = sender(topic), payload if key else payload[:MAX_KEPT_UNSETTLED]
    if _filled(connection, gateway) + len(kept) > most_bytes:
        raise Full(f"dead letters fill {most_bytes >> 20} MiB: mend their cause and replay them")
    row = {
        "digest": mark,
        "topic": topic.replace("\0", "�")[:200],
        "payload": kept,
        "payload_bytes": len(payload),
        "reason": reason.replace("\0", "�")[:500],
        "gateway": gateway,
        "first_at": at,
        "last_at": at,
        "times": 1,
    }
    if key:
        row |= {"epoch": key[1], "seq": key[2]}
    connection.execute(insert(table).values(row))
    return True


def sender(topic: str) -> str | None:
    """The gateway on whose topic a message came, when it is one of ours."""
    try:
        return topics.parse_up(topic)[0]
    except MessageError:
        return None


def _filled(connection: Connection, gateway: str | None) -> int:
    """Bytes of the letters of one gateway, or of nobody we know, that were not replayed."""
    table = dead_letter_table.c
    query = select(func.sum(table.payload_bytes)).where(
        table.gateway.is_not_distinct_from(gateway), table.replayed_at.is_(None)
    )
    return connection.scalar(query) or 0


def dead_letters(connection: Connection, *, before: int | None = None, limit: int) -> Sequence[Row[Any]]:
    """The newest first, from behind `before`."""
    query = select(dead_letter_table).order_by(dead_letter_table.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(dead_letter_table.c.id < before)
    return connection.execute(query).all()


def dead_letter(connection: Connection, letter: int) -> Row[Any] | None:
    return connection.execute(select(dead_letter_table).where(dead_letter_table.c.id == letter)).one_or_none()


def replayed(connection: Connection, letter: int, at: datetime) -> None:
    table = dead_letter_table
    connection.execute(update(table).where(table.c.id == letter).values(replayed_at=at))
