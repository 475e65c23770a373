"""`wattpost doctor`: one line for each thing looked at, with what to do where it is not well."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.doctor.findings import Finding
    from edge.settings import Settings

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
USUAL = Path("/etc/wattpost/gateway.toml")
_MARKS = {"good": "ok  ", "warn": "look", "bad": "BAD "}


@app.command(epilog="Example: wattpost doctor --config /etc/wattpost/gateway.toml")
def doctor(
    config: Annotated[Path, typer.Option(help="The settings file, gateway.toml.")] = USUAL,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for machines.")] = False,
) -> None:
    """Look at settings, disk, clock, ports, broker, certificate and service; change nothing, ask no meter."""
    from edge import settings as gateway_settings
    from edge.settings import SettingsError

    try:
        settings = gateway_settings.load(config)
    except SettingsError as error:
        for mistake in error.mistakes:
            sys.stderr.write(f"wattpost doctor: {mistake}\n")
        raise typer.Exit(1) from None
    findings = list(_shown(_findings(config, settings), quiet=as_json))
    states = [finding.state.value for finding in findings]
    if as_json:
        sys.stdout.write(json.dumps(_document(findings), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{states.count('bad')} bad, {states.count('warn')} to look at\n")
    raise typer.Exit(int("bad" in states))


def _findings(config: Path, settings: "Settings") -> "Iterator[Finding]":
    from edge.clock import SystemClock
    from edge.doctor import machine, network
    from edge.doctor.findings import good
    from edge.session import greet

    clock = SystemClock()
    yield good("settings", f"{config}: {len(settings.lines)} lines, {len(settings.meters)} meters")
    yield from machine.disk(settings)
    yield from machine.time(clock)
    yield from machine.secrets(settings)
    yield from machine.permissions(settings)
    yield from network.lines(settings)
    yield from network.broker(settings, clock, greet)
    yield from machine.service()


def _shown(findings: "Iterable[Finding]", *, quiet: bool) -> "Iterator[Finding]":
    """Each at once: a broker that does not answer takes its time."""
    for each in findings:
        if not quiet:
            sys.stdout.write(f"{_MARKS[each.state]} {each.about}: {each.seen}\n")
            if each.todo:
                sys.stdout.write(f"       -> {each.todo}\n")
            sys.stdout.flush()
        yield each


def _document(findings: "Iterable[Finding]") -> dict[str, object]:
    rows = [
        {"about": each.about, "state": each.state.value, "seen": each.seen, "todo": each.todo}
        for each in findings
    ]
    return {"good": not any(row["state"] == "bad" for row in rows), "findings": rows}


def main() -> None:
    app(prog_name="wattpost doctor")


if __name__ == "__main__":
    main()
