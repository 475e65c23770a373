"""From MQTT to `Stored` at load: the whole service, mosquitto and the generator on this machine.

Counted is what the gateways were told is settled, between the first and the last `Stored`.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import psutil

from cloud.demo.prepare import free_port
from cloud.demo.programs import ROOT, Program, python
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.metering.store import ReadingStore
from cloud.metering.store_sqlite import SqliteStore
from cloud.settings import load as settings_in
from tests.bench import load
from tests.programs import require_program
from tests.mosquitto import Mosquitto

LOAD, MIB = "load", 1 << 20
SEQS, WINDOW = 60, 8
ACL: Final = f"user {LOAD}\ntopic write wattpost/v1/+/up/readings\ntopic read wattpost/v1/+/down/stored\n"
PLANS: Final = {
    "full": {"seqs": SEQS, "window": WINDOW, "phases": [[60, 0]], "live": False},
    "drain": {"seqs": SEQS, "window": 32, "phases": [[60, 0]], "live": True},
    "burst": {"seqs": 120, "window": 32, "phases": [[5, 7.5], [30, 75]], "live": False},
}


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    for what in PLANS:
        with TemporaryDirectory(prefix="wattpost-ingest-") as folder:
            yield measure(Path(folder), what, say)


def measure(folder: Path, what: str, say: Callable[[str], None]) -> dict[str, Any]:
    start_ms = int(time.time() * 1000) - 13 * 86_400_000
    with ExitStack() as open_:
        broker = open_.enter_context(closing(_Broker(folder)))
        config = _station(folder, broker)
        say("writing 10 million values of history")
        with closing(SqliteStore(folder / "data" / "readings.db")) as store:
            values = _fill(store, start_ms)
        plan = PLANS[what] | {
            "port": broker.port, "user": LOAD, "password": broker.password(LOAD), "start_ms": start_ms,
        }  # fmt: skip
        say("making the messages beforehand")
        generator = _generator(plan)
        cloud = Program("cloud", [*python("cloud"), "run", "--config", str(config), "--json"], folder / "log")
        cloud.start(read_stdout=True)
        open_.callback(cloud.stop)
        cloud.first_line()
        assert cloud.process is not None
        service = psutil.Process(cloud.process.pid)
        children = {"service": service, "broker": psutil.Process(broker.pid)}
        before = {name: _cpu_s(each) for name, each in children.items()}
        say(f"{what}: {values:,} values are there; the load begins")
        with _Peak(service) as peak:
            found, _ = generator.communicate("go\n")
        result = json.loads(found)
        took_s = result["settled_s"] - result["marks"][0][0]
        spent = {f"{name}_cores": (_cpu_s(each) - before[name]) / took_s for name, each in children.items()}
    rate = (result["settled"] - result["marks"][0][1]) * load.READINGS / took_s
    line = {
        "store": "sqlite", "what": what, "values_per_second": rate * load.VALUES, "readings_per_second": rate,
        "lost": result["sent"] - result["settled"], "seconds": took_s, "rss_mib": peak.bytes / MIB,
        "settled_after_end_s": result["settled_s"] - result["ended_s"],
        "generator_cores": result["cpu_s"] / took_s,
    }  # fmt: skip
    if waits := result["live_s"]:
        line |= {"live_p99_s": waits[int(len(waits) * 0.99)], "live_readings": len(waits)}
    return line | spent


def _fill(store: ReadingStore, start_ms: int) -> int:
    return load.fill(store, start_ms)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _generator(plan: dict[str, Any]) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.generator", json.dumps(plan)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    if child.stdout.readline().strip() != "ready":
        raise SystemExit("ingest: the load generator did not start")
    return child


def _station(folder: Path, broker: "_Broker") -> Path:
    data = folder / "data"
    data.mkdir(mode=0o700)
    config = folder / "cloud.toml"
    config.write_text(
        f'data_dir = "{data}"\n[http]\nport = {free_port()}\n[broker]\nkind = "external"\n'
        f'host = "127.0.0.1"\nport = {broker.port}\npassword_file = "{broker.password_file("cloud")}"\n'
    )
    with closing(Database(settings_in(config).records_url)) as database:
        database.migrate()
        with database.write() as connection:
            import_registry(connection, load.registry())
    return config


class _Broker(Mosquitto):
    def __init__(self, root: Path) -> None:
        (root / "broker").mkdir()
        program, passwd = require_program("mosquitto"), require_program("mosquitto_passwd")
        super().__init__(root / "broker", program, passwd, free_port(), (LOAD, "cloud"))
        self.stop()
        acl = self.folder / "acl"
        acl.write_text(acl.read_text() + ACL)
        self.start()

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def close(self) -> None:
        self.stop()


class _Peak:
    """The most memory a process was seen with, in bytes."""

    def __init__(self, process: psutil.Process) -> None:
        self.bytes, self._process, self._end = 0, process, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.2):
            self.bytes = max(self.bytes, self._process.memory_info().rss)
