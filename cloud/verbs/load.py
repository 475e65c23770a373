"""`wattpost cloud load`: what the load analysis says of past days, reckoned from the archive now."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, progress, records_of, say, settings_of, talk


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: wattpost cloud load --from 2025-01-01 --to 2025-12-31")(load)


def load(
    first: Annotated[str | None, typer.Option("--from", help="The first day, like 2025-01-01.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day, included.")] = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Reckon the load indicators of past days from the archive, or without days all that a night would do."""
    from time import perf_counter

    from cloud.insight.engine import Lost, engine_of
    from cloud.insight.parts import Station, indicators_of
    from cloud.insight.tasks import named
    from cloud.kit.clock import SystemClock

    if first is None and last is None:
        _night(config, as_json)
        return
    start, end = _days(first or last or "", last or first or "")
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


def _night(config: Path, as_json: bool) -> None:
    """All parts of the days that are due to them, as the service's own job does it."""
    from cloud.insight.engine import engine_of
    from cloud.insight.loss.actions import LineLoss
    from cloud.insight.loss.policy import loss_policy
    from cloud.insight.parts import Station, nightly_of
    from cloud.kit.clock import SystemClock

    settings, clock = settings_of(config), SystemClock()
    folder, zone, policies = settings.archive.folder, settings.station.zone, settings.policies_dir
    with records_of(config) as records:
        loss = LineLoss(records.database, folder, loss_policy(policies), zone, clock)
        engine = engine_of(settings.analysis)
        took = nightly_of(Station(records.database, folder, zone, policies, clock, engine), loss).run()
    seconds, of = sum(each.seconds for each in took), len({each.day for each in took})
    data = {"parts": len(took), "days": of, "seconds": round(seconds, 3)}
    say(data, f"{len(took)} parts of {of} days in {seconds:.1f} s", as_json)


def _days(first: str, last: str) -> tuple[date, date]:
    from cloud.kit.errors import Invalid

    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise Invalid(f"--from {first} --to {last}: write days like 2026-06-01") from None
    if end < start:
        raise Invalid(f"--to {last} is before --from {first}")
    return start, end
