"""`wattpost edge scan`: listens to a line first, then finds the meters on it and compares them with the list.

It only reads, and says nothing at all beside another master unless told to.
"""

import re
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from edge.links import Link, LinkDown, SerialLink, link_of
from edge.settings import LineSettings, MeterSettings
from edge.tools import chosen, screen
from edge.tools.asking import overhear
from edge.tools.expected import expected, own_speed
from edge.tools.hearing import Traffic
from edge.tools.scan_report import Result, show, tables
from edge.tools.scanning import Expected, Scanning, Speed, Wish

VERB: Final = "scan"
SPEED: Final = re.compile(r"(\d{3,6})(?:-?8?([EONeon])1?)?")
PARITIES: Final = {"E": "even", "O": "odd", "N": "none"}
DEFAULT_WAIT_S: Final = 0.8

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(epilog="Example: wattpost edge scan --config gateway.toml --line north --speeds 2400E,9600N")
def scan(
    config: Annotated[
        Path | None, typer.Option(help="The settings file; its line is the expected list.")
    ] = None,
    line_name: Annotated[str | None, typer.Option("--line", help="Which line of the settings.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Without settings: a device, or host:port of a serial server.")
    ] = None,
    baud: Annotated[int, typer.Option(help="Without settings: speed of the line.")] = 2400,
    parity: Annotated[str, typer.Option(help="Without settings: even, odd or none.")] = "even",
    listen_s: Annotated[float, typer.Option("--listen", help="Seconds to listen first.")] = 60.0,
    wait_s: Annotated[
        float | None, typer.Option("--wait", help="Seconds an answer may take to begin.")
    ] = None,
    speeds: Annotated[
        str, typer.Option(help="Serial devices: further speeds to try, as 2400E,4800E,9600N.")
    ] = "",
    expect: Annotated[
        Path | None, typer.Option(help="CSV of the expected meters: id, address (or unit), model.")
    ] = None,
    units: Annotated[bool, typer.Option("--modbus", help="Also ask the Modbus RTU units 1 to 247.")] = False,
    tree: Annotated[
        bool, typer.Option("--tree/--no-tree", help="Search all addresses, not only the expected ones.")
    ] = True,
    beside_master: Annotated[
        bool, typer.Option("--beside-master", help="Transmit although another master asks here.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option(help="Write what was found as [[line.meter]] tables to this new file.")
    ] = None,
    as_json: chosen.AsJson = False,
) -> None:
    """Listen to a line, then find the meters on it; reads only."""
    if (config is None) == (endpoint is None):
        raise typer.BadParameter("give either --config or --endpoint", param_hint="--config")
    settings = chosen.load(VERB, config) if config else None
    line = chosen.line(VERB, settings, line_name) if settings else _bare_line(str(endpoint), baud, parity)
    if line.kind == "modbus-tcp":
        screen.refuse(VERB, [f"line {line.name}: is a network device, not a bus; there is nothing to search"])
    if write and write.exists():
        screen.refuse(VERB, [f"{write}: is there already; name a new file"])
    wish = _wish(line, expected(VERB, line, settings, expect), _speeds(line, speeds), wait_s, tree, units)
    with chosen.lent(VERB, settings, line.name):
        result = _work(line, wish, listen_s, beside_master)
    show(line, wish, result, as_json=as_json)
    if write and not result.refused:
        write.write_text(tables(result.meters), encoding="utf-8")
        screen.talk(f"written: {write}; check the models before you paste them")
    if result.refused:
        screen.refuse(VERB, [result.refused])


def _work(line: LineSettings, wish: Wish, listen_s: float, beside_master: bool) -> Result:
    _forewarn(wish, listen_s)
    traffic = _listen(line, listen_s)
    if traffic.masters and not beside_master:
        refused = (
            f"line {line.name}: another master asks here ({traffic.masters[0].told()}); nothing was sent. "
            "Stop it, or give --beside-master and accept disturbed answers on both sides"
        )
        return Result(traffic, refused)
    bar = screen.Bar("scan")
    scanning = Scanning(wish, lambda speed: _link(line, speed), lambda _, done, of: bar.tell(done, of))
    began_s = time.monotonic()
    try:
        rows = scanning.run()
    except LinkDown as down:
        screen.refuse(VERB, [f"line {line.name}: {down}; check the cable, the port and who else holds it"])
    finally:
        bar.end()
    return Result(traffic, "", rows, scanning.asked, round(time.monotonic() - began_s, 1))


def _forewarn(wish: Wish, listen_s: float) -> None:
    least_s, usual_s, round_s = wish.seconds()
    more = f"; {round_s:.0f} s more for each two last digits that several meters share" if round_s else ""
    screen.talk(
        f"listening {listen_s:.0f} s, then {least_s:.0f} to {usual_s:.0f} s of questions{more} "
        f"(an answer may take {wish.wait_s:g} s; speeds {', '.join(map(str, wish.speeds))})"
    )


def _listen(line: LineSettings, seconds: float) -> Traffic:
    bar = screen.Bar("listen")
    with chosen.opened(VERB, line) as link:
        try:
            return overhear(link, seconds, lambda share: bar.tell(share, 1))
        except LinkDown as down:
            screen.refuse(VERB, [f"line {line.name}: {down}; check the cable and the port"])
        finally:
            bar.end()


def _link(line: LineSettings, speed: Speed) -> Link:
    return link_of(line) if line.is_network else SerialLink(line.endpoint, speed.baud, speed.parity)


# -- what is wanted ----------------------------------------------------------------------------------------


def _bare_line(endpoint: str, baud: int, parity: str) -> LineSettings:
    """A line as settings would have it, without any meter."""
    if parity not in ("even", "odd", "none"):
        raise typer.BadParameter(f"{parity!r} is no parity; write even, odd or none", param_hint="--parity")
    kind = "serial" if endpoint.startswith("/") else "tcp"
    stand_in = MeterSettings(id="stand-in", model="dlt645-2007-1p", address="000000000001")
    try:
        line = LineSettings.model_validate(
            {"name": endpoint, "kind": kind, "endpoint": endpoint, "baud": baud, "parity": parity,
             "timeout_s": DEFAULT_WAIT_S, "meter": [stand_in.model_dump()]}
        )  # fmt: skip
    except ValueError:
        raise typer.BadParameter(
            f"{endpoint!r} at {baud} is no line; write a device as /dev/ttyS1 or host:port",
            param_hint="--endpoint",
        ) from None
    return line.model_copy(update={"meters": ()})


def _speeds(line: LineSettings, told: str) -> tuple[Speed, ...]:
    own = Speed(line.baud, line.parity)
    if told and line.is_network:
        raise typer.BadParameter(
            "a serial server has one speed, set in itself; only a device can try others",
            param_hint="--speeds",
        )
    more = [_speed(word.strip(), line.parity) for word in told.split(",") if word.strip()]
    by_meter = [] if line.is_network else [speed for each in line.meters if (speed := own_speed(line, each))]
    return tuple(dict.fromkeys((own, *by_meter, *more)))


def _speed(word: str, parity: str) -> Speed:
    match = SPEED.fullmatch(word)
    if match is None or not 300 <= int(match[1]) <= 115_200:
        raise typer.BadParameter(f"{word!r} is no speed; write one as 9600N or 2400E", param_hint="--speeds")
    return Speed(int(match[1]), PARITIES[match[2].upper()] if match[2] else parity)


def _wish(
    line: LineSettings,
    expected: tuple[Expected, ...],
    speeds: tuple[Speed, ...],
    wait_s: float | None,
    tree: bool,
    units: bool,
) -> Wish:
    dlt645 = line.kind != "modbus-rtu"
    return Wish(speeds, expected, wait_s or line.timeout_s, tree, units or not dlt645, dlt645)
