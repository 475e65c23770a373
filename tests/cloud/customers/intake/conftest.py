"""Records that know four accounts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.customers.intake import files as customer_import
from cloud.customers.intake.documents import import_customers
from cloud.customers.intake.kinds import Taking
from cloud.fleet.imports import Report
from cloud.kit.db import Database
from tests.cloud.customers.intake.rows import (
    KINDS,
    PARTIES,
    TAKING,
    Take,
    as_csv,
)


@pytest.fixture
def records(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    with made.write() as connection:
        import_customers(connection, PARTIES)
    yield made
    made.close()


@pytest.fixture
def table(records: Database, tmp_path: Path) -> Take:
    """Takes rows in as a CSV."""

    def from_table(rows: list[dict[str, Any]], taking: Taking = TAKING, **more: Any) -> Report:
        path = tmp_path / "rows.csv"
        path.write_bytes(as_csv(rows).encode())
        return customer_import.from_table(records, path, taking, KINDS, **more)

    return from_table
