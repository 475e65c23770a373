"""`wattpost edge why`: why a meter is silent, the likeliest first, with the bytes that say so."""

import dataclasses
from typing import Annotated, Final

import typer

from edge.health import read_supply
from edge.links import Link, SerialLink, link_of
from edge.settings import LineSettings
from edge.tools import chosen, screen
from edge.tools.diagnosis import Evidence, Finding, findings
from edge.tools.evidence import Inquiry
from edge.tools.scanning import Speed

VERB: Final = "why"

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(epilog="Example: wattpost edge why A01-003 --config gateway.toml")
def why(
    meter: Annotated[str, typer.Argument(metavar="METER", help="Its id or address.", show_default=False)],
    config: chosen.Config,
    listen_s: Annotated[float, typer.Option("--listen", help="Seconds to listen first.")] = 10.0,
    beside_master: Annotated[
        bool, typer.Option("--beside-master", help="Transmit although another master asks here.")
    ] = False,
    as_json: chosen.AsJson = False,
) -> None:
    """Say why a meter is silent, with the bytes that say so."""
    settings = chosen.load(VERB, config)
    line, one = chosen.meter(VERB, settings, meter)
    if line.kind == "modbus-tcp":
        screen.refuse(VERB, [f"line {line.name}: is a network device; try: wattpost edge read {one.id}"])
    inquiry = Inquiry(
        line,
        one,
        lambda speed: _link(line, speed),
        listen_s,
        beside_master,
        str(read_supply(settings.supply_file)),
        frozenset(each.address for each in line.meters if each.address),
        screen.talk,
    )
    with chosen.lent(VERB, settings, line.name):
        seen = inquiry.run()
    found = findings(seen)
    if as_json:
        screen.show_json(
            {
                "meter": one.id,
                "line": line.name,
                "speed": str(inquiry.speed),
                "asked": seen.asked,
                "answered": seen.answered,
                "findings": [dataclasses.asdict(each) for each in found],
                "warning": chosen.DARK,
            }
        )
        return
    where = f"{one.id} ({one.address or one.unit}) on {line.name}, {inquiry.speed}"
    screen.show("\n".join(lines(where, seen, found)))


def lines(where: str, seen: Evidence, found: list[Finding]) -> list[str]:
    """The page of a technician."""
    told = [f"{where}: {seen.asked} questions, {seen.answered} answers", ""]
    for number, each in enumerate(found, 1):
        told.append(f"{number}. {each.confidence:4.0%}  {each.code}: {each.says}")
        told.append(f"   do: {each.do}")
        told += [f"   bytes: {part}" for part in each.shown.split(" | ") if part]
    return [*told, "", chosen.DARK, chosen.DARK_ZH]


def _link(line: LineSettings, speed: Speed) -> Link:
    return link_of(line) if line.is_network else SerialLink(line.endpoint, speed.baud, speed.parity)
