"""Which gateway, line and meter a tool works on; what is not there is told with what was probably meant."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from edge import settings as gateway_settings
from edge.drivers.mixed import LineDriver
from edge.links import Link, LinkDown, link_of
from edge.loans import LoanRefused, borrow
from edge.settings import LineSettings, MeterSettings, Settings, SettingsError
from edge.tools import screen
from protocols import models
from protocols.spelling import nearest

Config = Annotated[Path, typer.Option("--config", help="The settings file, gateway.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for programs.")]
DARK: Final = "Silent or 0 V is not de-energised: test for voltage before you touch anything."
DARK_ZH: Final = "无应答或显示 0 V 不等于已停电：作业前必须验电。"


def load(verb: str, config: Path) -> Settings:
    try:
        return gateway_settings.load(config)
    except SettingsError as error:
        screen.refuse(verb, error.mistakes)


def meter(verb: str, settings: Settings, name: str) -> tuple[LineSettings, MeterSettings]:
    """The meter of that id, or of that address."""
    found = [(on, each) for on in settings.lines for each in on.meters if name in (each.id, each.address)]
    if not found:
        meant = nearest(name, [each.id for each in settings.meters])
        hint = f"did you mean {meant!r}?" if meant else "see the meters in the settings file"
        screen.refuse(verb, [f"there is no meter {name!r}; {hint}"])
    return found[0]


def line(verb: str, settings: Settings, name: str | None) -> LineSettings:
    if name is None and len(settings.lines) == 1:
        return settings.lines[0]
    found = next((each for each in settings.lines if each.name == name), None)
    if found is None:
        names = ", ".join(each.name for each in settings.lines)
        said = f"there is no line {name!r}" if name else "there are several lines"
        screen.refuse(verb, [f"{said}; give --line with one of: {names}"])
    return found


@contextmanager
def lent(verb: str, settings: Settings | None, name: str) -> Iterator[None]:
    """The line taken over from a running agent for a while; without an agent there is nothing to borrow."""
    if settings is None:
        yield
        return
    with ExitStack() as loan:
        try:
            loan.enter_context(borrow(settings, name))
        except LoanRefused as refused:
            screen.refuse(verb, [str(refused)])
        yield


@contextmanager
def opened(verb: str, on: LineSettings) -> Iterator[Link]:
    """The line itself, open; a line that is down is told in one line."""
    link = link_of(on)
    try:
        link.open()
        yield link
    except LinkDown as down:
        screen.refuse(verb, [f"line {on.name}: {down}; check the cable, the port and who else holds it"])
    finally:
        link.close()


def driver(on: LineSettings, *meters: MeterSettings, link: Link | None = None) -> LineDriver:
    """What reads these meters of a line (all of them if none is named)."""
    known = {name: models.load(name) for name in {each.model for each in meters or on.meters}}
    return LineDriver(on, known, link=link)


def byte_s(on: LineSettings) -> float:
    """How long a byte is on the wire."""
    return (10 if on.parity == "none" else 11) / on.baud


def warn_of_silence() -> None:
    """On every screen that speaks of silent meters, also where no terminal is."""
    for text in (DARK, DARK_ZH):
        sys.stderr.write(f"{text}\n")
