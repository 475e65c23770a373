"""`wattpost sim`: run a fleet of simulated meters, break it, make up a village, write its history."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

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


@contextmanager
def _mistakes_in_one_line() -> Iterator[None]:
    from firmware_sim.control import ControlError
    from firmware_sim.scenario import ScenarioError

    try:
        yield
    except (ScenarioError, ControlError) as error:
        print(f"wattpost sim: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command(epilog="Example: wattpost sim run firmware_sim/scenarios/one-line.toml")
def run(scenario: ScenarioFile, state_dir: StateDir = _STATE_DIR) -> None:
    """Run a scenario's meters until told to end.

    The first line on stdout is JSON and tells where everything listens; SIGTERM or Ctrl-C ends the run.
    """
    import asyncio

    from firmware_sim import scenario as scenarios
    from firmware_sim.clock import SystemClock
    from firmware_sim.service import serve

    with _mistakes_in_one_line():
        asyncio.run(serve(scenarios.load(scenario), SystemClock(), state_dir, _tell))


@app.command(epilog="Example: wattpost sim fault area-out A01")
def fault(
    kind: Annotated[str, typer.Argument(help="The kind of fault, or `list` for those that are active.")],
    target: Annotated[str, typer.Argument(help="What it befalls; the kinds are listed below.")] = "",
    clear: Annotated[bool, typer.Option("--clear", help="End the fault.")] = False,
    control: Annotated[str, typer.Option(help="HOST:PORT of the fleet; otherwise sim.json tells it.")] = "",
    token: Annotated[str, typer.Option(help="The fleet's token; otherwise sim.json tells it.")] = "",
    state_dir: StateDir = _STATE_DIR,
) -> None:
    """Give a running fleet a fault, or clear it.

    Prints as JSON when it took effect. Kinds: meter-dead METER, area-out AREA, phase-lost AREA:PHASE or
    METER:PHASE, line-cut LINE (the bus is cut, its port stays open), line-down LINE (its port refuses),
    line-noise LINE, gateway-dark GATEWAY.
    """
    from firmware_sim.control import ask, read_state

    with _mistakes_in_one_line():
        if not (control and token):
            stored_control, stored_token = read_state(state_dir)
            control, token = control or stored_control, token or stored_token
        _tell(ask(control, token, kind, target, clear))


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
) -> None:
    """Print what polling would have read.

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
    with typer.progressbar(
        instants, label="history", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as shown:
        for at_ms in shown:
            sys.stdout.buffer.write(histories.lines(meters.values(), at_ms))
    sys.stdout.buffer.flush()


def _tell(told: dict[str, object]) -> None:
    print(json.dumps(told, ensure_ascii=False), flush=True)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
