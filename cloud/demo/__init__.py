"""`wattpost demo`: a whole station on this machine, with simulated meters."""

import json
import re
import shutil
import signal
import sys
import tempfile
import threading
from dataclasses import asdict
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloud.demo.outcome import Outcome
    from cloud.demo.prepare import Prepared, Wishes
    from cloud.demo.run import Demo
    from cloud.demo.station import Paces, Place
    from cloud.kit.clock import Clock

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Broker(StrEnum):
    AUTO = "auto"
    MOSQUITTO = "mosquitto"
    EMBEDDED = "embedded"


DURATION = re.compile(r"(\d+)\s*(s|m|h|)")
SETTLED = timedelta(hours=12)
"""So long after its end a day is closed whatever the policy: late readings may come for some hours."""
MONTHS, WITH_FOR = 3, 30
"""So many whole months, from which tiers and kinds of use are told; unattended nobody waits for them."""
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(text: str) -> float:
    """Seconds in a text such as 60s, 5m, 2h."""
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration; write it like 60s or 5m")
    return float(int(match[1]) * SECONDS[match[2]])


@app.command(epilog="Example: wattpost demo --for 60s --json")
def demo(
    for_: Annotated[
        str | None,
        typer.Option("--for", help="Run unattended for this long (60s, 5m), with one outage half-way."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="End with one line of JSON on stdout.")] = False,
    areas: Annotated[int, typer.Option(min=1, max=50, help="Areas (台区), each with a gateway.")] = 6,
    meters: Annotated[int, typer.Option(min=4, max=100, help="Meters in each area.")] = 10,
    days: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=400,
            help="Days of past readings; else three whole months, a year of one area; 30 with --for.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The village's seed.")] = 7,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the pages; another when it is taken.")
    ] = 8080,
    broker: Annotated[
        Broker,
        typer.Option(help="mosquitto, or the embedded one; auto takes mosquitto where it is installed."),
    ] = Broker.AUTO,
    keep: Annotated[Path | None, typer.Option(help="Keep the files in this new folder.")] = None,
) -> None:
    """Run a whole station on this machine: simulated meters, gateways, broker, cloud and pages."""
    seconds = None if for_ is None else duration(for_)
    folder = _folder(keep)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        from cloud.demo.prepare import Wishes

        past, year = (days, 0) if days is not None else (WITH_FOR, 0) if seconds else _back()
        wishes = Wishes(
            areas=areas,
            meters=meters,
            seed=seed,
            days=past,
            year=year,
            port=port,
            broker=broker.value,
            quiet=as_json,
        )
        result = _play(folder.resolve(), wishes, seconds, ended)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        sys.stdout.write(json.dumps(asdict(result)) + "\n")
    else:
        counts = f"accepted {result.readings_accepted}, stored {result.readings_stored}"
        _say(f"{counts}, lost {result.lost}, counted twice {result.counted_twice}")
    if result.lost or result.counted_twice:
        raise typer.Exit(1)


def _back() -> tuple[int, int]:
    """Days back to the first of so many whole months, one for the night's rim; and on to a whole year."""
    from cloud.kit.clock import SystemClock

    today = SystemClock().now().date()
    number = today.year * 12 + today.month - 1 - MONTHS
    days = (today - date(number // 12, number % 12 + 1, 1)).days + 1
    year = (today - today.replace(day=1).replace(year=today.year - 1)).days + 1
    return days, year - days


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="wattpost-demo-"))
    if keep.exists():
        raise typer.BadParameter(f"{keep} exists; name a new folder", param_hint="--keep")
    keep.mkdir(mode=0o700, parents=True)
    return keep


def _play(folder: Path, wishes: "Wishes", seconds: float | None, ended: threading.Event) -> "Outcome":
    from cloud.demo.programs import ProgramError
    from cloud.demo.run import Demo
    from cloud.demo.station import Paces, Place
    from cloud.kit.clock import SystemClock
    from cloud.kit.errors import CloudError

    clock, place, paces = SystemClock(), Place(folder), Paces()
    started_at = clock.now()
    try:
        prepared = _prepare(place, wishes, paces, clock, ended)
        if wishes.days and seconds is None:  # unattended there is nobody to look at pages
            _look_back(place, wishes, started_at, ended)
        demo = Demo(place, prepared, started_at, _say, paces)
        try:
            _run(demo, seconds, ended)
        finally:
            demo.stop()
        return demo.outcome()
    except (ProgramError, CloudError) as error:
        _say(f"wattpost demo: {error}")
        raise typer.Exit(1) from None


def _prepare(
    place: "Place", wishes: "Wishes", paces: "Paces", clock: "Clock", ended: threading.Event
) -> "Prepared":
    """Papers and a past. A Ctrl-C ends the helpers at work too: what they miss then is no fault of theirs."""
    from cloud.demo.prepare import fill, prepare
    from cloud.demo.programs import ProgramError

    try:
        _say("preparing a village: scenario, registry, customers, passwords")
        started_at = clock.now()
        prepared = prepare(place, wishes, paces, clock)
        if wishes.days and not ended.is_set():
            more = "; some minutes, with --days 7 fewer" if wishes.year else ""
            _say(f"filling in {wishes.days} days of past readings{more}")
            fill(place, wishes, started_at)
    except ProgramError:
        if not ended.is_set():
            raise
    if ended.is_set():
        raise ProgramError("ended before the station stood")
    return prepared


def _look_back(place: "Place", wishes: "Wishes", now: datetime, ended: threading.Event) -> None:
    from cloud.demo.past import Span, look_back
    from cloud.demo.programs import ProgramError
    from cloud.settings import load

    last = (now - SETTLED).astimezone(load(place.cloud_toml).station.zone).date() - timedelta(days=1)
    try:
        look_back(place, Span(last - timedelta(days=wishes.days - 1), last), wishes.year, now, _say)
    except ProgramError as error:  # the station runs without it
        if not ended.is_set():
            _say(str(error))
    if ended.is_set():
        raise ProgramError("ended before the station stood")


def _run(demo: "Demo", seconds: float | None, ended: threading.Event) -> None:
    _say("starting the broker, the simulator, the cloud and one gateway for each area")
    demo.start()
    _say(demo.addresses())
    demo.watch(None if seconds is None else seconds / 2, ended)
    if seconds is not None and not ended.is_set():
        demo.fail_an_area()
        demo.watch(seconds / 2, ended)
    _say("ending: polling stops, the gateways hand over what they hold")
    demo.drain()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> None:
    app()
