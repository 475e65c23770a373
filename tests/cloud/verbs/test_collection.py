"""`wattpost cloud collection` prints a day's rates with their denominators, for people and for machines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud import settings as settings_
from cloud.__main__ import app
from cloud.fleet.registry import import_registry
from cloud.kit.days import midnight
from cloud.metering.store import BatchOfReadings, ms
from cloud.records import open_records
from protocols.readings import Reading, Source
from tests.cloud.alerts.village import registry
from tests.cloud.metering.ledger.collecting import DAY, QUARTER, SHANGHAI

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The verb on a station whose meter A01-03 was read for six hours."""
    config = settings_.write_first(tmp_path, "示例供电所", "Asia/Shanghai")
    records = open_records(settings_.load(config))
    with records.database.write() as connection:
        import_registry(connection, registry(("A01",)))
    first = midnight(DAY, SHANGHAI)
    readings = [
        Reading("A01-03", ms(first + number * QUARTER), Source.POLLED, {"energy_import_wh": number})
        for number in range(24)
    ]
    records.store.write(BatchOfReadings("gw-a01", "e1", 1, readings))
    records.close()

    def called(*words: str) -> Any:
        return CliRunner().invoke(app, ["collection", "--day", str(DAY), "-c", str(config), *words])

    return called


def test_a_day_is_looked_through_when_asked_and_printed_for_people(run: Run) -> None:
    assert "was never counted" in run().stdout
    said = run("--recount")
    assert said.exit_code == 0
    assert "6 meters in service, 5 of them silent" in said.stdout
    assert "4.17%  24 of 576" in said.stdout


def test_a_machine_gets_one_object(run: Run) -> None:
    told = json.loads(run("--recount", "--json", "--worst", "1").stdout)
    assert told["station"]["curve"] == {
        "share": 24 / 576, "received": 24, "expected": 576, "late": 0, "pending": 0, "excluded": {},
    }  # fmt: skip
    assert [each["key"] for each in told["areas"]] == ["A01"]
    assert told["station"]["on_demand"]["share"] is None
