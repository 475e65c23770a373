"""What docker-compose.yml starts, without containers: its commands and files, from the line to the boards.

Addresses and paths are put in place of the containers'; PostgreSQL is left to the tests of the database.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from cloud.demo import composed
from tests.influx import Influx
from tests.programs import free_port, require_program

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DEADLINE_S = 40.0


class Station:
    """The commands of the compose file as children, each ended by its pid."""

    def __init__(self, folder: Path, influx: Influx, stack: ExitStack) -> None:
        self.folder, self.influx, self._stack = folder, influx, stack
        self.broker_port, self.line_port, self.http_port, self.page_port = (free_port() for _ in range(4))
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        composed.prepare(folder, give_away=False, meters=3)
        (folder / "data").mkdir(mode=0o700)
        self._edit("mosquitto/mosquitto.conf", "listener 1883", f"listener {self.broker_port} 127.0.0.1")
        self._edit("mosquitto/mosquitto.conf", "/run/wattpost", str(folder / "mosquitto"))
        if os.geteuid() == 0:
            self._edit("mosquitto/mosquitto.conf", "sys_interval", "user root\nsys_interval")
        self._edit("firmware_sim/scenario.toml", f"port = {composed.LINE_PORT}", f"port = {self.line_port}")
        for old, new in (
            ("/var/lib/wattpost", str(folder / "edge")),
            (f"127.0.0.1:{composed.LINE_PORT}", f"127.0.0.1:{self.line_port}"),
            ('host = "mosquitto"\nport = 1883', f'host = "127.0.0.1"\nport = {self.broker_port}'),
            ("interval_s = 60", "interval_s = 1"),
            ("127.0.0.1:8645", f"127.0.0.1:{self.page_port}"),
        ):
            self._edit("edge/gateway.toml", old, new)

    def _edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text, (name, old)
        path.write_text(text.replace(old, new))

    @property
    def environment(self) -> dict[str, str]:
        """What stands in for the names and mounts of the network of containers."""
        return {
            **os.environ,
            "WATTPOST_DATA_DIR": str(self.folder / "data"),
            "WATTPOST_DATABASE_URL": "",
            "WATTPOST_HTTP__HOST": "127.0.0.1",
            "WATTPOST_HTTP__PORT": str(self.http_port),
            "WATTPOST_BROKER__HOST": "127.0.0.1",
            "WATTPOST_BROKER__PORT": str(self.broker_port),
            "WATTPOST_BROKER__PASSWORD_FILE": str(self.folder / "cloud/broker.password"),
            "WATTPOST_READINGS__INFLUXDB__URL": self.influx.url,
            "WATTPOST_READINGS__INFLUXDB__ORG": self.influx.org,
            "WATTPOST_READINGS__INFLUXDB__BUCKET": self.influx.bucket,
            "WATTPOST_READINGS__INFLUXDB__TOKEN_FILE": str(self.influx.token_file),
        }

    def command(self, service: str) -> list[str]:
        """As the compose file has it, with our folders for the container's."""
        mounted = "edge" if service == "edge" else "firmware_sim" if service == "firmware_sim" else "cloud"
        words = [str(word) for word in SERVICES[service]["command"]]
        places = {"/run/wattpost": self.folder / mounted, "/var/lib/wattpost": self.folder / mounted}
        for old, new in places.items():
            words = [word.replace(old, str(new)) for word in words]
        return [sys.executable, str(ROOT / "wattpost.py"), *words]

    def start(self, name: str, command: list[str] | None = None) -> None:
        log = self._stack.enter_context((self.folder / f"{name}.log").open("wb"))
        child = subprocess.Popen(
            command or self.command(name), cwd=ROOT, env=self.environment, stdout=log, stderr=log
        )
        self._children[name] = child

    def stop(self) -> None:
        """All are told at once, and each is waited for."""
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            child.wait(20)

    def run(self, name: str) -> None:
        subprocess.run(
            self.command(name), cwd=ROOT, env=self.environment, check=True, capture_output=True, timeout=60
        )

    def alive(self) -> None:
        ended = [name for name, child in self._children.items() if child.poll() is not None]
        assert not ended, f"{ended} ended by themselves\n{self.told()}"

    def told(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log"))


@pytest.fixture
def station(tmp_path: Path, influx: Influx) -> Iterator[Station]:
    program = require_program("mosquitto")
    with ExitStack() as stack:
        made = Station(tmp_path / "volumes", influx, stack)
        stack.callback(made.stop)
        made.start("mosquitto", [str(program), "-c", str(made.folder / "mosquitto/mosquitto.conf")])
        yield made


def until(station: Station, what: str, found: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not found():
        station.alive()
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_S} s\n{station.told()}"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.timeout(150)
def test_readings_go_from_the_simulated_line_to_what_the_boards_read(station: Station) -> None:
    station.run("register")
    for name in ("cloud", "firmware_sim", "edge"):
        station.start(name)
    ready = f"http://127.0.0.1:{station.http_port}/api/v1/readyz"
    until(station, "the service is ready", lambda: answers(ready))
    page = f"http://127.0.0.1:{station.page_port}/state.json"
    until(station, "the gateway's page answers", lambda: answers(page))

    def values(measurement: str, tag: str) -> set[str]:
        found = station.influx.query(f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "{tag}"')
        return {row[1] for series in found for row in series["values"]}

    meters = {one["id"] for one in json.loads((station.folder / "cloud/registry.json").read_text())["meter"]}
    until(station, "every meter's readings are stored", lambda: values("reading", "meter") == meters)
    until(station, "the lists of the boards are there", lambda: values("meter_info", "meter") == meters)
