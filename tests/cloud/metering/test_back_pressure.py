"""A slow store is felt at the gateway: its outbox grows, nothing in between does, and nothing is lost."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest

from cloud.fleet.broker import CLOUD, BrokerAddress
from cloud.fleet.intake import GROUP, Intake
from cloud.fleet.link import Link
from cloud.fleet.registry import import_registry
from cloud.fleet.session import Login
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.batches import batch_table
from cloud.metering.store import BatchOfReadings, ReadingStore
from edge.clock import SystemClock
from edge.outbox import Outbox
from edge.uplink import Uplink
from edge.window import LIMIT
from protocols.readings import Reading, Source
from tests.cloud.metering.station import NOW_MS, Station, registry
from tests.edge.gateway import GATEWAY, gateway_settings, until
from tests.mosquitto import Mosquitto

BATCHES, ROOM = 150, 4


class Slow:
    """The real store, whose writes wait until `go` is set; `most` is the most it was given at once."""

    def __init__(self, store: ReadingStore) -> None:
        self._store = store
        self.go, self.writes, self.most = Event(), 0, 0

    def write_many(self, batches: Sequence[BatchOfReadings]) -> Any:
        self.writes, self.most = self.writes + 1, max(self.most, len(batches))
        assert self.go.wait(60)
        return self._store.write_many(batches)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Chain:
    """Outbox and uplink of a gateway, the broker, the link, a small intake, ingest and the slow store."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.station = Station(folder)
        with self.station.database.write() as connection:
            import_registry(connection, registry({GATEWAY: ("M-1",)}))
        self.slow = Slow(self.station.store)
        self.station.ingest.store = self.slow
        self.intake = Intake(self.station.ingest.take_many, depth=ROOM)
        self.link = Link(
            BrokerAddress(broker.host, broker.port),
            Login(broker.password(CLOUD)),
            self.intake,
            self.station.clock,
        )
        self.station.ingest.publish = self.link.publish_stored
        clock = SystemClock()
        self.outbox = Outbox(folder / "outbox.db", GATEWAY, clock)
        settings = gateway_settings(folder, broker.port, broker.password_file(GATEWAY))
        self.uplink = Uplink(settings, self.outbox, clock, Random(1))
        self.link.start()
        self.uplink.start()

    def keep(self, count: int) -> None:
        """So many further batches are read from the meter."""
        first = self.outbox.last_seq
        for number in range(first, first + count):
            values = {"energy_import_wh": 1000 + number}
            self.outbox.append([Reading("M-1", NOW_MS + 1000 * number, Source.POLLED, values)])
        self.uplink.wake()

    def held(self) -> int:
        return self.outbox.backlog().batches

    def close(self) -> None:
        self.slow.go.set()
        self.uplink.stop()
        self.link.stop()
        self.outbox.close()
        self.station.close()


@pytest.fixture
def chain(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Chain]:
    made = Chain(tmp_path, mosquitto)
    yield made
    made.close()


def test_while_the_store_is_slow_the_gateway_keeps_what_comes_and_afterwards_all_is_settled(
    chain: Chain,
) -> None:
    chain.keep(BATCHES)
    until(lambda: chain.slow.writes == 1, "the store is asked to write")
    until(lambda: chain.uplink._window.under_way == LIMIT, "the window fills")
    until(lambda: chain.intake.waiting >= ROOM + 1, "the intake fills")
    chain.keep(BATCHES)
    assert chain.held() == 2 * BATCHES
    # each place holds what it may and no more, however much the gateway has
    assert chain.uplink._window.under_way <= LIMIT
    assert chain.intake.waiting <= ROOM + chain.slow.most + 1, "its status came with the first"
    assert chain.slow.most <= GROUP
    assert chain.station.published == []
    chain.slow.go.set()
    until(lambda: chain.held() == 0, "all is settled")
    with chain.station.database.read() as connection:
        seqs = sorted(row.seq for row in connection.execute(batch_table.select()))
    assert seqs == list(range(1, 2 * BATCHES + 1))
    assert len(list(chain.station.store.rows(WHOLE_STATION))) == 2 * BATCHES
    assert chain.link.state.connected
