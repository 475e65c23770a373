"""`wattpost cloud import curtailment`: a government-approved list, understood before anything is written."""

from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, records_of, say, talk


def register(imports: typer.Typer) -> None:
    imports.command("curtailment", epilog="Example: wattpost cloud import curtailment list.csv --dry-run")(
        import_curtailment
    )


def import_curtailment(
    file: Annotated[
        Path, typer.Argument(help="CSV or XLSX: document, authority, days, accounts, kW, order.")
    ],
    config: Config = CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it holds, change nothing.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="In place of what that document said.")] = False,
    as_json: Json = False,
) -> None:
    """Bring in an approved curtailment list (有序用电); it is shown, and never acted on by itself."""
    from cloud.kit.clock import SystemClock
    from cloud.tiers.response import curtailment

    found = curtailment.read(file)
    with records_of(config) as records:
        if dry_run:
            with records.database.read() as connection:
                report = curtailment.judge(connection, found)
        else:
            with records.database.write() as connection:
                now = SystemClock().now()
                report = curtailment.keep(connection, found, "import", now, replace=replace)
    for account, against in sorted(report.contradictions.items()):
        who = " and ".join(sorted(each.value for each in against))
        talk(f"contradiction: account {account} is on the list and protected ({who}): take it up with them")
    if dry_run:
        talk("a dry run: nothing was changed")
    data = {
        "document_no": found.document_no, "authority": found.authority, "valid_from": found.first.isoformat(),
        "valid_to": found.last.isoformat(), "accounts": len(found.entries), "kw": str(found.kw),
        "new": report.new, "dry_run": dry_run,
        "contradictions": {no: sorted(each) for no, each in sorted(report.contradictions.items())},
    }  # fmt: skip
    known = "" if report.new else ", known already"
    what = f"{len(found.entries)} accounts, {found.kw} kW, {found.first} to {found.last}"
    said = f"{found.document_no}: {what}{known}"
    say(data, said, as_json)
