"""A station for tests of exchange."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud import app
from cloud.kit.db import Database
from tests.cloud.exchange.place import Place


@pytest.fixture(scope="session")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated SQLite database, to be copied: migrating takes longer than most tests."""
    assert app  # it knows every slice, and so every table
    path = tmp_path_factory.mktemp("pattern") / "records.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path.read_bytes()


@pytest.fixture
def place(empty_records: bytes, tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "records.db").write_bytes(empty_records)
    database = Database(f"sqlite:///{tmp_path / 'records.db'}")
    made = Place(database, tmp_path)
    yield made
    made.store.close()
    database.close()
