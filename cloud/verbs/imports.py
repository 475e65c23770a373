"""`wattpost cloud import …`: data from a file, whole or not at all."""

from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, STYLE, Config, Json, progress, records_of, say

imports = typer.Typer(**STYLE, help="Bring data in from a file, whole or not at all.")


@imports.command("registry", epilog="Example: wattpost cloud import registry village.toml")
def import_registry(file: Path, config: Config = CONFIG, as_json: Json = False) -> None:
    """Bring in areas, gateways and meters from JSON or TOML."""
    from dataclasses import asdict

    from cloud.fleet import registry
    from cloud.importing import document

    rows = document(file)
    with records_of(config) as records, records.database.write() as connection:
        done = registry.import_registry(connection, rows)
    text = f"{done.areas} areas, {done.gateways} gateways, {done.meters} meters"
    say(asdict(done), text, as_json)


@imports.command("customers", epilog="Example: wattpost cloud import customers customers.toml")
def import_customers(file: Path, config: Config = CONFIG, as_json: Json = False) -> None:
    """Bring in customers, their accounts, the meters that serve them, and where notices go."""
    from dataclasses import asdict

    from cloud.customers import actions
    from cloud.importing import document

    rows = document(file)
    with records_of(config) as records, records.database.write() as connection:
        done = actions.import_customers(connection, rows)
    text = f"{done.customers} customers, {done.accounts} accounts, {done.services} services"
    say(asdict(done), text, as_json)


@imports.command(
    "readings", epilog="Example: wattpost sim history village.toml | wattpost cloud import readings -"
)
def import_readings(
    file: Annotated[Path, typer.Argument(help="JSON lines, one reading each; - for stdin.")],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Bring in readings; the same file twice counts once."""
    from cloud.importing import readings

    with records_of(config) as records:
        count = readings(file, records.database, records.store, lambda total: progress(total, "readings"))
    say({"readings": count}, f"{count} readings", as_json)
