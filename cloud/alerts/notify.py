"""Tells people: a notice is in its reader's inbox at once, and queued to every channel of theirs.

Who is told, what and how often is one key in the database, so a repeat of the same evaluation tells nobody
twice. A notice carries no usage; its words are made when it is shown or sent, from its kind and parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
    update,
)

from cloud.alerts.policy import NoticeKind, NoticePolicy, Severity
from cloud.customers.store import channels_of
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound

notice_table = Table(
    "notice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),
    Column("alert", ForeignKey("alert.id")),
    Column("customer", ForeignKey("customer.id")),
    Column("kind", String(32), nullable=False),
    Column("round", Integer, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("params", JSON, nullable=False),
    Column("trace", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("read_at", Instant),
    UniqueConstraint("alert", "customer", "kind", "round"),
    Index(None, "customer", "id"),
)
"""`alert` is null of a letter: of what is no alert, as an offer."""
delivery_table = Table(
    "delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("notice", ForeignKey("notice.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("error", String(200)),
    UniqueConstraint("notice", "channel"),
    Index(None, "state", "next_at"),
)

SEVERITIES = tuple(Severity)
"""From the least to the worst."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`customer` None is for the station's operators, `alert` None of a letter. `params` never hold a figure
    of usage."""

    id: int
    key: str
    alert: int | None
    customer: str | None
    kind: NoticeKind
    severity: Severity
    params: Mapping[str, Any]
    trace: str
    created_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told of one alert."""

    alert: int
    kind: NoticeKind
    severity: Severity
    params: Mapping[str, Any]
    trace: str
    at: datetime


Render = Callable[[Notice], tuple[str, str]]
"""(title, body) of a notice, in its reader's language."""


Prefer = Callable[[Connection, str, Sequence[str]], Sequence[str]]
"""(customer, their channels) → those that a notice below severe is pushed to."""


def every_channel(_: Connection, __: str, channels: Sequence[str]) -> Sequence[str]:
    """Where nobody has wishes."""
    return channels


def notice_key(alert: int, customer: str | None, kind: NoticeKind, round: int) -> str:  # noqa: A002
    """What every copy of the same message carries: it says nothing of who it is for."""
    named = "operators" if customer is None else f"customer {customer}"
    return blake2b(f"{alert}|{named}|{kind.value}|{round}".encode(), digest_size=8).hexdigest()


class Notices:
    """Writes notices and their deliveries into the caller's transaction.

    `prefer` chooses among a customer's channels; what is severe goes to all of them, whatever they wish.
    """

    def __init__(
        self,
        policy: NoticePolicy,
        operator_channels: Sequence[str] = (),
        prefer: Prefer = every_channel,
    ) -> None:
        self._policy = policy
        self._operator_channels = tuple(operator_channels)
        self._prefer = prefer

    def tell_customer(self, connection: Connection, customer: str, news: News) -> bool:
        """One notice per alert, customer and kind, and one more for each time the supply went again."""
        number = self._round(connection, customer, news)
        return self._tell(
            connection, customer, number, news, self._channels(connection, customer, news.severity)
        )

    def _channels(self, connection: Connection, customer: str, severity: Severity) -> Sequence[str]:
        known = channels_of(connection, customer)
        return known if severity is Severity.SEVERE else self._prefer(connection, customer, known)

    def tell_operators(self, connection: Connection, news: News) -> bool:
        """One notice per alert and kind, pushed when it is bad enough."""
        pushed = SEVERITIES.index(news.severity) >= SEVERITIES.index(self._policy.operators_from)
        return self._tell(connection, None, 1, news, self._operator_channels if pushed else ())

    def severity(self, kind: NoticeKind) -> Severity:
        return self._policy.severity[kind]

    @staticmethod
    def _round(connection: Connection, customer: str, news: News) -> int:
        """Who was told of the return and is dark again is told again; a restoration ends its own round."""
        counts = told(connection, news.alert, customer)
        if news.kind is NoticeKind.OUTAGE:
            return counts.get(NoticeKind.RESTORED, 0) + 1
        return max(1, counts.get(NoticeKind.OUTAGE, 0)) if news.kind is NoticeKind.RESTORED else 1

    def _tell(
        self, connection: Connection, customer: str | None, number: int, news: News, channels: Sequence[str]
    ) -> bool:
        key = notice_key(news.alert, customer, news.kind, number)
        row = {
            "key": key,
            "alert": news.alert,
            "customer": customer,
            "kind": news.kind.value,
            "round": number,
            "severity": news.severity.value,
            "params": dict(news.params),
            "trace": news.trace,
            "created_at": news.at,
        }
        return self._write(connection, row, channels)

    def write_letter(
        self,
        connection: Connection,
        customer: str,
        kind: NoticeKind,
        subject: str,
        at: datetime,
        params: Mapping[str, Any],
    ) -> bool:
        """Of what is no alert: one notice per subject (as "campaign 7"), customer and kind."""
        key = blake2b(f"{subject}|{customer}|{kind.value}".encode(), digest_size=8).hexdigest()
        row = {
            "key": key,
            "alert": None,
            "customer": customer,
            "kind": kind.value,
            "round": 1,
            "severity": self.severity(kind).value,
            "params": dict(params),
            "trace": key,
            "created_at": at,
        }
        return self._write(connection, row, self._channels(connection, customer, self.severity(kind)))

    @staticmethod
    def _write(connection: Connection, row: Mapping[str, Any], channels: Sequence[str]) -> bool:
        known = select(notice_table.c.id).where(notice_table.c.key == row["key"])
        if connection.scalar(known) is not None:
            return False
        notice = connection.execute(
            insert(notice_table).values(row).returning(notice_table.c.id)
        ).scalar_one()
        for channel in sorted(set(channels)):
            queued = {"notice": notice, "channel": channel, "state": "pending", "attempts": 0}
            connection.execute(insert(delivery_table).values(queued | {"next_at": row["created_at"]}))
        return True


def told(connection: Connection, alert: int, customer: str) -> dict[NoticeKind, int]:
    """How often a customer has been told what of one alert."""
    query = (
        select(notice_table.c.kind, func.count())
        .where(notice_table.c.alert == alert, notice_table.c.customer == customer)
        .group_by(notice_table.c.kind)
    )
    return {NoticeKind(kind): count for kind, count in connection.execute(query)}


def notice(row: Row[Any]) -> Notice:
    """A row of `notice` as it is handed on."""
    return Notice(
        row.id,
        row.key,
        row.alert,
        row.customer,
        NoticeKind(row.kind),
        Severity(row.severity),
        row.params,
        row.trace,
        row.created_at,
        row.read_at,
    )


def inbox(
    connection: Connection,
    customer: str | None,
    *,
    alert: int | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[Notice]:
    """A customer's notices, or the operators' (`customer` None): newest first, behind the id `before`."""
    query = select(notice_table).where(notice_table.c.customer.is_not_distinct_from(customer))
    if alert is not None:
        query = query.where(notice_table.c.alert == alert)
    if before is not None:
        query = query.where(notice_table.c.id < before)
    rows = connection.execute(query.order_by(notice_table.c.id.desc()).limit(limit))
    return [notice(row) for row in rows]


def unread(connection: Connection, customer: str | None) -> int:
    """How many notices their reader has not opened."""
    query = select(func.count()).where(
        notice_table.c.customer.is_not_distinct_from(customer), notice_table.c.read_at.is_(None)
    )
    return connection.scalar(query) or 0


def mark_read(connection: Connection, id: int, customer: str | None, now: datetime) -> None:  # noqa: A002
    """Note that a notice was opened; NotFound when it is not this reader's."""
    mine = (notice_table.c.id == id, notice_table.c.customer.is_not_distinct_from(customer))
    if connection.scalar(select(notice_table.c.id).where(*mine)) is None:
        raise NotFound(f"there is no notice {id}")
    connection.execute(
        update(notice_table).where(*mine, notice_table.c.read_at.is_(None)).values(read_at=now)
    )


def mark_all_read(connection: Connection, customer: str | None, now: datetime) -> None:
    """Note that a reader has opened their whole inbox."""
    mine = notice_table.c.customer.is_not_distinct_from(customer)
    connection.execute(update(notice_table).where(mine, notice_table.c.read_at.is_(None)).values(read_at=now))
