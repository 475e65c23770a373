"""The village of each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.kit.db import Database
from tests.cloud.alerts.village import Village


@pytest.fixture
def village(database: Database, tmp_path: Path) -> Iterator[Village]:
    """Two areas, each polled until it is known to be supplied."""
    made = Village(database, tmp_path)
    made.rounds(2)
    yield made
    made.close()
