"""From MQTT to `Stored` at load: the whole service, mosquitto and the generator on this machine.

Counted is what the gateways were told is settled, between the first and the last `Stored`.
"""

import json
import os
import shutil
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
from cloud.metering.sqlite.store import SqliteStore
from cloud.records import open_records
from cloud.settings import load as settings_in
from tests.bench import load
from tests.influx import Influxd, fresh
from tests.mosquitto import Mosquitto
from tests.programs import require_program

LOAD, MIB = "load", 1 << 20
SEQS, WINDOW, QUIET_WITHIN_S = 60, 8, 30.0
ACL: Final = f"user {LOAD}\ntopic write wattpost/v1/+/up/readings\ntopic read wattpost/v1/+/down/stored\n"
PLANS: Final = {
    "full": {"seqs": SEQS, "window": WINDOW, "phases": [[60, 0]], "live": False, "adapts": False},
    "backlog": {"seqs": SEQS, "window": 32, "phases": [[60, 0]], "live": True, "adapts": True},
    "burst": {"seqs": 120, "window": 32, "phases": [[5, 7.5], [30, 75]], "live": False, "adapts": False},
}


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """As fast as it goes, into both stores; a backlog with live readings, and a burst."""
    start_ms = int(time.time() * 1000) - 13 * 86_400_000
    with TemporaryDirectory(prefix="wattpost-history-") as kept:
        history = Path(kept) / "readings.db"
        say("writing 10 million values of history")
        with closing(SqliteStore(history)) as store:
            load.fill(store, start_ms)
        for what in PLANS:
            with TemporaryDirectory(prefix="wattpost-ingest-") as folder:
                yield measure(Path(folder), what, history, start_ms, say)
    with TemporaryDirectory(prefix="wattpost-ingest-") as folder:
        yield measure(Path(folder), "full", None, start_ms, say)


def measure(
    folder: Path, what: str, history: Path | None, start_ms: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """One plan, into a copy of the SQLite store `history`, or into an InfluxDB filled here."""
    with ExitStack() as open_:
        broker = open_.enter_context(closing(_Broker(folder)))
        children = {"broker": psutil.Process(broker.pid)}
        engine = None
        if history is None:
            engine = _engine(folder, open_)
            children["engine"] = psutil.Process(engine.pid)
        config = _station(folder, broker, engine)
        if history is not None:
            shutil.copy(history, folder / "data")
        else:
            say("writing 10 million values of history into InfluxDB")
            with closing(open_records(settings_in(config))) as records:
                load.fill(records.store, start_ms)
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
        service = children["service"] = psutil.Process(cloud.process.pid)
        say(f"the jobs of its start took {_quiet(service):.0f} s; the load begins: {what}")
        before = {name: _cpu_s(each) for name, each in children.items()}
        with _Peak(service) as peak:
            found, _ = generator.communicate("go\n")
        result = json.loads(found)
        spent_s = {name: _cpu_s(each) - before[name] for name, each in children.items()}
        spent_s["generator"] = result["cpu_s"]
        cloud.stop()
        line = (
            {"store": "sqlite" if history else "influxdb", "what": what}
            | _line(result, spent_s)
            | {"rss_mib": peak.bytes / MIB}
        )
        return line | (_parts(config, start_ms, line) if what == "full" else {})


def _line(result: dict[str, Any], spent_s: dict[str, float]) -> dict[str, Any]:
    """Rates between the first and the last `Stored`; CPU of each process over everything settled."""
    began_s, first = result["marks"][0]
    took_s, readings = result["settled_s"] - began_s, result["settled"] * load.READINGS
    rate = (result["settled"] - first) * load.READINGS / took_s
    line = {
        "values_per_second": rate * load.VALUES,
        "readings_per_second": rate,
        "lost": result["sent"] - result["settled"],
        "seconds": took_s,
        "settled_after_end_s": result["settled_s"] - result["ended_s"],
        "cpu_us_per_reading": spent_s["service"] / readings * 1e6,
        "load_average": os.getloadavg()[0],
    }
    line |= {f"{name}_us": each / readings * 1e6 for name, each in spent_s.items() if name != "service"}
    if waits := result["live_s"]:
        line |= {"live_p99_s": waits[int(len(waits) * 0.99)], "live_readings": len(waits)}
    return line


def _parts(config: Path, start_ms: int, line: dict[str, Any]) -> dict[str, float]:
    """Where the service's time goes; `transport_us` is what no step of ingest takes."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.bench.parts", str(config), str(start_ms)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    parts: dict[str, float] = json.loads(found.stdout)
    return parts | {"transport_us": line["cpu_us_per_reading"] - sum(parts.values())}


def _quiet(service: psutil.Process) -> float:
    """Wait until the service has done what it does once at its start; how long that took, in s."""
    began_s, idle = time.monotonic(), 0
    while idle < 3 and time.monotonic() - began_s < QUIET_WITHIN_S:
        before_s = _cpu_s(service)
        time.sleep(0.5)
        idle = idle + 1 if _cpu_s(service) - before_s < 0.1 else 0
    return time.monotonic() - began_s


def _engine(folder: Path, open_: ExitStack) -> Influxd:
    (folder / "influx").mkdir()
    engine = Influxd(folder / "influx", require_program("influxd"), free_port)
    open_.callback(engine.stop)
    return engine


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


def _station(folder: Path, broker: "_Broker", engine: Influxd | None) -> Path:
    data = folder / "data"
    data.mkdir(mode=0o700)
    config = folder / "cloud.toml"
    config.write_text(
        f'data_dir = "{data}"\n[http]\nport = {free_port()}\n[broker]\nkind = "external"\n'
        f'host = "127.0.0.1"\nport = {broker.port}\npassword_file = "{broker.password_file("cloud")}"\n'
    )
    if engine is not None:
        influx = fresh(engine, folder)
        with config.open("a") as file:
            file.write(
                f'[readings]\nkind = "influxdb"\n[readings.influxdb]\nurl = "{influx.url}"\n'
                f'bucket = "{influx.bucket}"\norg = "{influx.org}"\ntoken_file = "{influx.token_file}"\n'
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
