"""`wattpost cloud load`: what the load analysis says of past days, reckoned from the archive now."""

from datetime import date
from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, progress, records_of, say, settings_of, talk


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: wattpost cloud load --from 2025-01-01 --to 2025-12-31")(load)


def load(
    first: Annotated[str, typer.Option("--from", help="The first day, like 2025-01-01.")],
    last: Annotated[str, typer.Option("--to", help="The last day, included.")],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Reckon the load indicators of past days from the archive; what is done already is left as it is."""
    from time import perf_counter

    from cloud.insight.engine import Lost, engine_of
    from cloud.insight.parts import Station, indicators_of
    from cloud.insight.tasks import named
    from cloud.kit.clock import SystemClock

    start, end = _days(first, last)
    settings = settings_of(config)
    engine = engine_of(settings.analysis)
    with records_of(config) as records:
        where, zone = settings.archive.folder, settings.station.zone
        station = Station(records.database, where, zone, settings.policies_dir, SystemClock(), engine)
        work = indicators_of(station)
        began, due = perf_counter(), len(work.due(start, end))
        try:
            with progress(due, "area-months") as more:
                made = work.backfill(start, end, more)
        except Lost as lost:
            for each in lost.failed:
                talk(f"{named(each.task)}: {each.why}")
            raise
        seconds = perf_counter() - began
    data = {"area_months": made.areas, "point_days": made.point_days, "seconds": round(seconds, 3)}
    say(data, f"{made.areas} area-months, {made.point_days} days of points in {seconds:.1f} s", as_json)


def _days(first: str, last: str) -> tuple[date, date]:
    from cloud.kit.errors import Invalid

    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise Invalid(f"--from {first} --to {last}: write days like 2026-06-01") from None
    if end < start:
        raise Invalid(f"--to {last} is before --from {first}")
    return start, end
