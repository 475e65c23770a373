"""`wattpost cloud import …`: data from a file, whole or not at all."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cloud.verbs import CONFIG, STYLE, Config, Json, progress, records_of, say, settings_of, talk

imports = typer.Typer(**STYLE, help="Bring data in from a file, whole or not at all.")


@imports.command("registry", epilog="Example: wattpost cloud import registry points.xlsx --dry-run")
def import_registry(
    file: Annotated[Path, typer.Argument(help="TOML or JSON of the station, or CSV or XLSX of its points.")],
    config: Config = CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would change, change nothing.")
    ] = False,
    as_of: Annotated[
        str, typer.Option(help="The day, as 2026-03-01, from which changes hold; else now.")
    ] = "",
    system: Annotated[str, typer.Option(help="Whose file it is, where another system owns fields.")] = "",
    as_json: Json = False,
) -> None:
    """Bring in the registry: areas, gateways and meters, or a table of metering points; tell what changed."""
    from cloud.customers.points import registry as registry_import
    from cloud.fleet.owners import owners
    from cloud.importing import document
    from cloud.kit.clock import SystemClock

    settings = settings_of(config)
    rows = None if file.suffix.lower() in registry_import.TABLES else document(file)
    order = registry_import.order(
        "import", SystemClock().now(), settings.station.zone, as_of, system, dry_run=dry_run
    )
    whose = owners(settings.policies_dir, settings.station.mode)
    data: dict[str, Any] = {}
    with records_of(config) as records:
        if rows is None:
            report = registry_import.from_table(records.database, file, order, whose)
        else:
            report, done = registry_import.from_document(records.database, file, rows, order, whose)
            data = {"areas": done.areas, "gateways": done.gateways, "meters": done.meters}
    for line in registry_import.lines(report):
        talk(line)
    text = ", ".join(
        f"{count} {name}" for name, count in {**data, **report.counts()}.items() if count or name in data
    )
    say({**data, **report.document(), "dry_run": dry_run}, text or "nothing to do", as_json)
    if dry_run:
        talk("a dry run: nothing was changed")
    if report.refused:
        from cloud.kit.errors import Conflict

        raise Conflict(f"{file}: refused, nothing was imported; each row is named above")


@imports.command("template", epilog="Example: wattpost cloud import template --kind contract > contracts.csv")
def template(
    language: Annotated[str, typer.Option(help="Of the headings: zh or en.")] = "zh",
    kind: Annotated[str, typer.Option(help="Of which rows: point, contract, grade, bill, …")] = "point",
) -> None:
    """Print the headings of a table; of metering points with an example: open it as a spreadsheet."""
    from cloud.billing.bill_kind import BILL
    from cloud.customers.intake import tables as customer_tables
    from cloud.customers.intake.all_kinds import CUSTOMER_KINDS
    from cloud.fleet.point_rows import template as made
    from cloud.kit.errors import Invalid

    if language not in ("zh", "en"):
        raise Invalid("--language: zh or en")
    kinds = {each.name: each for each in (*CUSTOMER_KINDS, BILL)}
    if kind != "point" and kind not in kinds:
        raise Invalid(f"--kind {kind!r}: use one of point, {', '.join(kinds)}")
    text = made(language) if kind == "point" else customer_tables.template(kinds[kind], language)
    say({}, text.rstrip("\r\n"), False)


@imports.command(
    "readings", epilog="Example: wattpost sim history village.toml | wattpost cloud import readings -"
)
def import_readings(
    file: Annotated[Path, typer.Argument(help="JSON lines, one reading each; - for stdin.")],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Bring in readings; the same file twice counts once."""
    from datetime import timedelta

    from cloud.importing import readings
    from cloud.metering.vee.policy import vee_policy

    settings = settings_of(config)
    grace = timedelta(minutes=vee_policy(settings.policies_dir).grace_min)
    with records_of(config) as records:
        show = partial(progress, label="readings")
        count = readings(file, records.database, records.store, show, settings.station.zone, grace)
    say({"readings": count}, f"{count} readings", as_json)
