"""`wattpost demo`: a whole station on this machine, with simulated meters."""

import json
import re
import shutil
import signal
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cloud.demo.run import Demo

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
DURATION = re.compile(r"(\d+)\s*(s|m|h|)")
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
    keep: Annotated[Path | None, typer.Option(help="Keep the files in this new folder.")] = None,
) -> None:
    """Run a whole station on this machine: simulated meters, gateways, broker, cloud and pages."""
    from cloud.demo.prepare import Wishes
    from cloud.demo.programs import ProgramError
    from cloud.demo.run import Demo
    from cloud.demo.station import Place
    from cloud.kit.clock import SystemClock

    seconds = None if for_ is None else duration(for_)
    folder = keep or Path(tempfile.mkdtemp(prefix="wattpost-demo-"))
    if keep is not None:
        if keep.exists():
            raise typer.BadParameter(f"{keep} exists; name a new folder", param_hint="--keep")
        keep.mkdir(mode=0o700, parents=True)
    wishes = Wishes(areas=areas, meters=meters, seed=seed, days=days, port=port, quiet=as_json)
    run = Demo(Place(folder.resolve()), wishes, SystemClock(), _say)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        _play(run, seconds, ended, as_json=as_json)
    except ProgramError as error:
        _say(f"wattpost demo: {error}")
        raise typer.Exit(1) from None
    finally:
        run.stop()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _play(run: "Demo", seconds: float | None, ended: threading.Event, *, as_json: bool) -> None:
    run.prepare()
    run.start()
    _say(run.addresses())
    run.watch(None if seconds is None else seconds / 2, ended)
    if seconds is not None and not ended.is_set():
        run.fail_an_area()
        run.watch(seconds / 2, ended)
    run.drain()
    run.stop()
    result = run.outcome()
    if as_json:
        sys.stdout.write(json.dumps(asdict(result)) + "\n")
    else:
        counts = f"accepted {result.readings_accepted}, stored {result.readings_stored}"
        _say(f"{counts}, lost {result.lost}, counted twice {result.counted_twice}")
    if result.lost or result.counted_twice:
        raise typer.Exit(1)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> None:
    app()
