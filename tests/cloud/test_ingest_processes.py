"""Several processes share what gateways send: each batch is settled once; the death of one loses nothing."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cloud.__main__ import main
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.metering.batches import Outcome, batch_table, settled_table
from cloud.settings import BrokerSettings, IngestSettings, ReadingsSettings, Settings, require_shared
from edge.clock import SystemClock
from edge.outbox import Outbox
from edge.uplink import Uplink
from tests.edge.gateway import GATEWAY, gateway_settings, reading, until
from tests.influx import Influx
from tests.mosquitto import Mosquitto

ROOT = Path(__file__).parents[2]
SETTINGS = """\
data_dir = "data"
database_url = "{database}"
[http]
port = 0
[broker]
kind = "external"
port = {port}
password_file = "{password}"
[readings]
kind = "influxdb"
influxdb = {{ url = "{url}", org = "{org}", bucket = "{bucket}", token_file = "{token}" }}
[ingest]
shared = true
"""
REGISTRY: dict[str, Any] = {
    "area": [{"id": "A01", "name": "示例台区 A01", "feeder": "F1"}],
    "gateway": [{"id": GATEWAY, "name": "示例网关"}],
    "meter": [
        {
            "id": f"M-{number:03}",
            "address": f"{number:012}",
            "model": "dlt645-2007-3p",
            "area": "A01",
            "gateway": GATEWAY,
            "line": "north",
        }
        for number in range(10)
    ],
}


class Process:
    """`run` or `ingest` in a process of its own; `log` is what it said."""

    def __init__(self, verb: str, folder: Path) -> None:
        self.log = folder / f"{verb}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cloud", verb, "--json"],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def ready(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        assert json.loads(line)["ready"]

    def end(self, how: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def took_in(self) -> int:
        found = re.search(r"took in (\d+) batches", self.log.read_text())
        assert found, self.log.read_text()
        return int(found[1])


@pytest.fixture
def folder(
    tmp_path: Path, empty_postgres: None, migrated_postgres: str, influx: Influx, mosquitto: Mosquitto
) -> Path:
    (tmp_path / "data").mkdir()
    words = {
        "database": migrated_postgres,
        "port": mosquitto.port,
        "password": mosquitto.password_file("cloud"),
        "url": influx.url,
        "org": influx.org,
        "bucket": influx.bucket,
        "token": influx.token_file,
    }
    (tmp_path / "cloud.toml").write_text(SETTINGS.format_map(words))
    return tmp_path


@pytest.fixture
def records(folder: Path, migrated_postgres: str) -> Iterator[Database]:
    database = Database(migrated_postgres)
    with database.write() as connection:
        import_registry(connection, REGISTRY)
    yield database
    database.close()


@pytest.fixture
def gateway(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[tuple[Uplink, Outbox]]:
    clock = SystemClock()
    outbox = Outbox(tmp_path / "outbox.db", GATEWAY, clock)
    settings = gateway_settings(tmp_path, mosquitto.port, mosquitto.password_file(GATEWAY))
    uplink = Uplink(settings, outbox, clock, Random(1))
    yield uplink, outbox
    uplink.stop()
    outbox.close()


def test_two_processes_settle_each_batch_once_and_the_death_of_one_loses_nothing(
    folder: Path, records: Database, gateway: tuple[Uplink, Outbox], influx: Influx
) -> None:
    uplink, outbox = gateway
    first_ms, batches = SystemClock().now_ms() - 3_600_000, 120
    both = [Process(verb, folder) for verb in ("run", "ingest")]
    try:
        for each in both:
            each.ready()
        for number in range(batches):
            outbox.append([reading(5 * number + n, first_ms + 1000 * number) for n in range(5)])
        uplink.start()
        until(lambda: outbox.backlog().batches < batches - 40, "some are settled")
        killed = both[1].end(signal.SIGKILL)
        until(lambda: outbox.backlog().batches == 0, "all are settled")
        assert killed == -signal.SIGKILL
        assert both[0].end(signal.SIGTERM) == 0
    finally:
        for each in both:
            each.end(signal.SIGKILL)
    with records.read() as connection:
        book = connection.execute(batch_table.select()).all()
        (run,) = connection.execute(settled_table.select())
    assert (len(book), run.upto) == (batches, batches)
    assert {(row.outcome, row.readings) for row in book} == {(Outcome.STORED, 5)}
    assert 0 < both[0].took_in() < batches, "the other one took none"
    (counted,) = influx.query("SELECT count(energy_import_wh) FROM reading")
    assert counted["values"][0][1] == 5 * batches


def test_ingest_beside_the_service_is_refused_in_one_line_where_parts_cannot_be_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cloud.toml").write_text("[broker]\nport = 0\n")
    monkeypatch.setattr(sys, "argv", ["wattpost cloud", "ingest", "-c", str(tmp_path / "cloud.toml")])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out, len(told.err.splitlines())) == (1, "", 1)
    for need in ("ingest.shared = true", "PostgreSQL", "influxdb", "external", "use_username_as_clientid"):
        assert need in told.err


WHOLE: dict[str, Any] = {
    "database_url": "postgresql://wattpost@127.0.0.1/wattpost",
    "readings": ReadingsSettings(kind="influxdb"),
    "broker": BrokerSettings(kind="external"),
    "ingest": IngestSettings(shared=True),
}


@pytest.mark.parametrize(
    ("lacks", "named"),
    [
        ({"database_url": ""}, "PostgreSQL"),
        ({"readings": ReadingsSettings()}, "influxdb"),
        ({"broker": BrokerSettings(kind="mosquitto")}, "use_username_as_clientid"),
        ({"ingest": IngestSettings()}, "ingest.shared = true"),
    ],
)
def test_each_part_that_cannot_be_shared_is_named_alone(lacks: dict[str, Any], named: str) -> None:
    require_shared(Settings(**WHOLE))
    with pytest.raises(Invalid, match=f"several processes need .*{named}") as told:
        require_shared(Settings(**WHOLE | lacks))
    assert sum(each in str(told.value) for each in ("PostgreSQL", "influxdb", "external", "for every")) == 1
