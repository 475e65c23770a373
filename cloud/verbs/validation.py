"""`wattpost cloud validate`: closed days validated now, of the whole station or of one area."""

from datetime import date, timedelta
from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, progress, records_of, say, settings_of


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: wattpost cloud validate --from 2026-06-01 --to 2026-06-30 --area A01")(
        validate
    )


def validate(
    first: Annotated[str, typer.Option("--from", help="The first local day, as 2026-06-01.")],
    last: Annotated[str, typer.Option("--to", help="The last local day, itself included.")],
    area: Annotated[
        str | None, typer.Option("--area", help="One area; without it the whole station.")
    ] = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Validate readings of closed days and estimate what is missing; what did not change is left as it is."""
    from dataclasses import asdict

    from cloud.alerts.darkness import surroundings
    from cloud.fleet import registry
    from cloud.kit.clock import SystemClock
    from cloud.metering.vee.job import Done, Validation
    from cloud.metering.vee.policy import vee_policy

    days = _days(first, last)
    settings = settings_of(config)
    policy = vee_policy(settings.policies_dir)
    with records_of(config) as records:
        with records.database.read() as connection:
            points = len(
                registry.meters(connection, area=registry.area(connection, area).id if area else None)
            )
        clock, zone = SystemClock(), settings.station.zone
        work = Validation(records.database, records.store, policy, zone, clock, surroundings())
        work.refuse_open(days[-1])
        done = Done()
        with progress(points * len(days), "points") as more:
            for day in days:
                done += work.day(day, None if area is None else [area], tell=more)
    text = f"{done.points} points, {done.written} days written, {done.opened} exceptions for a person"
    if done.let_go:
        text += f"; {done.let_go} days stay as they are: their raw readings are in the archive only"
    say(asdict(done), text, as_json)


def _days(first: str, last: str) -> list[date]:
    from cloud.kit.errors import Invalid

    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise Invalid(f"--from {first} --to {last}: write days like 2026-06-01") from None
    if end < start:
        raise Invalid(f"--to {last} is before --from {first}")
    return [start + timedelta(days=number) for number in range((end - start).days + 1)]
