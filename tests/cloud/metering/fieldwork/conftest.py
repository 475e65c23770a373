"""Two points behind one gateway, one of them behind transformers, and what fitters do there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.customers.intake.documents import import_customers
from cloud.fleet.owners import owners
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.metering.fieldwork.actions import Fieldwork
from cloud.metering.fieldwork.photos import Photos
from cloud.metering.fieldwork.requests import Exchange, NewMeter, Told
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, ms
from protocols.readings import Reading, Source
from tests.clocks import ManualClock

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
AT = NOW - timedelta(hours=4)
REGISTER = "energy_import_wh"
TOLD = Told("fitter", "示例：到期轮换")
REGISTRY: dict[str, Any] = {
    "area": [{"id": f"A0{n}", "name": f"示例台区 0{n}", "feeder": f"F{n}"} for n in (1, 2)],
    "gateway": [{"id": "gw-a01", "name": "示例网关 01"}],
    "meter": [
        {
            "id": f"M-{n}",
            "address": f"{n:012}",
            "model": "dlt645-2007-1p" if n == 1 else "dlt645-2007-3p",
            "area": "A01",
            "gateway": "gw-a01",
            "line": "rs485-1",
            "ct_ratio": 1.0 if n == 1 else 40.0,
        }
        for n in (1, 2)
    ],
}
CUSTOMERS: dict[str, Any] = {
    "customer": [{"id": "C-A", "name": "示例户 A"}],
    "account": [{"no": "10A", "customer": "C-A", "address": "示例村 A", "class": "household"}],
    "service": [{"account": "10A", "meter": "M-1", "start": "2025-01-01T00:00:00Z"}],
}


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """SQLite alone; `test_both_databases` runs the way through on either."""
    made = Database(sqlite_url)
    yield made
    made.close()


@pytest.fixture
def records(database: Database) -> Database:
    with database.write() as connection:
        import_registry(connection, REGISTRY)
        import_customers(connection, CUSTOMERS)
    return database


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Both meters told once an hour, one kWh each, from 1000 kWh on, up to five hours ago."""
    made = SqliteStore(tmp_path / "readings.db")
    for number, meter in enumerate(("M-1", "M-2"), 1):
        readings = [
            polled(meter, NOW - timedelta(hours=hour), 1_000_000 + 1000 * (48 - hour))
            for hour in range(48, 4, -1)
        ]
        made.write(BatchOfReadings("gw-a01", "e", number, readings))
    yield made
    made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def work(records: Database, store: SqliteStore, clock: ManualClock, tmp_path: Path) -> Fieldwork:
    return Fieldwork(records, store, owners(None, "sole"), Photos(tmp_path / "photos"), clock)


def polled(meter: str, at: datetime, value: int) -> Reading:
    return Reading(meter, ms(at), Source.POLLED, {REGISTER: value})


def exchange(
    removed: int = 1_043_500, installed: int = 20, at: datetime = AT, meter: str = "N-1", **more: Any
) -> Exchange:
    new = NewMeter(meter, meter.strip("N-").rjust(12, "9"))
    return Exchange("M-1", at, new, {REGISTER: removed}, {REGISTER: installed}, **more)
