"""`wattpost edge`: run the gateway agent, or check its settings first."""

import logging
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edge import settings as gateway_settings
from edge.clock import SystemClock
from edge.settings import Settings, SettingsError

log = logging.getLogger(__name__)
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The gateway agent: poll meters, keep every reading, publish.",
)
Config = Annotated[Path, typer.Option("--config", help="The settings file, gateway.toml.")]


@app.command(epilog="Example: wattpost edge run --config /etc/wattpost/gateway.toml")
def run(
    config: Config,
    accepted_log: Annotated[
        Path | None, typer.Option(help="Append one JSON line for each reading once it is on disk.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell every step.")] = False,
) -> None:
    """Poll the meters and publish until SIGTERM; SIGUSR1 stops polling and goes on sending."""
    settings = _settings(config)
    _log_to_stderr(verbose=verbose)
    _warn(settings)
    from edge.agent import Agent
    from edge.outbox_file import OutboxRefused, StorageFault

    try:
        agent = Agent(settings, SystemClock(), accepted_log=accepted_log)
    except (OutboxRefused, StorageFault, OSError) as error:
        _refuse([str(error)])
    signal.signal(signal.SIGTERM, lambda *_: agent.ask_stop())
    signal.signal(signal.SIGINT, lambda *_: agent.ask_stop())
    signal.signal(signal.SIGUSR1, lambda *_: agent.ask_drain())
    broken: list[str] = []

    def end_with(failure: threading.ExceptHookArgs) -> None:
        """A thread that dies takes the program along: whoever started it starts it whole again."""
        broken.append(failure.thread.name if failure.thread else "?")
        log.critical("thread %s failed", broken[-1], exc_info=failure.exc_value)
        agent.ask_stop()

    threading.excepthook = end_with
    agent.run()
    if broken:
        raise typer.Exit(1)


@app.command(epilog="Example: wattpost edge check --config gateway.toml")
def check(config: Config) -> None:
    """Read the settings and tell every mistake in them, one line each."""
    settings = _settings(config)
    _log_to_stderr(verbose=False)
    _warn(settings)
    size = f"{len(settings.lines)} lines, {len(settings.meters)} meters"
    print(f"{config}: good: gateway {settings.gateway}, {size}")


def _settings(config: Path) -> Settings:
    try:
        return gateway_settings.load(config)
    except SettingsError as error:
        _refuse(error.mistakes)


def _refuse(lines: Iterable[str]) -> NoReturn:
    for line in lines:
        print(f"wattpost edge: {line}", file=sys.stderr)
    raise typer.Exit(1)


def _warn(settings: Settings) -> None:
    for line in gateway_settings.warnings(settings):
        log.warning(line)


def _log_to_stderr(*, verbose: bool) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )


def main() -> None:
    app(prog_name="wattpost edge")


if __name__ == "__main__":
    main()
