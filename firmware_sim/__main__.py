"""`wattpost sim`: run a fleet of simulated meters, break it, make up a village, write its history."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from firmware_sim.transcript import Entry

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Simulated meters: DL/T 645 and Modbus, on TCP and serial lines, repeatable from a seed.",
)

StateDir = Annotated[
    Path, typer.Option(help="Where sim.json, links of serial lines and supply files are kept.")
]
ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO.toml", help="The scenario.")]
_STATE_DIR = Path("var/sim")
_KEPT, _KEPT_FOR_A_JUDGE = 1_000, 1_000_000


@contextmanager
def _mistakes_in_one_line() -> Iterator[None]:
    from firmware_sim.control import ControlError
    from firmware_sim.scenario import ScenarioError

    try:
        yield
    except (ScenarioError, ControlError) as error:
        print(f"wattpost sim: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command(epilog="Example: wattpost sim run firmware_sim/scenarios/one-line.toml --judge")
def run(
    scenario: ScenarioFile,
    state_dir: StateDir = _STATE_DIR,
    speed: Annotated[
        float, typer.Option(min=0, help="Simulated seconds a second; 0: as the scenario says.")
    ] = 0,
    judged: Annotated[
        bool, typer.Option("--judge", help="At the end, judge the master: table on stderr, JSON on stdout.")
    ] = False,
    transcript: Annotated[
        Path | None, typer.Option(help="Write who said what and when here at the end, JSON lines.")
    ] = None,
) -> None:
    """Run a scenario's meters until told to end.

    The first line on stdout is JSON and tells where everything listens; SIGTERM or Ctrl-C ends the run.
    """
    import asyncio

    from firmware_sim import scenario as scenarios
    from firmware_sim.clock import clock_of
    from firmware_sim.service import serve
    from firmware_sim.transcript import Transcript

    kept = Transcript(_KEPT_FOR_A_JUDGE if judged or transcript else _KEPT)
    with _mistakes_in_one_line():
        known = scenarios.load(scenario)
        asyncio.run(serve(known, clock_of(speed or known.speed), state_dir, _tell, kept))
        if transcript:
            transcript.write_text(kept.json_lines(), encoding="utf-8")
    if judged:
        _tell_verdict(kept, "master", as_json=True)


@app.command(epilog="Example: wattpost sim judge transcript.jsonl --json")
def judge(
    transcript: Annotated[Path, typer.Argument(metavar="TRANSCRIPT", help="From `sim run --transcript`.")],
    master: Annotated[
        str, typer.Option(help="Whom to judge: `master`, or a second master's name.")
    ] = "master",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, no table.")] = False,
) -> None:
    """Judge a master by a transcript: one verdict for each clause, with source and evidence."""
    from firmware_sim.transcript import from_json_lines

    try:
        entries = from_json_lines(transcript.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        print(
            f"wattpost sim: {transcript}: {error}; name a file that `sim run --transcript` wrote",
            file=sys.stderr,
        )
        raise typer.Exit(1) from None
    if not _tell_verdict(entries, master, as_json):
        raise typer.Exit(1)


@app.command(epilog="Example: wattpost sim record capture.hex > scenario.toml")
def record(
    capture: Annotated[Path, typer.Argument(metavar="CAPTURE.hex", help="A hex log of a real line.")],
) -> None:
    """Turn a capture of a real line into a scenario whose meters say again what was captured."""
    from firmware_sim.capture import CaptureError
    from firmware_sim.record import scenario_of

    try:
        text, unused = scenario_of(capture.read_text(encoding="utf-8"))
    except (CaptureError, OSError, UnicodeDecodeError) as error:
        print(f"wattpost sim: {capture}: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    for line in unused:
        print(f"wattpost sim: {capture}: {line}", file=sys.stderr)
    sys.stdout.write(text)


@app.command(epilog="Example: wattpost sim fault lost-reply A01-01 --nth 3")
def fault(
    kind: Annotated[
        str, typer.Argument(help="The kind; `list` for those that are active, `kinds` for all there are.")
    ],
    target: Annotated[str, typer.Argument(help="What it befalls; `kinds` tells.")] = "",
    clear: Annotated[bool, typer.Option("--clear", help="End the fault.")] = False,
    nth: Annotated[
        int | None, typer.Option(min=1, help="Of a fault of the wire: only that exchange of the target.")
    ] = None,
    times: Annotated[
        int | None, typer.Option(min=1, help="Of a fault of the wire: so often at most.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of a fault of the wire: its chance, from the seed.")
    ] = None,
    delay_s: Annotated[
        float | None, typer.Option(min=0, help="Of a fault of the wire: how late what is late comes.")
    ] = None,
    control: Annotated[str, typer.Option(help="HOST:PORT of the fleet; otherwise sim.json tells it.")] = "",
    token: Annotated[str, typer.Option(help="The fleet's token; otherwise sim.json tells it.")] = "",
    state_dir: StateDir = _STATE_DIR,
) -> None:
    """Give a running fleet a fault, or clear it.

    Prints as JSON when it took effect. `wattpost sim fault kinds` lists every kind and its target.
    """
    from firmware_sim.control import ask, read_state

    if kind == "kinds":
        _tell_kinds()
        return
    options = {"nth": nth, "times": times, "share": share, "delay_s": delay_s}
    with _mistakes_in_one_line():
        if not (control and token):
            stored_control, stored_token = read_state(state_dir)
            control, token = control or stored_control, token or stored_token
        _tell(ask(control, token, kind, target, clear, options))


@app.command(epilog="Example: wattpost sim village --areas 6 --meters 10 --seed 7 > village.toml")
def village(
    areas: Annotated[int, typer.Option(min=1, max=500, help="Transformer areas.")] = 6,
    meters: Annotated[int, typer.Option(min=2, max=200, help="Meters in each, with the area meter.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed makes the same village.")] = 7,
    broker: Annotated[str, typer.Option(help="HOST:PORT of a broker that gateways reach by a relay.")] = "",
) -> None:
    """Print the scenario of a made-up village."""
    from firmware_sim import village as villages

    sys.stdout.write(villages.village(areas, meters, seed, broker or None))


@app.command(epilog="Example: wattpost sim history village.toml --days 30 --end 2026-11-23T00:00:00+08:00")
def history(
    scenario: ScenarioFile,
    days: Annotated[float, typer.Option(min=0.01, help="How far back.")] = 30,
    interval: Annotated[int, typer.Option(min=1, help="Seconds between two readings of a meter.")] = 900,
    end: Annotated[str, typer.Option(help="ISO time with zone, not included; otherwise now.")] = "",
    only: Annotated[
        list[str] | None, typer.Option(help="A quantity, like energy_import_wh; several times; else all.")
    ] = None,
    area: Annotated[str, typer.Option(help="The meters of one area; else all.")] = "",
) -> None:
    """Print what polling would have read, and the daily freezes of meters that make them.

    One JSON line for each meter and instant; live polling goes on with the same counters.
    """
    from firmware_sim import fleet
    from firmware_sim import history as histories
    from firmware_sim import scenario as scenarios
    from firmware_sim.clock import SystemClock

    with _mistakes_in_one_line():
        known = scenarios.load(scenario)
        meters = fleet.build(known)
        end_ms = histories.instant_ms(end) if end else SystemClock().now_ms()
        instants = histories.instants_ms(known, end_ms, days, interval)
        wanted = histories.quantities(only or ())
        asked = histories.meters_of(known, area, meters) if area else list(meters.values())
    with typer.progressbar(
        instants, label="history", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as shown:
        for at_ms in shown:
            meters.life.catch_up(at_ms)
            sys.stdout.buffer.write(histories.lines(asked, at_ms, wanted))
            sys.stdout.buffer.write(histories.frozen(asked, at_ms, known.zone))
    sys.stdout.buffer.flush()


def _tell_kinds() -> None:
    """Every kind of fault on a line of its own: the kind, whom it befalls, what it does."""
    from firmware_sim.faults import KINDS
    from firmware_sim.wire_faults import WIRE_FAULTS

    for kind, says in KINDS.items():
        print(f"{kind:<26} {says}")
    for fault_ in WIRE_FAULTS.values():
        forms = "/".join(sorted(fault_.forms))
        print(f"{fault_.name:<26} METER or LINE: {fault_.says} ({forms})")


def _tell_verdict(entries: "Iterable[Entry]", master: str, as_json: bool) -> bool:
    """The table for people (on stderr beside JSON), the object for machines."""
    from firmware_sim.judge import judge as judge_of

    verdict = judge_of(entries, master)
    table_too = not as_json or sys.stderr.isatty()
    if table_too:
        print(verdict, file=sys.stderr if as_json else sys.stdout)
    if as_json:
        _tell(verdict.told())
    return bool(verdict)


def _tell(told: dict[str, object]) -> None:
    print(json.dumps(told, ensure_ascii=False), flush=True)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
