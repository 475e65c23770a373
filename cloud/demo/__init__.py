"""`wattpost demo`: a whole station on this machine, with simulated meters."""

import json
import re
import shutil
import signal
import sys
import tempfile
import threading
from dataclasses import asdict
from datetime import datetime, timedelta
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
    days: Annotated[int, typer.Option(min=0, max=400, help="Days of past readings to fill in.")] = 30,
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

        wishes = Wishes(
            areas=areas, meters=meters, seed=seed, days=days, port=port, broker=broker.value, quiet=as_json
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
            _look_back(place, wishes.days, started_at, ended)
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
            _say(f"filling in {wishes.days} days of past readings")
            fill(place, wishes, started_at)
    except ProgramError:
        if not ended.is_set():
            raise
    if ended.is_set():
        raise ProgramError("ended before the station stood")
    return prepared


def _look_back(place: "Place", days: int, now: datetime, ended: threading.Event) -> None:
    from cloud.demo.past import MOST_DAYS, look_back
    from cloud.demo.programs import ProgramError
    from cloud.settings import load

    _say(f"analysing the last {min(days, MOST_DAYS)} days for the load pages")
    zone = load(place.cloud_toml).station.zone
    last = (now - SETTLED).astimezone(zone).date() - timedelta(days=1)
    try:
        look_back(place, last, days)
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
