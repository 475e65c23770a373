"""Both brokers that the cloud can run, real ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.fleet.broker import CLOUD, Broker, BrokerAddress, hash_password
from cloud.fleet.broker_amqtt import EmbeddedBroker
from cloud.fleet.broker_mosquitto import ManagedMosquitto
from tests.cloud.fleet.peers import Peer
from tests.programs import require_program

USERS = (CLOUD, "gw-1", "gw-2")


def password(user: str) -> str:
    return f"the password of {user}"


@dataclass
class Running:
    broker: Broker
    address: BrokerAddress

    def peer(self, user: str, **changes: object) -> Peer:
        return Peer(self.address, user, password(user), **changes)  # type: ignore[arg-type]


def hashes(*users: str) -> dict[str, str]:
    return {user: hash_password(password(user)) for user in users}


def mosquitto_in(folder: Path, port: int = 0) -> ManagedMosquitto:
    return ManagedMosquitto(require_program("mosquitto"), folder, port)


def amqtt_in(_: Path, port: int = 0) -> EmbeddedBroker:
    return EmbeddedBroker(port)


@pytest.fixture(params=[mosquitto_in, amqtt_in], ids=["mosquitto", "amqtt"])
def make_broker(request: pytest.FixtureRequest) -> Callable[[Path, int], Broker]:
    made: Callable[[Path, int], Broker] = request.param
    return made


@pytest.fixture
def running(make_broker: Callable[[Path, int], Broker], tmp_path: Path) -> Iterator[Running]:
    broker = make_broker(tmp_path / "broker", 0)
    yield Running(broker, broker.start(hashes(*USERS)))
    broker.stop()
