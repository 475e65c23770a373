"""A small station, on SQLite and where SQL is what is tried on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.insight.areas.small_station import SmallStation


@pytest.fixture
def station(tmp_path: Path, sqlite_url: str) -> Iterator[SmallStation]:
    made = SmallStation(tmp_path, sqlite_url)
    yield made
    made.close()


@pytest.fixture
def either_station(tmp_path: Path, database_url: str) -> Iterator[SmallStation]:
    made = SmallStation(tmp_path, database_url)
    yield made
    made.close()
