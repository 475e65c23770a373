"""Villages on SQLite, and on both databases where SQL is what is tried."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.metering.archive.village import Village


@pytest.fixture
def village(tmp_path: Path, sqlite_url: str) -> Iterator[Village]:
    made = Village(tmp_path, sqlite_url)
    yield made
    made.close()


@pytest.fixture
def either_village(tmp_path: Path, database_url: str) -> Iterator[Village]:
    made = Village(tmp_path, database_url)
    yield made
    made.close()
