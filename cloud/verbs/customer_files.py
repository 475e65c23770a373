"""`wattpost cloud import customers` and `… bills`: who is served under what, and what was billed and paid."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.verbs import CONFIG, Config, Json, records_of, say, settings_of, talk

if TYPE_CHECKING:
    from cloud.customers.intake.kinds import Kind, Taking
    from cloud.fleet.imports import Report
    from cloud.settings import Settings

Table = Annotated[Path, typer.Argument(help="TOML or JSON of any kinds, or CSV or XLSX of one kind.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would change, change nothing.")]
System = Annotated[str, typer.Option(help="Whose file it is, where another system owns fields.")]


def register(imports: typer.Typer) -> None:
    imports.command("customers", epilog="Example: wattpost cloud import customers contracts.csv --dry-run")(
        import_customers
    )
    imports.command("bills", epilog="Example: wattpost cloud import bills bills.xlsx")(import_bills)


def import_customers(
    file: Table,
    config: Config = CONFIG,
    kind: Annotated[
        str, typer.Option(help="What the rows of a table are, where its columns do not say it.")
    ] = "",
    dry_run: DryRun = False,
    system: System = "",
    as_json: Json = False,
) -> None:
    """Bring in customers, accounts, contracts, grades, needs, consents, persons, bills; tell what changed."""
    from cloud.billing.bill_kind import BILL
    from cloud.customers.intake.all_kinds import CUSTOMER_KINDS

    _bring_in(file, config, (*CUSTOMER_KINDS, BILL), kind, system, as_json, dry_run=dry_run)


def import_bills(
    file: Annotated[Path, typer.Argument(help="CSV or XLSX: account, month, kwh, amount, due_on, paid_on.")],
    config: Config = CONFIG,
    dry_run: DryRun = False,
    system: System = "",
    as_json: Json = False,
) -> None:
    """Bring in bills and when they were paid; tell what changed."""
    from cloud.billing.bill_kind import BILL

    _bring_in(file, config, (BILL,), "bill", system, as_json, dry_run=dry_run)


def _bring_in(
    file: Path,
    config: Path,
    kinds: "tuple[Kind, ...]",
    named: str,
    system: str,
    as_json: bool,
    *,
    dry_run: bool,
) -> None:
    from cloud.customers.intake import files as customer_import
    from cloud.importing import document

    settings = settings_of(config)
    taking = _taking(settings, system)
    data: dict[str, Any] = {}
    rows = None if file.suffix.lower() in customer_import.TABLES else document(file)
    with records_of(config) as records:
        if rows is None:
            report = customer_import.from_table(
                records.database, file, taking, kinds, named=named, dry_run=dry_run
            )
        else:
            report = customer_import.from_document(
                records.database, file, rows, taking, kinds, dry_run=dry_run
            )
            data = {f"{each.name}s": len(rows.get(each.name, ())) for each in kinds}
    _tell(file, report, data, as_json, dry_run=dry_run)


def _taking(settings: "Settings", system: str) -> "Taking":
    from functools import cache

    from cloud.customers.file.contract_terms import contract_terms
    from cloud.customers.intake.kinds import Taking
    from cloud.fleet.owners import owners
    from cloud.kit.clock import SystemClock
    from cloud.tiers.parts import tariff_catalogue
    from cloud.tiers.withdrawing import nothing_rests_on_it

    folder = settings.policies_dir
    return Taking(
        "import",
        SystemClock().now(),
        settings.station.zone,
        cache(lambda: tariff_catalogue(folder)),
        cache(lambda: contract_terms(folder)),
        owners(folder, settings.station.mode),
        system,
        nothing_rests_on_it,
    )


def _tell(file: Path, report: "Report", data: dict[str, Any], as_json: bool, *, dry_run: bool) -> None:
    from cloud.customers.points.registry import lines
    from cloud.kit.errors import Conflict

    for line in lines(report):
        talk(line)
    counts = {name: count for name, count in report.counts().items() if count}
    text = ", ".join(f"{count} {name}" for name, count in {**data, **counts}.items() if count)
    say({**data, **report.document(), "dry_run": dry_run}, text or "nothing to do", as_json)
    if dry_run:
        talk("a dry run: nothing was changed")
    if report.refused:
        raise Conflict(f"{file}: refused, nothing was imported; each row is named above")
