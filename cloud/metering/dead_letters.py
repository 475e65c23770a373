"""Messages that cannot be taken: kept with the reason, counted when they come again, replayable."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata

MAX_KEPT_UNSETTLED = 4096
"""Bytes kept of a dead letter that cannot be settled: its gateway still has the whole."""


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
)


def digest(payload: bytes, topic: str = "") -> bytes:
    return blake2b(payload, digest_size=16, key=topic.encode(errors="replace")[:64]).digest()


def bury(
    connection: Connection,
    topic: str,
    payload: bytes,
    reason: str,
    at: datetime,
    key: tuple[str, str, int] | None = None,
) -> bool:
    """Put a message among the dead letters; one that comes again is only counted (False)."""
    mark = digest(payload, topic)
    table = dead_letter_table
    again = update(table).where(table.c.digest == mark).values(times=table.c.times + 1, last_at=at)
    if connection.execute(again).rowcount:
        return False
    row = {
        "digest": mark,
        "topic": topic.replace("\0", "�")[:200],
        "payload": payload if key else payload[:MAX_KEPT_UNSETTLED],
        "payload_bytes": len(payload),
        "reason": reason.replace("\0", "�")[:500],
        "first_at": at,
        "last_at": at,
        "times": 1,
    }
    if key:
        row |= {"gateway": key[0], "epoch": key[1], "seq": key[2]}
    connection.execute(insert(table).values(row))
    return True


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
