"""A station that counts what it collects, on both kinds of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.kit.db import Database
from tests.cloud.metering.ledger.collecting import Collecting, opened


@pytest.fixture
def station(database: Database, tmp_path: Path) -> Iterator[Collecting]:
    made = opened(database, tmp_path)
    yield made
    made.close()


@pytest.fixture
def light(sqlite_url: str, tmp_path: Path) -> Iterator[Collecting]:
    """On SQLite alone, where the database makes no difference."""
    database = Database(sqlite_url)
    made = opened(database, tmp_path)
    yield made
    made.close()
    database.close()
