"""A gateway that is heard and brings no readings: subscribed anew first, then one alert until data come."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cloud.alerts import store as alerts
from cloud.alerts.actions import Alarms
from cloud.alerts.missing_data import MissingData
from cloud.alerts.notify import Notices, notice_table
from cloud.alerts.policy import AlertKind, alert_policy, notice_policy
from cloud.alerts.rules import Broker
from cloud.fleet.broker import CLOUD
from cloud.fleet.intake import Intake
from cloud.fleet.link import Link
from cloud.fleet.session import Login
from cloud.kit.db import Database
from cloud.metering.store import ms
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import ClockState, Health, MeterHealth, Supply
from tests.cloud.fleet.conftest import USERS, hashes, mosquitto_in, password
from tests.cloud.fleet.peers import Peer, until
from tests.cloud.metering.station import Station, payload, send

POLICY = alert_policy()
LIMIT_S = POLICY.data.at_least_s
"""Of meters read every minute: fifteen minutes, which are more than three intervals."""


class Watched:
    """A station whose gateway tells of its health; `renewed` counts how often we subscribed anew."""

    def __init__(self, folder: Path, database: Database | None = None) -> None:
        self.station = Station(folder, database=database)
        self.database, self.clock = self.station.database, self.station.clock
        self.broker = Broker(True, self.clock.now() - timedelta(days=1))
        self.renewed = 0
        self.data = MissingData(
            POLICY,
            Alarms(POLICY, Notices(notice_policy(), [])),
            self._renew,
            lambda: self.broker,
            self.clock,
        )

    def _renew(self) -> None:
        self.renewed += 1

    def health(self, *, answering: bool = True, backlog: int = 3) -> bytes:
        now_ms = ms(self.clock.now())
        meter = MeterHealth(
            meter="m11",
            line="l1",
            asked=9,
            answered=9,
            unanswered=0 if answering else 9,
            answered_at_ms=now_ms - 5000 if answering else now_ms - 86_400_000,
        )
        return messages.encode(
            Health(
                gateway="gw-1",
                at_ms=now_ms,
                epoch="e1",
                last_seq=9,
                backlog_batches=backlog,
                backlog_readings=backlog,
                oldest_at_ms=now_ms - 60_000 if backlog else None,
                clock=ClockState.SYNCED,
                supply=Supply.MAINS,
                lines=[],
                meters=[meter],
            )
        )

    def hear(self, seconds: float, **told: Any) -> None:
        """Time passes, the heartbeat comes, and we look."""
        self.clock.advance(seconds)
        self.station.ingest.take(topics.up("gw-1", "health"), self.health(**told))
        self.data.tick(self.database)

    def alerts(self) -> list[tuple[str, bool]]:
        with self.database.read() as connection:
            rows = alerts.alerts(connection)
        return [(row.cause, row.closed_at is None) for row in reversed(rows)]


@pytest.fixture
def watched(tmp_path: Path, database: Database) -> Iterator[Watched]:
    made = Watched(tmp_path, database)
    send(made.station, [1])
    made.hear(1)
    yield made
    made.station.store.close()


def test_the_subscription_is_renewed_once_then_there_is_one_alert_until_data_come(watched: Watched) -> None:
    watched.hear(LIMIT_S - 10)
    assert (watched.renewed, watched.alerts()) == (0, [])
    watched.hear(20)
    assert (watched.renewed, watched.alerts()) == (1, [])
    for _ in range(8):
        watched.hear(30)
    assert (watched.renewed, watched.alerts()) == (1, [("data_missing:gw-1", True)])
    send(watched.station, [2])
    watched.data.tick(watched.database)
    assert watched.alerts() == [("data_missing:gw-1", False)]
    watched.hear(LIMIT_S + 10)
    assert watched.renewed == 2


def test_operators_are_told_and_no_customer_is(watched: Watched) -> None:
    for seconds in (LIMIT_S, 30, 120):
        watched.hear(seconds)
    assert watched.alerts() == [("data_missing:gw-1", True)]
    with watched.database.read() as connection:
        told = connection.execute(select(notice_table)).all()
        (alert,) = alerts.alerts(connection)
    assert [(row.kind, row.customer, row.params["kind"]) for row in told] == [
        ("station_alert", None, AlertKind.DATA_MISSING)
    ]
    assert alert.evidence["backlog_batches"] == 3


def test_what_comes_after_the_renewal_leaves_no_alert(watched: Watched) -> None:
    watched.hear(LIMIT_S)
    assert watched.renewed == 1
    send(watched.station, [2])
    for _ in range(5):
        watched.hear(60)
    assert watched.alerts() == []
    with watched.database.read() as connection:
        assert alerts.suspicions(connection, ["data_missing:gw-1"]) == {}


def test_a_gateway_whose_meters_are_silent_and_whose_outbox_is_empty_has_nothing_to_send(
    watched: Watched,
) -> None:
    for seconds in (LIMIT_S, 60, 300):
        watched.hear(seconds, answering=False, backlog=0)
    assert (watched.renewed, watched.alerts()) == (0, [])


def test_nothing_is_missed_of_a_gateway_that_is_not_heard_or_while_our_own_link_is_down_or_new(
    watched: Watched,
) -> None:
    watched.clock.advance(LIMIT_S + 600)
    watched.data.tick(watched.database)
    watched.broker = Broker(False, watched.clock.now())
    watched.hear(10)
    watched.broker = Broker(True, watched.clock.now())
    watched.hear(10)
    assert watched.renewed == 0
    watched.hear(LIMIT_S)
    assert watched.renewed == 1


def test_meters_read_seldom_are_waited_for(tmp_path: Path) -> None:
    made = Watched(tmp_path)
    with made.database.write() as connection:
        connection.exec_driver_sql("UPDATE meter SET interval_s = 3600 WHERE id = 'm12'")
    send(made.station, [1])
    made.hear(3 * 3600 - 10)
    assert made.renewed == 0
    made.hear(20)
    assert made.renewed == 1
    made.station.close()


def test_a_subscription_lost_behind_our_back_is_renewed_proven_and_the_data_come(tmp_path: Path) -> None:
    """A real broker forgets it, and the proof of every minute is put off: only this can find it."""
    broker = mosquitto_in(tmp_path / "broker")
    made = Watched(tmp_path)
    made.broker = Broker(True, made.clock.now() - timedelta(days=1))
    link = Link(
        broker.start(hashes(*USERS)),
        Login(password(CLOUD)),
        Intake(made.station.ingest.take_many),
        made.clock,
        prove_every_s=3600,
    )
    link.start()
    made.data = MissingData(
        POLICY, Alarms(POLICY, Notices(notice_policy(), [])), link.renew, lambda: made.broker, made.clock
    )
    with Peer(link._broker, "gw-1", password("gw-1")) as gateway:
        gateway.publish(topics.up("gw-1", "readings"), payload(1))
        until(lambda: made.station.settled() == {1})
        assert link._session is not None
        link._session._client.unsubscribe(topics.ALL_UP)
        link._session._client.publish(topics.down("gw-2", "stored"), b"x", 1).wait_for_publish(10)
        gateway.client.publish(topics.up("gw-1", "readings"), payload(2), 1).wait_for_publish(10)
        before = link._session
        assert link.state.connected
        made.hear(LIMIT_S)  # its heartbeat came by another way: a subscription may be lost in part
        until(lambda: resent(gateway, made), "the resent batch did not come")
        made.hear(5)
    assert link._session is before, "it was mended without a new connection"
    assert made.alerts() == []
    link.stop()
    made.station.close()
    broker.stop()


def resent(gateway: Peer, made: Watched) -> bool:
    gateway.client.publish(topics.up("gw-1", "readings"), payload(2), 1).wait_for_publish(10)
    return 2 in made.station.settled()


def test_where_renewing_proves_nothing_the_link_is_made_anew(tmp_path: Path) -> None:
    broker = mosquitto_in(tmp_path / "broker")
    made = Watched(tmp_path)
    link = Link(
        broker.start(hashes(*USERS)),
        Login(password(CLOUD)),
        Intake(made.station.ingest.take_many),
        made.clock,
        prove_every_s=3600,
        prove_within_s=0.5,
    )
    link.start()
    acl = tmp_path / "broker" / "acl"
    whole = acl.read_text()
    assert broker.pid is not None

    def renewed_and_lost() -> bool:
        link.renew()
        return not link.state.connected

    acl.write_text(whole.replace("topic read wattpost/v1/+/up/#\n", ""))
    os.kill(broker.pid, signal.SIGHUP)
    until(renewed_and_lost)
    assert "delivered nothing" in link.state.detail
    acl.write_text(whole)
    os.kill(broker.pid, signal.SIGHUP)
    until(lambda: link.state.connected)
    link.stop()
    made.station.close()
    broker.stop()
