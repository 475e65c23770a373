"""What only a person can know, written down by one: that a manager called, that a report was handed over."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from cloud.customers.store import account
from cloud.kit.errors import Invalid
from cloud.tiers.entitlements.tables import contact_table


class How(StrEnum):
    VISIT = "visit"
    PHONE = "phone"
    MESSAGE = "message"
    REPORT = "report"
    TRAINING = "training"


def record(
    connection: Connection, no: str, how: How, *, at: datetime, note: str, by: str, now: datetime
) -> int:
    """NotFound: no such account. Invalid: in the future."""
    account(connection, no)
    if at > now:
        raise Invalid("this has not happened yet: give the time when it was")
    row = {
        "account": no,
        "at": at,
        "how": how.value,
        "note": note.strip()[:500],
        "by": by,
        "recorded_at": now,
    }
    added = insert(contact_table).values(row).returning(contact_table.c.id)
    return int(connection.execute(added).scalar_one())


def of_account(connection: Connection, no: str, limit: int = 50) -> Sequence[Row[Any]]:
    """The newest first."""
    query = select(contact_table).where(contact_table.c.account == no)
    return connection.execute(query.order_by(contact_table.c.at.desc()).limit(limit)).all()


def days(
    connection: Connection, first: date, after: date, zone: tzinfo
) -> Mapping[str, Mapping[str, Sequence[date]]]:
    """By account and way the local days in [first, after) on which something was done."""
    start, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (first, after))
    table = contact_table.c
    query = select(table.account, table.how, table.at).where(table.at >= start, table.at < end)
    found: dict[str, dict[str, list[date]]] = {}
    for row in connection.execute(query.order_by(table.at)):
        found.setdefault(row.account, {}).setdefault(row.how, []).append(row.at.astimezone(zone).date())
    return found
