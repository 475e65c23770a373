"""The InfluxDB store: the contract, and what is its own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud.kit.db import Database
from cloud.metering.store import ReadingStore
from cloud.metering.store_influx import InfluxStore
from tests.cloud.metering.store_contract import ReadingStoreContract
from tests.influx import Engine, Influx, fresh

Opened = Callable[[str], ReadingStore]


class Station(InfluxStore):
    """The store with its own records database, closed together."""

    def __init__(self, influx: Influx, records: Path) -> None:
        self.records = Database(f"sqlite:///{records}")
        super().__init__(influx.settings(), self.records)

    def close(self) -> None:
        super().close()
        self.records.close()


@pytest.fixture(scope="session")
def stations(influx_engine: Engine, empty_sqlite: Path) -> Iterator[Opened]:
    """Opens the store that belongs to a folder: a bucket and a records database of its own."""
    buckets: dict[str, Influx] = {}

    def opened(folder: str) -> ReadingStore:
        records = Path(folder) / "records.db"
        if folder not in buckets:
            buckets[folder] = fresh(influx_engine, Path(folder))
            shutil.copy(empty_sqlite, records)
        return Station(buckets[folder], records)

    yield opened
    for made in buckets.values():
        influx_engine.drop(made.bucket)


class TestInfluxStore(ReadingStoreContract):
    @pytest.fixture(autouse=True)
    def _opened(self, stations: Opened) -> None:
        type(self).opened = staticmethod(stations)
