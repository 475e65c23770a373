from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.kit.db import Database
from tests.cloud.metering.vee.village import Village, village


@pytest.fixture
def station(sqlite_url: str, tmp_path: Path) -> Iterator[Village]:
    """Four areas on one feeder, no meter yet; the tables are tried on both databases elsewhere."""
    database = Database(sqlite_url)
    made = village(database, tmp_path)
    yield made
    made.store.close()
    database.close()
