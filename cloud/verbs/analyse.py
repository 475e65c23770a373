"""`wattpost cloud analyse`: anybody's load curves, out of a file, into a report; no station, no database."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import Json, progress, say, talk
from cloud.verbs.intervals import Dates, Decimal, Labels, Repeated, Units, Values

Option = typer.Option
USUAL_ZONE = "Asia/Shanghai"
ELSEWHERE = "the report cannot be written there: say --out elsewhere.html"


class Only(StrEnum):
    INDICATORS = "indicators"
    PROFILE = "profile"
    FORECAST = "forecast"
    LOSS = "loss"


class Language(StrEnum):
    EN = "en"
    ZH_CN = "zh_CN"


def register(app: typer.Typer) -> None:
    app.command("analyse", epilog="Example: wattpost cloud analyse curves.csv --unit kWh --out report.html")(
        analyse
    )


def analyse(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="CSV (also .gz), XLSX or Parquet.")],
    out: Annotated[Path | None, Option(help="The report; else beside the file, as FILE.html.")] = None,
    unit: Annotated[Units | None, Option(help="Of the values, where no heading says it.")] = None,
    labels: Annotated[
        Labels | None, Option("--labels", "--label", help="What a time is to its interval.")
    ] = None,
    zone: Annotated[
        str | None, Option("--timezone", "--zone", help="Whose days and hours; such as Europe/Berlin.")
    ] = None,
    values: Annotated[Values | None, Option(help="Energy, mean power, or a register that counts up.")] = None,
    interval: Annotated[int | None, Option(help="Minutes the values have to be apart.")] = None,
    country: Annotated[str, Option(help="Whose working days and holidays, as ISO 3166 has it.")] = "CN",
    temperature: Annotated[
        Path | None, Option(help="Hourly temperatures of the place: a time and a value, °C or °F.")
    ] = None,
    meter: Annotated[
        str | None, Option(help="Which of many meters to look at closely; else all added.")
    ] = None,
    area_column: Annotated[
        str | None, Option(help="Which meter measures all others together: for the loss between them.")
    ] = None,
    only: Annotated[list[Only] | None, Option(help="These parts alone; may be given several times.")] = None,
    language: Annotated[Language, Option(help="Of the report.")] = Language.EN,
    policies: Annotated[Path | None, Option(help="A folder with a bands.toml of your own tariff.")] = None,
    dates: Annotated[Dates | None, Option(help="Whether the day or the month is first.")] = None,
    decimal: Annotated[Decimal | None, Option(help="What stands before the tenths.")] = None,
    repeated_hour: Annotated[
        Repeated | None, Option(help="The autumn hour that is there once: two hours summed, or one of two.")
    ] = None,
    encoding: Annotated[str | None, Option(help="Of the text, where it is neither UTF-8 nor GBK.")] = None,
    as_json: Json = False,
) -> None:
    """Analyse load curves out of files and write a report with charts; needs no station and no database."""
    from cloud.analysis.report.build import STEPS, Part, report
    from cloud.exchange import figures, headings, moments, said, walls
    from cloud.exchange.matrix import matrix, stem
    from cloud.exchange.to_report import Beside, given, understood
    from cloud.kit.errors import Invalid

    told = said.Said(
        zone=said.zone_of(zone or USUAL_ZONE),
        zone_said=zone is not None,
        labels=walls.Meaning(labels.value) if labels else None,
        values=said.Values(values.value) if values else None,
        unit=headings.Unit(unit.value) if unit else None,
        dates=moments.Order(dates.value) if dates else None,
        decimal=figures.Mark(decimal.value) if decimal else None,
        repeated_hour=walls.Repeated(repeated_hour.value) if repeated_hour else None,
        negative=said.Negative.EXPORT,
        encoding=encoding,
    )
    if out is not None and len(files) > 1:
        raise Invalid("--out names one report: give one file, or leave it out")
    targets = [out or file.parent / f"{stem(file)}.html" for file in files]
    for file, target in zip(files, targets, strict=True):
        if targets.count(target) > 1:
            raise Invalid(
                f"{file}: another file would have the same report {target}: give each alone, with --out"
            )
        _writable(target)
    beside = Beside(country.upper(), policies, temperature, area_column, meter, interval, language.value)
    for file, target in zip(files, targets, strict=True):
        found = matrix(file, told, progress)
        about = given(file, found, beside)
        for line in understood(found):
            talk(line)
        with progress(STEPS, "report") as tick:
            made = report(about, language.value, [Part(each.value) for each in only or ()], meter, tick)
        try:
            target.write_text(made.html, encoding="utf-8")
        except OSError as error:
            raise Invalid(f"{target}: {error.strerror}: {ELSEWHERE}") from None
        say({"file": str(file), "report": str(target)} | made.figures, str(target), as_json)


def _writable(target: Path) -> None:
    """Told before anything is read: nobody waits for a report that has no place."""
    import os

    from cloud.kit.errors import Invalid

    where = target if target.exists() else target.parent
    why = (
        "it is a folder" if target.is_dir()
        else "there is no such folder" if not target.parent.is_dir()
        else "" if os.access(where, os.W_OK)
        else "no permission to write"
    )  # fmt: skip
    if why:
        raise Invalid(f"{target}: {why}: {ELSEWHERE}")
