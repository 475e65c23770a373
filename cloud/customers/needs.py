"""Service need (服务需求) of an account: declared by the customer, or observed where they agreed to that."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Connection, ForeignKey, Index, Integer, String, Table, select

from cloud.kit.db import Instant, metadata


class Need(StrEnum):
    CONTINUITY = "continuity"
    VOLTAGE = "voltage"
    PRICE = "price"
    HELP = "help"
    CHANNEL = "channel"


class NeedOrigin(StrEnum):
    DECLARED = "declared"
    OBSERVED = "observed"


need_table = Table(
    "service_need",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", ForeignKey("account.no"), nullable=False),
    Column("need", String(16), nullable=False),
    Column("detail", String(200), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("since", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(64)),
    Index(None, "account"),
)
"""`detail`: which channel is preferred, what help; `evidence` of what was observed, in numbers."""


def needs_at(connection: Connection, at: datetime) -> dict[str, dict[Need, dict[str, Any]]]:
    """By account and need: detail, origin, evidence, since."""
    table = need_table.c
    query = select(need_table).where(table.since <= at, table.ended_at.is_(None) | (table.ended_at > at))
    found: dict[str, dict[Need, dict[str, Any]]] = {}
    for row in connection.execute(query.order_by(table.id)):
        kept = {"detail": row.detail, "origin": row.origin, "evidence": row.evidence, "since": row.since}
        found.setdefault(row.account, {})[Need(row.need)] = kept
    return found
