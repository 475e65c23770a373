"""`wattpost cloud export`: readings as a file others can read."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud.exchange.formats import Content, Format
from cloud.verbs import CONFIG, Config, Json, records_of, say, settings_of, talk

DAY = ["%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    app.command(
        "export",
        epilog="Example: wattpost cloud export --account 10A --from 2026-01-01 --to 2026-01-31 -o jan.csv",
    )(export)


def export(
    first: Annotated[
        datetime, typer.Option("--from", formats=DAY, metavar="DAY", help="First local day, as 2026-01-01.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=DAY, metavar="DAY", help="Last local day, included.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    meter: Annotated[str | None, typer.Option(help="One meter.")] = None,
    point: Annotated[str | None, typer.Option(help="One metering point, whatever meters it had.")] = None,
    account: Annotated[str | None, typer.Option(help="One account, as long as each meter served it.")] = None,
    area: Annotated[str | None, typer.Option(help="One area.")] = None,
    format: Annotated[Format, typer.Option(help="The format.")] = Format.CSV,  # noqa: A002
    what: Annotated[
        Content | None, typer.Option(help="Energies of intervals, values of registers, or both.")
    ] = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Write readings of a meter, point, account or area to a file; what is missing stays empty."""
    import os
    import tempfile
    from dataclasses import asdict

    from cloud.exchange import choice, exporting
    from cloud.exchange.gather import Origin
    from cloud.kit.clock import SystemClock
    from cloud.kit.errors import Invalid
    from cloud.kit.scope import WHOLE_STATION

    target = choice.target(meter=meter, point=point, account=account, area=area)
    settings = settings_of(config)
    period = choice.period(first.date(), last.date(), settings.station.zone)
    asked = exporting.Asked(target, period, format, what, settings.station.name)
    if not out.parent.is_dir():
        raise Invalid(f"folder {out.parent} does not exist")
    with records_of(config) as records:
        origin = Origin(records.database, records.store)
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=out.name, delete=False) as file:
            try:
                done = exporting.export(origin, WHOLE_STATION, asked, SystemClock().now(), file.file)
            except BaseException:
                Path(file.name).unlink()
                raise
        os.replace(file.name, out)  # noqa: PTH105 - a whole file under its name, or none
    if not done.rows:
        talk("nothing was read in this period: the file holds no values")
    text = f"{out}: {done.rows} rows of {done.meters} meters at {done.points} points"
    say({"file": str(out), **asdict(done)}, text, as_json)
