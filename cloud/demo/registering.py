"""The composed station's registry and operators, brought into its database; twice is once."""

from pathlib import Path

from cloud.demo.composed import OPERATORS
from cloud.fleet.registry import import_registry
from cloud.importing import document
from cloud.kit.auth import Accounts, Role
from cloud.kit.clock import SystemClock
from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from cloud.settings import secret


def register_line(database: Database, folder: Path) -> list[str]:
    """Take in `folder`/registry.json and the operators' passwords beside it; the logins that are new."""
    rows = document(folder / "registry.json")
    with database.write() as connection:
        import_registry(connection, rows)
    accounts, added = Accounts(database, SystemClock()), []
    for login in OPERATORS:
        try:
            accounts.add(login, Role.OPERATOR, password=secret(folder / f"{login}.password"))
        except Conflict:
            continue
        added.append(login)
    return added
