"""The station under proof: mosquitto, one gateway, the cloud and simulated meters, each a process of its own.

Which gateway and which cloud run is given by their commands, so that a faulty composition can take a place.
"""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from cloud.demo.outcome import accounted
from cloud.demo.prepare import METER_PASSWORD, free_port, write_secret
from cloud.demo.programs import Program, ProgramError, python, tool
from cloud.demo.run import DRAINED
from cloud.demo.station import Paces, Place, Station
from cloud.demo.tally import Tally, accepted, tally
from cloud.fleet.registry import import_registry
from cloud.kit.scope import WHOLE_STATION
from cloud.records import open_records
from cloud.settings import load
from protocols.mqtt import messages, topics
from tests.proof.campaign import wait_for
from tests.proof.engines import MAKE, Engines, Kind

GATEWAY = "gw-a01"
METERS = 16
WATCHER = "watcher"
MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
user root
allow_anonymous false
password_file {folder}/passwords
acl_file {folder}/acl
persistence true
persistence_location {folder}/
"""
ACL = """\
pattern write wattpost/v1/%u/up/#
pattern read wattpost/v1/%u/down/#
user cloud
topic read wattpost/v1/+/up/#
topic write wattpost/v1/+/down/#
topic write wattpost/v1/_cloud/up/probe
user watcher
topic read wattpost/v1/+/up/readings
"""


@dataclass(slots=True)
class Watcher:
    """Listens on the broker beside the cloud and counts what passes: messages, and those seen before."""

    port: int
    password: str
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    client: mqtt.Client | None = None

    def start(self) -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, WATCHER)
        client.username_pw_set(WATCHER, self.password)
        client.on_connect = lambda connected, *_: connected.subscribe(topics.up("+", "readings"), qos=1)
        client.on_message = self._took
        client.reconnect_delay_set(1, 1)
        client.connect_async("127.0.0.1", self.port, keepalive=5)
        client.loop_start()
        self.client = client

    def _took(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        batch = messages.decode(bytes(message.payload), messages.Readings)
        self.seen[batch.epoch, batch.seq] += 1

    def stop(self) -> None:
        if self.client is not None:
            self.client.loop_stop()
            self.client.disconnect()

    @property
    def passed(self) -> int:
        return self.seen.total()

    @property
    def duplicates(self) -> int:
        return self.seen.total() - len(self.seen)


@dataclass(slots=True)
class ProofStation:
    """Everything below one folder; `edge` and `cloud` are the commands in front of their arguments."""

    place: Place
    seed: int
    edge_command: Sequence[str] = field(default_factory=lambda: python("edge"))
    cloud_command: Sequence[str] = field(default_factory=lambda: python("cloud"))
    store: Kind = "sqlite"
    engines: Engines = field(init=False)
    simulator: Program = field(init=False)
    broker: Program = field(init=False)
    cloud: Program = field(init=False)
    edge: Program = field(init=False)
    watcher: Watcher = field(init=False)
    station: Station = field(init=False)

    def prepare(self) -> None:
        root, port = self.place.root, free_port()
        size = ("--areas", "1", "--meters", str(METERS), "--seed", str(self.seed))
        self.place.scenario.write_text(tool("firmware_sim", "village", *size), encoding="utf-8")
        self.station = Station.read(self.place.scenario)
        passwords = {user: f"word-of-{user}" for user in (GATEWAY, "cloud", WATCHER)}
        self._write_broker(root, port, passwords)
        self.engines = MAKE[self.store](self.place)
        self.engines.prepare()
        self._write_cloud(port)
        run = ("run", str(self.place.scenario), "--state-dir", str(root))
        self.simulator = Program("simulator", python("firmware_sim", *run), self.place.log("simulator"))
        self.broker = Program("broker", _mosquitto(root), self.place.log("broker"))
        config = ("run", "--config", str(self.place.cloud_toml))
        self.cloud = Program("cloud", [*self.cloud_command, *config], self.place.log("cloud"))
        config = ("run", "--config", str(self.place.gateway_toml(GATEWAY)))
        log = ("--accepted-log", str(self.place.accepted(GATEWAY)))
        self.edge = Program("edge", [*self.edge_command, *config, *log], self.place.log("edge"))
        self.watcher = Watcher(port, passwords[WATCHER])

    def _write_broker(self, root: Path, port: int, passwords: dict[str, str]) -> None:
        (root / "mosquitto.conf").write_text(MOSQUITTO_CONF.format(port=port, folder=root))
        write_secret(root / "acl", ACL)
        write_secret(self.place.meter_password, METER_PASSWORD)
        (root / "passwords").touch(0o600)
        for user, password in passwords.items():
            subprocess.run(
                ["mosquitto_passwd", "-b", root / "passwords", user, password],
                check=True,
                capture_output=True,
            )
            write_secret(self.place.password(user), password)
        self._port = port

    _port: int = 0

    def _write_cloud(self, port: int) -> None:
        self.place.cloud_data.mkdir(mode=0o700)
        self.place.cloud_toml.write_text(
            f'data_dir = "{self.place.cloud_data}"\n{self.engines.settings()}[http]\nport = {free_port()}\n'
            f'[broker]\nkind = "external"\nhost = "127.0.0.1"\nport = {port}\n'
            f'password_file = "{self.place.password("cloud")}"\n{self.engines.tables()}'
        )
        with (
            closing(open_records(load(self.place.cloud_toml))) as records,
            records.database.write() as connection,
        ):
            import_registry(connection, self.station.registry(1))

    def start(self) -> None:
        """Everything up; our own child, and nobody else, is the broker."""
        self.broker.start()
        if not wait_for(self._broker_is_ours, 20):
            raise ProgramError(f"the broker on port {self._port} is not the one started here")
        self.simulator.start(read_stdout=True)
        ready = self.simulator.first_line()
        for entry in ready["gateways"]:
            entry["uplink"] = f"127.0.0.1:{self._port}"
        paces = Paces(interval_s=1, health_s=5, batch_age_s=0.3)
        text = self.station.gateway_toml(GATEWAY, ready, self.place, paces)
        self.place.gateway_toml(GATEWAY).write_text(text, encoding="utf-8")
        self.watcher.start()
        self.cloud.start()
        self.edge.start()

    def _broker_is_ours(self) -> bool:
        assert self.broker.process is not None
        listening = psutil.Process(self.broker.process.pid).net_connections("tcp")
        return any(each.laddr.port == self._port for each in listening)

    # -- what the processes have done so far --------------------------------------------------------------

    def accepted(self) -> int:
        """Bytes of the gateway's side log: it grows with each batch the outbox takes."""
        log = self.place.accepted(GATEWAY)
        return log.stat().st_size if log.exists() else 0

    def stored(self) -> int:
        """Batches the cloud has settled."""
        return self.engines.settled()

    # -- the end ------------------------------------------------------------------------------------------

    def drain(self, seconds: float) -> bool:
        """Polling stops; whether the outbox was emptied within the time."""
        if not wait_for(lambda: self.edge.said("polling"), seconds):
            return False
        self.edge.signal(signal.SIGUSR1)
        return wait_for(lambda: self.edge.said(DRAINED), seconds)

    def stop(self) -> None:
        for program in (self.edge, self.cloud, self.simulator, self.broker):
            program.stop()
        self.watcher.stop()

    def close(self) -> None:
        """After the count: the engines that were asked for it."""
        self.engines.stop()

    def count(self) -> Tally:
        """Only once everything is stopped."""
        taken = accepted(GATEWAY, self.place.accepted(GATEWAY))
        with (
            closing(open_records(load(self.place.cloud_toml))) as records,
            records.database.read() as connection,
        ):
            return tally(taken, records.store.rows(WHOLE_STATION), accounted(connection))


def _mosquitto(root: Path) -> list[str]:
    places = os.pathsep.join(("/usr/sbin", "/usr/bin", "/usr/local/sbin"))
    for folder in places.split(os.pathsep):
        if (program := Path(folder, "mosquitto")).exists():
            return [str(program), "-c", str(root / "mosquitto.conf")]
    raise ProgramError("mosquitto is not installed: apt-get install mosquitto")
