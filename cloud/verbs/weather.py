"""`wattpost cloud import weather`: hourly temperatures, understood before anything is written."""

from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, records_of, say, settings_of, talk


def register(imports: typer.Typer) -> None:
    imports.command("weather", epilog="Example: wattpost cloud import weather temperature.csv")(
        import_weather
    )


def import_weather(
    file: Annotated[Path, typer.Argument(help="CSV or Parquet: a time and °C for each hour.")],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Bring in the hourly temperature of the station's place; the same file again changes nothing."""
    import hashlib

    from cloud.insight import weather, weather_file
    from cloud.kit.clock import SystemClock

    found = weather_file.read(file, settings_of(config).station.zone)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with records_of(config) as records, records.database.write() as connection:
        now = SystemClock().now()
        kept = weather.keep(connection, found.celsius, file=file.name, digest=digest, now=now)
    if found.empty:
        talk(f"{found.empty} rows have no temperature: these hours stay unknown")
    data = {"hours": kept.hours, "new": kept.new, "changed": kept.changed, "empty": found.empty}
    say(data, f"{kept.hours} hours: {kept.new} new, {kept.changed} changed", as_json)
