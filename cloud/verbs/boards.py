"""`wattpost cloud boards`: what Grafana's boards draw, written for days that were imported."""

from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, progress, records_of, say, settings_of


def boards(
    days: Annotated[int, typer.Option(min=1, max=3660, help="So many days back from now.")] = 30,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Write what Grafana's boards draw of past days, after an import; what comes in the service does."""
    from datetime import timedelta

    from cloud.kit.clock import SystemClock
    from cloud.kit.errors import Invalid
    from cloud.metering.boards import boards_of

    clock, zone = SystemClock(), settings_of(config).station.zone
    with records_of(config) as records, progress(days * 96, "quarter-hours") as done:
        job = boards_of(records.database, records.store, zone, clock)
        if job is None:
            raise Invalid('readings.kind is "sqlite": boards need an InfluxDB')
        count = job.write_since(clock.now() - timedelta(days=days), done)
    say({"quarters": count}, f"{count} quarter-hours", as_json)
