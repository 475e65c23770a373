from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from cloud import app
from cloud.kit.db import Database, metadata


def test_the_tables_that_history_makes_are_those_of_the_code(database: Database) -> None:
    assert app  # it knows every slice, and so every table
    with database.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        drift = compare_metadata(context, metadata)
    assert drift == [], 'run: python -m cloud.migrations "what changes"'


def test_migrating_again_changes_nothing(database: Database) -> None:
    database.migrate()
    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
