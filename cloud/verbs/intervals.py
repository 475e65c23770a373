"""`wattpost cloud import intervals`: load curves of others, understood before anything is written."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, progress, records_of, say, settings_of, talk


class Labels(StrEnum):
    BEGIN = "begin"
    END = "end"


class Units(StrEnum):
    WH = "Wh"
    KWH = "kWh"
    MWH = "MWh"
    W = "W"
    KW = "kW"
    MW = "MW"


class Values(StrEnum):
    ENERGY = "energy"
    POWER = "power"
    REGISTER = "register"


class Dates(StrEnum):
    DMY = "dmy"
    MDY = "mdy"


class Decimal(StrEnum):
    POINT = "point"
    COMMA = "comma"


class Repeated(StrEnum):
    SUMMED = "summed"
    ONCE = "once"


class Side(StrEnum):
    PRIMARY = "primary"
    SECONDARY = "secondary"


class Negative(StrEnum):
    EXPORT = "export"


Option = typer.Option


def register(imports: typer.Typer) -> None:
    imports.command(
        "intervals", epilog="Example: wattpost cloud import intervals curves.csv --labels end --dry-run"
    )(import_intervals)


def import_intervals(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX or Parquet; wide or long.")],
    dry_run: Annotated[bool, Option("--dry-run", help="Say what is understood, write nothing.")] = False,
    meter: Annotated[str | None, Option(help="Whose it is, where the file does not say.")] = None,
    labels: Annotated[Labels | None, Option(help="What a time is to its interval.")] = None,
    unit: Annotated[Units | None, Option(help="Of the values.")] = None,
    values: Annotated[Values | None, Option(help="Energy, mean power, or a register that counts up.")] = None,
    zone: Annotated[str | None, Option(help="Of the file's clock; else the station's.")] = None,
    dates: Annotated[Dates | None, Option(help="Whether the day or the month is first.")] = None,
    decimal: Annotated[Decimal | None, Option(help="What stands before the tenths.")] = None,
    repeated_hour: Annotated[
        Repeated | None, Option(help="The autumn hour that is there once: two hours summed, or one of two.")
    ] = None,
    negative: Annotated[Negative | None, Option(help="What values below zero are.")] = None,
    side: Annotated[Side | None, Option(help="Whether ratios are in the values (primary).")] = None,
    encoding: Annotated[str | None, Option(help="Of the text, where it is neither UTF-8 nor GBK.")] = None,
    skip_unknown: Annotated[bool, Option("--skip-unknown", help="Leave out what is no meter here.")] = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Bring in energies, powers or registers by interval from a file; the same file twice counts once."""
    from datetime import timedelta

    from cloud.exchange import figures, headings, intake, moments, reporting, said, walls
    from cloud.exchange.gather import Origin
    from cloud.kit.clock import SystemClock
    from cloud.metering.imported import Imported
    from cloud.metering.vee.policy import vee_policy

    station = settings_of(config).station
    told = said.Said(
        zone=said.zone_of(zone) if zone else station.zone,
        zone_said=zone is not None,
        meter=meter,
        labels=walls.Meaning(labels.value) if labels else None,
        values=said.Values(values.value) if values else None,
        unit=headings.Unit(unit.value) if unit else None,
        dates=moments.Order(dates.value) if dates else None,
        decimal=figures.Mark(decimal.value) if decimal else None,
        repeated_hour=walls.Repeated(repeated_hour.value) if repeated_hour else None,
        negative=said.Negative(negative.value) if negative else None,
        side=said.Side(side.value) if side else None,
        encoding=encoding,
        skip_unknown=skip_unknown,
    )
    with records_of(config) as records:
        origin = Origin(records.database, records.store)
        if dry_run:
            found, digest = intake.read(origin, file, told)
            with records.database.read() as connection:
                plan = intake.plan(connection, found, digest, SystemClock().now())
            say(reporting.as_dict(plan), reporting.as_text(plan), as_json)
            if plan.unknown and not skip_unknown:
                talk("as it is it would be refused: not every name is a meter here, see --skip-unknown")
            return
        grace = timedelta(minutes=vee_policy(settings_of(config).policies_dir).grace_min)
        with Imported(records.database, station.zone, SystemClock(), grace) as came:
            done = intake.bring_in(
                origin, file, told, SystemClock(), lambda total: progress(total, "readings"), came=came.note
            )
    if done.again:
        talk(f"{file.name} is in since {done.report['imported_at']}: nothing was written")
    say(done.report | {"readings": done.readings, "again": done.again}, f"{done.readings} readings", as_json)
