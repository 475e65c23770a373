"""The village of each test, on SQLite; on PostgreSQL `test_both_databases` and `test_exactly_once` live."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.kit.db import Database
from tests.cloud.alerts.village import Village


@pytest.fixture
def village(sqlite_url: str, tmp_path: Path) -> Iterator[Village]:
    """Two areas, each polled until it is known to be supplied."""
    database = Database(sqlite_url)
    made = Village(database, tmp_path)
    made.rounds(2)
    yield made
    made.close()
    database.close()
