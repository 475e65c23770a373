"""A database of one kind for what does not depend on which; what does takes `database` and is run on both."""

from collections.abc import Iterator

import pytest

from cloud.kit.db import Database


@pytest.fixture
def plain(sqlite_url: str) -> Iterator[Database]:
    """A migrated, empty SQLite database."""
    made = Database(sqlite_url)
    yield made
    made.close()
