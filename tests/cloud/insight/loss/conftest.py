"""The feeder on SQLite, and on both databases where SQL is what is tried."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.insight.loss.hamlet import Hamlet


@pytest.fixture
def hamlet(tmp_path: Path, sqlite_url: str) -> Iterator[Hamlet]:
    made = Hamlet(tmp_path, sqlite_url)
    yield made
    made.close()


@pytest.fixture
def either_hamlet(tmp_path: Path, database_url: str) -> Iterator[Hamlet]:
    made = Hamlet(tmp_path, database_url)
    yield made
    made.close()
