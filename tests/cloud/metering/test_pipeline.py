"""From a publish to its `Stored`, over a real broker: what is told is kept, and poison stops nobody."""

import json
import os
import signal
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from cloud.fleet import gateways
from cloud.fleet.broker import CLOUD, Broker, BrokerAddress
from cloud.fleet.broker_mosquitto import ManagedMosquitto
from cloud.fleet.intake import Intake
from cloud.fleet.link import Link
from cloud.fleet.session import Login
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.dead_letters import dead_letter_table
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Readings, Status, Stored
from tests.cloud.fleet.conftest import USERS, amqtt_in, hashes, mosquitto_in, password
from tests.cloud.fleet.peers import Peer, until
from tests.cloud.metering.station import Station, payload, reading

READINGS = topics.up("gw-1", "readings")


@dataclass
class Pipeline:
    folder: Path
    broker: Broker
    address: BrokerAddress

    def open(self) -> None:
        self.station = Station(self.folder)
        take = self.station.ingest.take_many
        self.link = Link(self.address, Login(password(CLOUD)), Intake(take), self.station.clock)
        self.station.ingest.publish = self._publish
        self.link.start()

    def _publish(self, stored: Stored) -> None:
        self.station.published.append(stored)
        self.link.publish_stored(stored)

    def close(self) -> None:
        self.link.stop()
        self.station.close()

    def gateway(self, name: str = "gw-1") -> Peer:
        return Peer(self.address, name, password(name))

    def kept(self) -> list[int]:
        return [int(each.value) for each in self.station.store.rows(WHOLE_STATION)]

    def letters(self) -> list[str]:
        with self.station.database.read() as connection:
            return list(
                connection.scalars(select(dead_letter_table.c.reason).order_by(dead_letter_table.c.id))
            )


@pytest.fixture(params=[mosquitto_in, amqtt_in], ids=["mosquitto", "amqtt"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    broker = request.param(tmp_path / "broker")
    pipeline = Pipeline(tmp_path, broker, broker.start(hashes(*USERS)))
    pipeline.open()
    yield pipeline
    pipeline.close()
    broker.stop()


def told(peer: Peer) -> set[int]:
    return {
        seq
        for _, content in peer.got
        for first, last in messages.decode(content, Stored).settled
        for seq in range(first, last + 1)
    }


def body(**changes: object) -> bytes:
    row = ["m11", 1_795_000_000_000, "polled", {"power_w": 1.5}]
    return json.dumps(
        {"v": 1, "gateway": "gw-1", "epoch": "e1", "seq": 900, "readings": [row]} | changes
    ).encode()


GARBAGE: dict[str, tuple[bytes, str]] = {
    "a zip bomb": (zlib.compress(b"0" * 100_000_000), "inflates beyond"),
    "NaN": (body().replace(b"1.5", b"NaN"), "JSON is malformed"),
    "1e400": (body().replace(b"1.5", b"1e400"), "out of range"),
    "400 digits": (body().replace(b"1.5", b"1" * 400), "is no gauge"),
    "deep nesting": (b"[" * 200_000, "not a Readings message"),
    "doubled keys": (b'{"v": 1, "v": "x"}', "not a Readings message"),
    "not UTF-8": (b'{"v": 1, "gateway": "\xff\xfe"}', "not a Readings message"),
    "nothing": (b"", "truncated"),
    "cut short": (payload(901)[:-3], "cut short"),
    "far future": (
        body(readings=[["m11", 4_000_000_000_000, "polled", {"power_w": 1}]]),
        "no time to be believed",
    ),
    "another gateway": (payload(902, gateway="gw-2"), "speaks on the topic of"),
    "another version": (body(v=7), "version 7"),
}


def test_garbage_between_good_batches_is_kept_apart_with_its_reason_and_stops_nobody(
    pipeline: Pipeline,
) -> None:
    with pipeline.gateway() as gateway:
        gateway.subscribe(topics.down("gw-1", "stored"))
        seq = 0
        for content, _ in GARBAGE.values():
            for each in (payload(seq := seq + 1), content, payload(seq := seq + 1)):
                gateway.publish(READINGS, each)
        gateway.publish("wattpost/v1/gw-1/up/nonsense", b"{}")
        good = set(range(1, seq + 1))
        until(lambda: good <= told(gateway), "a good batch was not settled")
        until(lambda: len(pipeline.letters()) == len(GARBAGE) + 1)
    assert pipeline.kept() == [1000 + number for number in sorted(good)]
    reasons = pipeline.letters()
    for kind, (_, expected) in GARBAGE.items():
        assert any(expected in reason for reason in reasons), kind
    assert told(gateway) - good == {900, 902}


def test_a_message_over_every_limit_stops_only_its_sender(pipeline: Pipeline) -> None:
    with pipeline.gateway("gw-2") as other, pipeline.gateway() as gateway:
        gateway.subscribe(topics.down("gw-1", "stored"))
        other.publish(topics.up("gw-2", "readings"), b"x" * 2_000_000)
        gateway.publish(READINGS, payload(1))
        until(lambda: told(gateway) == {1})
    assert pipeline.link.state.connected
    assert len(pipeline.letters()) <= 1


def test_poison_that_comes_again_and_again_is_one_letter_and_one_answer_each(pipeline: Pipeline) -> None:
    poison = payload(5, reading("m99"))
    with pipeline.gateway() as gateway:
        gateway.subscribe(topics.down("gw-1", "stored"))
        for _ in range(5):
            gateway.publish(READINGS, poison)
        until(lambda: len(gateway.got) == 5)
        assert told(gateway) == {5}
    assert len(pipeline.letters()) == 1


def test_wire_duplicates_are_counted_and_stored_once(pipeline: Pipeline) -> None:
    with pipeline.gateway() as gateway:
        gateway.subscribe(topics.down("gw-1", "stored"))
        for seq in (1, 2, 1, 2, 3, 1):
            gateway.publish(READINGS, payload(seq))
        until(lambda: told(gateway) == {1, 2, 3} and pipeline.station.ingest.state.duplicates == 3)
    assert pipeline.kept() == [1001, 1002, 1003]


def test_after_a_restart_of_the_cloud_everything_unsettled_is_taken_and_all_is_told(
    pipeline: Pipeline,
) -> None:
    with pipeline.gateway() as gateway:
        gateway.subscribe(topics.down("gw-1", "stored"))
        for seq in (1, 2):
            gateway.publish(READINGS, payload(seq))
        until(lambda: told(gateway) == {1, 2})
        pipeline.close()
        gateway.publish(READINGS, payload(3))  # nobody is there: a clean session misses it
        pipeline.open()
        for seq in (2, 3, 4):
            gateway.publish(READINGS, payload(seq))
        until(lambda: told(gateway) == {1, 2, 3, 4})
    assert pipeline.kept() == [1001, 1002, 1003, 1004]


def test_a_broker_that_dies_amid_the_stream_costs_nothing_that_is_sent_again(tmp_path: Path) -> None:
    broker = mosquitto_in(tmp_path / "broker")
    pipeline = Pipeline(tmp_path, broker, broker.start(hashes(*USERS)))
    pipeline.open()
    for round_ in range(1, 4):
        with pipeline.gateway() as gateway:
            for seq in range(1, 10 * round_):
                gateway.publish(READINGS, payload(seq))
            until(lambda: pipeline.station.settled() >= set(range(1, 5 * round_)))  # noqa: B023
            _kill(broker)
        until(lambda: not pipeline.link.state.connected)
        until(lambda: pipeline.link.state.connected)
    with pipeline.gateway() as gateway:
        gateway.subscribe(topics.down("gw-1", "stored"))
        for seq in range(1, 31):
            gateway.publish(READINGS, payload(seq))
        until(lambda: told(gateway) == set(range(1, 31)))
    assert pipeline.kept() == [1000 + seq for seq in range(1, 31)]
    pipeline.close()
    broker.stop()


def _kill(broker: ManagedMosquitto) -> None:
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)


def status(*, online: bool) -> bytes:
    return messages.encode(Status(gateway="gw-1", online=online, epoch="e1", at_ms=5 if online else None))


def test_a_gateway_that_is_cut_off_is_offline_by_its_will_and_online_once_heard(pipeline: Pipeline) -> None:
    topic = topics.up("gw-1", "status")

    def online() -> bool | None:
        with pipeline.station.database.read() as connection:
            row = gateways.state(connection, "gw-1")
            return None if row is None else row.online

    with Peer(pipeline.address, "gw-1", password("gw-1"), will=(topic, status(online=False))) as gateway:
        gateway.publish(topic, status(online=True), retain=True)
        until(lambda: online() is True)
        gateway.cut()
        until(lambda: online() is False)
    with pipeline.gateway() as gateway:
        gateway.publish(READINGS, payload(1))
        until(lambda: online() is True)


def test_one_gateways_large_batch_fits_through(pipeline: Pipeline) -> None:
    readings = [reading("m11", -minute, energy_import_wh=minute * 7919) for minute in range(2000)]
    rows = [messages.row(each) for each in readings]
    content = messages.encode(Readings(gateway="gw-1", epoch="e1", seq=1, readings=rows))
    with pipeline.gateway() as gateway:
        gateway.subscribe(topics.down("gw-1", "stored"))
        gateway.publish(READINGS, content)
        until(lambda: told(gateway) == {1})
    assert len(pipeline.kept()) == 2000
