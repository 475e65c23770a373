"""`python -m cloud.migrations "what changes"`: writes the step from the newest revision to today's tables."""

import sys
import tempfile
from pathlib import Path

from alembic import command

import cloud.app
from cloud.kit.db import Database, metadata


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit('usage: python -m cloud.migrations "what changes"')
    assert cloud.app  # it knows every slice, and so every table
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'records.db'}")
        database.migrate()
        with database.write() as connection:
            config = Database.alembic(connection)
            config.attributes["metadata"] = metadata
            newest = len(list((Path(__file__).parent / "versions").glob("*.py")))
            command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{newest + 1:04}")
        database.close()


main()
