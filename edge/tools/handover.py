"""`wattpost edge handover`: the one page on which a gateway is handed over, just measured."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

import typer

from edge import volume
from edge.clock import Clock, SystemClock
from edge.drivers import MeterTalk
from edge.links import LinkDown, NoReply
from edge.orders import asking
from edge.settings import LineSettings, MeterSettings, Settings
from edge.tools import chosen, screen
from edge.tools.checks import Check, Grade, of_clock, of_sequence, of_values
from edge.tools.handover_page import Handover, as_facts, html, text
from edge.tools.stored import Confirmation, confirm
from protocols.dlt645 import status
from protocols.errors import FrameError, Refused
from protocols.readings import Reading, Source, Value

VERB: Final = "handover"
SEQUENCE_WORD: Final = 7
T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(epilog="Example: wattpost edge handover --config gateway.toml --html handover.html")
def handover(
    config: chosen.Config,
    gap_s: Annotated[float, typer.Option("--gap", help="Seconds between the two readings.")] = 15.0,
    confirm_s: Annotated[float, typer.Option("--confirm", help="Seconds to wait for the cloud.")] = 60.0,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write the page to this file too, to print or keep.")
    ] = None,
    as_json: chosen.AsJson = False,
) -> None:
    """Read all meters twice, check wiring, clock and traffic, and see one reading stored by the cloud."""
    settings, clock = chosen.load(VERB, config), SystemClock()
    met = [Met(line, meter) for line in settings.lines for meter in line.meters]
    with ExitStack() as loans:
        for line in settings.lines:
            loans.enter_context(chosen.lent(VERB, settings, line.name))
        _read_twice(settings, clock, met, gap_s)
    screen.talk("waiting for the cloud to store one reading")
    readings = [each.reading for each in met if each.reading]
    stored = confirm(settings, clock, readings, confirm_s)
    page = _page(settings, clock, met, stored)
    if html_file:
        _write(html_file, html(page))
    if as_json:
        screen.show_json(as_facts(page))
    else:
        screen.show(text(page))
    if page.grade is Grade.FAIL:
        raise typer.Exit(1)


@dataclass(slots=True)
class Met:
    """One meter and what its two readings brought."""

    line: LineSettings
    meter: MeterSettings
    first: dict[str, Value] | None = None
    reading: Reading | None = None
    why: str = ""
    checks: list[Check] = field(default_factory=list)


def _read_twice(settings: Settings, clock: Clock, met: Sequence[Met], gap_s: float) -> None:
    bar, began_s = screen.Bar("read"), time.monotonic()
    drivers = {line.name: chosen.driver(line) for line in settings.lines}
    try:
        for at, each in enumerate(met):
            bar.tell(at, 2 * len(met))
            each.first = _tried(each, drivers[each.line.name].talk(each.meter).values)
        time.sleep(max(0.0, gap_s - (time.monotonic() - began_s)))
        for at, each in enumerate(met):
            bar.tell(len(met) + at, 2 * len(met))
            _second(settings, clock, each, drivers[each.line.name].talk(each.meter))
    finally:
        bar.end()
        for driver in drivers.values():
            driver.close()


def _second(settings: Settings, clock: Clock, each: Met, talk: MeterTalk) -> None:
    if each.first is None:
        each.checks = [Check("read", Grade.FAIL, each.why)]
        return
    values = _tried(each, talk.values)
    if values is None:
        each.checks = [Check("read", Grade.FAIL, f"once, then not again: {each.why}")]
        return
    each.reading = Reading(each.meter.id, clock.now_ms(), Source.POLLED, values)
    each.checks = [
        Check("read", Grade.OK, f"{len(values)} values, twice"),
        *of_values(talk.model, each.first, values),
        *_asked_besides(settings, clock, each, talk),
    ]


def _asked_besides(settings: Settings, clock: Clock, each: Met, talk: MeterTalk) -> list[Check]:
    """The clock, and the phase sequence as the meter itself sees it; what it does not tell stays unknown."""
    if talk.model.protocol != "dlt645-2007":
        return []
    zone = ZoneInfo(settings.memory.timezone)
    offset_s = _tried(each, lambda: asking.clock_offset_s(talk, clock, zone))
    checks = [Check("clock", Grade.UNKNOWN, each.why) if offset_s is None else of_clock(offset_s)]
    if talk.model.phases == 1:
        return checks
    word = _tried(each, lambda: int.from_bytes(talk.ask(status.di(SEQUENCE_WORD))[:2], "little"))
    told = Check("sequence", Grade.UNKNOWN, each.why) if word is None else None
    return [*checks, told or of_sequence(status.status_names(SEQUENCE_WORD, word or 0))]


def _tried(each: Met, ask: Callable[[], T]) -> T | None:
    """The answer, or None with `why` told."""
    try:
        return ask()
    except (NoReply, FrameError, Refused, LinkDown) as failure:
        each.why = str(failure)
        return None


def _page(settings: Settings, clock: Clock, met: Sequence[Met], stored: Confirmation) -> Handover:
    latest = {each.meter.id: each.reading.values for each in met if each.reading}
    return Handover(
        gateway=settings.gateway,
        at=clock.now().astimezone(),
        clock=str(clock.state()),
        meters=[(each.line.name, each.meter, each.checks) for each in met],
        month=volume.month(settings, latest, volume.usual_health(settings, clock.now_ms())),
        cap_bytes=settings.sim_card.bytes_per_month if settings.sim_card else None,
        interval_s=settings.interval_s,
        stored=stored,
    )


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        screen.refuse(VERB, [f"{file}: cannot be written ({error.strerror}); name another file"])
