"""Watches for readings that stay away though their gateway is heard and has some to send.

First the cloud's own subscription is renewed, for the fault may be ours; what still stands is one alert for
operators, never a notice of an outage, and it ends with the first batch that comes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from cloud.alerts import store
from cloud.alerts.actions import Alarms, Cause, station_trace
from cloud.alerts.policy import AlertKind, AlertPolicy
from cloud.alerts.rules import Broker, cause
from cloud.fleet import gateways
from cloud.fleet.registry import meter_table
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from protocols.mqtt.messages import Health

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sender:
    """A gateway whose heartbeat is fresh; `since`: its last batch, or when it began to speak."""

    gateway: str
    data_at: datetime | None
    since: datetime
    health: Health
    slowest_s: float


def is_missing(sender: Sender, broker_since: datetime, limit: timedelta, now: datetime) -> bool | None:
    """None when it cannot be told: too early, or the gateway has nothing to send.

    What its meters answered is compared in the gateway's own time.
    """
    if sender.data_at is not None and now - sender.data_at < limit:
        return False
    if now - max(sender.since, broker_since) < limit or not _has_some(sender.health, limit):
        return None
    return True


def _has_some(health: Health, limit: timedelta) -> bool:
    told = _EPOCH + timedelta(milliseconds=health.at_ms)
    answers = (meter.answered_at_ms for meter in health.meters)
    waiting = health.oldest_at_ms if health.backlog_batches else None
    if waiting is not None and told - _EPOCH - timedelta(milliseconds=waiting) >= limit:
        return True
    return any(at is not None and health.at_ms - at < limit.total_seconds() * 1000 for at in answers)


class MissingData:
    """`tick` is called by a job; `renew` subscribes again and proves it, `broker` tells of our own link."""

    def __init__(
        self,
        policy: AlertPolicy,
        alarms: Alarms,
        renew: Callable[[], None],
        broker: Callable[[], Broker],
        clock: Clock,
    ) -> None:
        self._policy, self._alarms = policy, alarms
        self._renew, self._broker, self._clock = renew, broker, clock

    def tick(self, database: Database) -> None:
        """One look; nothing is said while our own link is down, and nothing is written while all is well."""
        broker = self._broker()
        if not broker.up:
            return
        now = self._clock.now()
        with database.read() as connection:
            due = self._due(connection, broker, now)
        if not due:
            return
        with database.write() as connection:
            renewed = [self._judge(connection, *each, now) for each in self._due(connection, broker, now)]
        if any(renewed):
            self._renew()

    def _due(self, connection: Connection, broker: Broker, now: datetime) -> list[tuple[Sender, bool]]:
        """The gateways of which something is to be written: missing now, or missed until now."""
        senders = self._senders(connection, now)
        known = [cause(AlertKind.DATA_MISSING, each.gateway) for each in senders]
        noted = store.open_by_cause(connection, known).keys() | store.suspicions(connection, known).keys()
        found = []
        for sender in senders:
            missing = is_missing(sender, broker.since, self._limit(sender), now)
            if missing or (missing is False and cause(AlertKind.DATA_MISSING, sender.gateway) in noted):
                found.append((sender, missing))
        return found

    def _limit(self, sender: Sender) -> timedelta:
        policy = self._policy.data
        return timedelta(seconds=max(policy.at_least_s, policy.intervals * sender.slowest_s))

    def _senders(self, connection: Connection, now: datetime) -> list[Sender]:
        slowest = _slowest(connection)
        found = (self._sender(row, slowest, now) for row in gateways.states(connection))
        return [each for each in found if each is not None]

    def _sender(self, row: Row[Any], slowest: dict[str, float], now: datetime) -> Sender | None:
        health = gateways.health_in(row)
        if health is None or not row.online or row.gateway not in slowest:
            return None
        if now - row.health_at > self._policy.supply.heard_within(health.every_s):
            return None
        since = row.data_at or row.online_since
        return Sender(row.gateway, row.data_at, since, health, slowest[row.gateway])

    def _judge(self, connection: Connection, sender: Sender, missing: bool, now: datetime) -> bool:
        """Whether this is the first time that its readings are missed."""
        key = cause(AlertKind.DATA_MISSING, sender.gateway)
        alert = store.open_by_cause(connection, [key]).get(key)
        if not missing:
            store.trust(connection, [key])
            if alert is not None:
                self._alarms.close(connection, alert.id, now)
            return False
        if alert is not None:
            return False
        since = store.suspicions(connection, [key]).get(key)
        if since is None:
            store.suspect(connection, key, sender.gateway, now)
            return True
        if now - since >= timedelta(seconds=self._policy.kinds[AlertKind.DATA_MISSING].after_s):
            self._alarms.open(connection, _cause(key, sender, since, now), now)
        return False


def _cause(key: str, sender: Sender, since: datetime, now: datetime) -> Cause:
    evidence = {
        "data_at": None if sender.data_at is None else sender.data_at.isoformat(),
        "backlog_batches": sender.health.backlog_batches,
        "renewed_at": since.isoformat(),
    }
    trace = station_trace(key, now)
    return Cause(AlertKind.DATA_MISSING, key, trace, gateway=sender.gateway, evidence=evidence)


def _slowest(connection: Connection) -> dict[str, float]:
    """The longest interval of each gateway's meters, in seconds."""
    table = meter_table.c
    query = select(table.gateway, func.max(table.interval_s)).where(table.installed).group_by(table.gateway)
    return {row[0]: float(row[1]) for row in connection.execute(query)}
