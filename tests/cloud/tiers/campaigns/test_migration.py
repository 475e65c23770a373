"""Notices that were written before letters were possible live on, with their deliveries."""

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from cloud import app
from cloud.kit.db import Database


@pytest.mark.parametrize("rows", [0, 3])
def test_notices_and_their_deliveries_outlive_the_step(tmp_path: Path, rows: int) -> None:
    assert app  # it knows every slice
    database = Database(f"sqlite:///{tmp_path / 'records.db'}")
    with database.write() as connection:
        command.upgrade(database.alembic(connection), "0020")
    at = "'2026-01-01 00:00:00'"
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO alert (id, kind, cause, severity, opened_at, trace, evidence) "
                f"VALUES (1, 'line_silent', 'x', 'info', {at}, '0', '{{}}')"
            )
        )
        for number in range(1, rows + 1):
            connection.execute(
                text(
                    "INSERT INTO notice (id, key, alert, kind, round, severity, params, trace, created_at) "
                    f"VALUES ({number}, 'k{number}', 1, 'outage', {number}, 'info', '{{}}', '0', {at})"
                )
            )
            connection.execute(
                text(
                    "INSERT INTO delivery (id, notice, channel, state, attempts, next_at) "
                    f"VALUES ({number}, {number}, 'json://x', 'pending', 0, {at})"
                )
            )
    database.migrate()
    with database.write() as connection:
        assert (
            connection.scalar(text("SELECT count(*) FROM notice JOIN delivery ON notice = notice.id")) == rows
        )
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        connection.execute(
            text(
                "INSERT INTO notice (id, key, kind, round, severity, params, trace, created_at) "
                f"VALUES (9, 'k9', 'offer', 1, 'info', '{{}}', '0', {at})"
            )
        )
    database.close()
