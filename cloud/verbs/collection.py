"""`wattpost cloud collection`: how completely meters were read on a day."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.verbs import CONFIG, Config, Json, records_of, say, settings_of

if TYPE_CHECKING:
    from cloud.metering.ledger.rates import Collected, Rate

WORST = 10


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: wattpost cloud collection --day 2026-11-22 --json")(collection)


def collection(
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="A local day, as 2026-11-22; else yesterday."),
    ] = None,
    recount: Annotated[bool, typer.Option(help="Look that day through in the store first.")] = False,
    worst: Annotated[int, typer.Option(min=0, max=500, help="So many areas, the worst first.")] = WORST,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Print the three collection rates of a day with their denominators, and the worst areas."""
    from datetime import timedelta

    from cloud.kit.clock import SystemClock
    from cloud.kit.days import local_day
    from cloud.metering.ledger import rates

    settings = settings_of(config)
    wanted = local_day(SystemClock().now(), settings.station.zone) - timedelta(days=1)
    wanted = wanted if day is None else day.date()
    with records_of(config) as records:
        if recount:
            _recount(settings, records, wanted)
        with records.database.read() as connection:
            whole = rates.rates(connection, wanted, wanted)
            areas = rates.rates(connection, wanted, wanted, rates.By.AREA)
            counted_at = rates.counted_at(connection, wanted)
    areas = sorted(areas, key=_badness)[:worst]
    told: dict[str, Any] = {
        "day": wanted.isoformat(),
        "counted_at": None if counted_at is None else counted_at.isoformat(),
        "station": _told(whole[0]) if whole else None,
        "areas": [_told(each) for each in areas],
    }
    say(told, "\n".join(_lines(wanted.isoformat(), whole, areas)), as_json)


def _recount(settings: Any, records: Any, day: Any) -> None:
    from cloud.alerts import spells
    from cloud.kit.clock import SystemClock
    from cloud.metering.ledger.count import DayCount, Station
    from cloud.metering.ledger.policy import collection_policy

    policy = collection_policy(settings.policies_dir)
    told = (spells.outages, spells.disturbances)
    station = Station(records.database, records.store, policy, settings.station.zone, *told)
    DayCount(station, day, SystemClock().now()).run(look=True)


def _badness(each: "Collected") -> tuple[float, str]:
    return (2.0 if each.curve.share is None else each.curve.share), each.key


def _told(each: "Collected") -> dict[str, Any]:
    rates = {"freeze": each.freeze, "curve": each.curve, "on_demand": each.on_demand}
    return {"key": each.key, "meters": each.meters, "silent": each.silent} | {
        name: {
            "share": rate.share,
            "received": rate.received,
            "expected": rate.expected,
            "late": rate.late,
            "pending": rate.pending,
            "excluded": dict(rate.excluded),
        }
        for name, rate in rates.items()
    }


def _lines(day: str, whole: "list[Collected]", areas: "list[Collected]") -> list[str]:
    if not whole:
        return [f"{day} was never counted: the service counts while it runs, or use --recount"]
    station = whole[0]
    return [
        f"{day}: {station.meters} meters in service, {station.silent} of them silent",
        f"  daily freeze    {_line(station.freeze)}",
        f"  curve           {_line(station.curve)}",
        f"  on demand       {_line(station.on_demand)}",
        *(f"  {each.key:<15} curve {_line(each.curve)}" for each in areas),
    ]


def _line(rate: "Rate") -> str:
    share = "–" if rate.share is None else f"{rate.share:.2%}"
    left_out = ", ".join(f"{count} {reason.value}" for reason, count in rate.excluded.items())
    return (
        f"{share:>8}  {rate.received} of {rate.expected}"
        + (f", {rate.late} late" if rate.late else "")
        + (f", {rate.pending} pending" if rate.pending else "")
        + (f"; left out: {left_out}" if left_out else "")
    )
