"""Carries queued notices to their channels, at least once, each copy with the notice's key in it.

A delivery is leased before it is sent and marked after: a courier that dies in between leaves one that is
sent again, with the same key. Nothing is in memory only.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Row, select, update

from cloud.alerts import store
from cloud.alerts.actions import Alarms, Cause, station_trace
from cloud.alerts.notify import Notice, Render, delivery_table, notice, notice_table
from cloud.alerts.policy import AlertKind, NoticePolicy, QuietHours, Severity
from cloud.alerts.rules import cause
from cloud.kit.clock import Clock
from cloud.kit.db import Database

log = logging.getLogger(__name__)

PENDING, SENT, DEAD = "pending", "sent", "dead"
_IDLE_S = 1.0

Send = Callable[[str, str, str], None]
"""(channel, title, body) → nothing, or SendFault."""


class SendFault(Exception):
    """The channel did not take it: try again later."""


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery this courier holds until its lease ends."""

    id: int
    channel: str
    attempts: int
    notice: Notice


def by_apprise(channel: str, title: str, body: str) -> None:
    """Send through one apprise URL; what it was is not told, it holds a password."""
    import apprise

    carrier = apprise.Apprise()
    if not carrier.add(channel):
        raise SendFault("this is no channel that apprise knows")
    if not carrier.notify(body=body, title=title):
        raise SendFault("the channel did not take it")


QuietOf = Callable[[Connection, str, datetime], tuple[time, time] | None]
"""The quiet hours that a customer has besides the station's own."""


def no_own_hours(_: Connection, __: str, ___: datetime) -> tuple[time, time] | None:
    return None


class Courier:
    """One thread that sends what is due; `render` gives the words, `send` is how they leave."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        policy: NoticePolicy,
        zone: tzinfo,
        alarms: Alarms,
        render: Render,
        send: Send = by_apprise,
        quiet_of: QuietOf = no_own_hours,
    ) -> None:
        self._database = database
        self._clock = clock
        self._quiet = policy.quiet
        self._policy = policy.delivery
        self._zone = zone
        self._alarms = alarms
        self._render = render
        self._send = send
        self._quiet_of = quiet_of
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let the message that leaves now leave, and begin no other."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                busy = self.deliver_due()
            except Exception:
                log.exception("the courier failed; what is queued stays queued")
                busy = 0
            if not busy:
                self._ended.wait(_IDLE_S)

    def deliver_due(self) -> int:
        """Send what is due, some at once; how many were tried."""
        leased = self._lease()
        for delivery in leased:
            if self._ended.is_set():
                break
            self._deliver(delivery)
        return len(leased)

    def _lease(self) -> list[Leased]:
        """Take what is due; should this process die, others may take it after the lease."""
        now = self._clock.now()
        due = (
            select(delivery_table.c.id.label("delivery"), delivery_table.c.channel, delivery_table.c.attempts)
            .add_columns(*notice_table.c)
            .join(notice_table, notice_table.c.id == delivery_table.c.notice)
            .where(delivery_table.c.state == PENDING, delivery_table.c.next_at <= now)
            .order_by(delivery_table.c.next_at, delivery_table.c.id)
            .limit(self._policy.at_once)
        )
        with self._database.read() as connection:
            if connection.execute(due.limit(1)).first() is None:
                return []
        with self._database.write() as connection:
            rows = connection.execute(due).all()
            taken = [row for row in rows if not self._waits(connection, row, now)]
            lease_ends = now + timedelta(seconds=self._policy.lease_s)
            for row in taken:
                _change(connection, row.delivery, attempts=row.attempts + 1, next_at=lease_ends)
        return [Leased(row.delivery, row.channel, row.attempts + 1, notice(row)) for row in taken]

    def _waits(self, connection: Connection, row: Row[Any], now: datetime) -> bool:
        """Customers are not called in the quiet hours below severe, however late an attempt comes."""
        if row.severity == Severity.SEVERE or row.customer is None:
            return False
        allowed_at = after_quiet(now, self._quiet, self._zone)
        own = self._quiet_of(connection, row.customer, now)
        if own is not None and own[0] != own[1]:
            later = after_quiet(allowed_at, QuietHours(start=own[0], end=own[1]), self._zone)
            allowed_at = after_quiet(later, self._quiet, self._zone)
        if allowed_at > now:
            _change(connection, row.delivery, next_at=allowed_at)
        return allowed_at > now

    def _deliver(self, delivery: Leased) -> None:
        try:
            title, body = self._render(delivery.notice)
            self._send(delivery.channel, title, f"{body}\n[{delivery.notice.key}]")
        except SendFault as fault:
            self._failed(delivery, str(fault))
            return
        except Exception as bug:
            log.exception("notice %s cannot be sent", delivery.notice.key)
            self._failed(delivery, f"a fault of ours: {type(bug).__name__}")
            return
        with self._database.write() as connection:
            now = self._clock.now()
            _change(connection, delivery.id, state=SENT, sent_at=now, error=None)
            self._end_alarm(connection, delivery, now)

    def _failed(self, delivery: Leased, why: str) -> None:
        over = delivery.attempts >= self._policy.attempts
        log.warning("notice %s: attempt %d failed: %s", delivery.notice.key, delivery.attempts, why)
        with self._database.write() as connection:
            now = self._clock.now()
            later = {"next_at": now + self._pause(delivery.attempts)}
            _change(connection, delivery.id, state=DEAD if over else PENDING, error=why[:200], **later)
            if over:
                self._alarm(connection, delivery, why, now)

    def _pause(self, attempts: int) -> timedelta:
        seconds = self._policy.backoff_s * 2.0 ** min(attempts - 1, 30)
        return timedelta(seconds=min(seconds, self._policy.longest_s))

    def _alarm(self, connection: Connection, delivery: Leased, why: str, now: datetime) -> None:
        """The station is told, once until something gets through again, that somebody cannot be reached."""
        key = _cause(delivery)
        if not store.open_by_cause(connection, [key]):
            evidence = {"notice": delivery.notice.key, "error": why, "attempts": delivery.attempts}
            trace = station_trace(key, now)
            customer = delivery.notice.customer
            lost = Cause(AlertKind.DELIVERY_FAILED, key, trace, customer=customer, evidence=evidence)
            self._alarms.open(connection, lost, now)

    def _end_alarm(self, connection: Connection, delivery: Leased, now: datetime) -> None:
        for alert in store.open_by_cause(connection, [_cause(delivery)]).values():
            self._alarms.close(connection, alert.id, now)


def _cause(delivery: Leased) -> str:
    channel = blake2b(delivery.channel.encode(), digest_size=4).hexdigest()
    return cause(AlertKind.DELIVERY_FAILED, delivery.notice.customer or "operators", channel)


def _change(connection: Connection, id: int, **values: object) -> None:  # noqa: A002
    connection.execute(update(delivery_table).where(delivery_table.c.id == id).values(values))


def after_quiet(at: datetime, quiet: QuietHours, zone: tzinfo) -> datetime:
    """The first instant from `at` on that lies outside the quiet hours of the station's local time."""
    local = at.astimezone(zone)
    clock = local.time()
    over_midnight = quiet.start > quiet.end
    inside = (
        (clock >= quiet.start or clock < quiet.end) if over_midnight else (quiet.start <= clock < quiet.end)
    )
    if not inside:
        return at
    day = local.date() + timedelta(days=1 if over_midnight and clock >= quiet.start else 0)
    return datetime.combine(day, quiet.end, tzinfo=zone)
