"""`wattpost edge`: run the gateway agent, check its settings, and hand the other verbs to their tools."""

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from edge import logs
from edge.logs import LogFormat

if TYPE_CHECKING:
    from edge.agent import Agent
    from edge.settings import Settings

log = logging.getLogger(__name__)
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The gateway agent: poll meters, keep every reading, publish.",
)
Config = Annotated[Path, typer.Option("--config", help="The settings file, gateway.toml.")]
TOOLS = {
    "plan": ("edge.tools.plan", "Compute whether a polling plan fits its lines."),
    "scan": ("edge.tools.scan", "Listen to a line, then find the meters on it; reads only."),
    "read": ("edge.tools.read", "Read one meter now."),
    "why": ("edge.tools.why", "Say why a meter is silent, with the bytes that say so."),
    "identify": ("edge.tools.identify", "Prove which meter serves which account: open one breaker."),
    "handover": ("edge.tools.handover", "Make the one page on which a gateway is handed over."),
    "orders": ("edge.tools.orders", "List what the cloud ordered here, who approved it and how it ended."),
    "model": ("edge.tools.model", "Check a meter model of your own."),
    "install": ("edge.tools.install", "Install the agent as a service of this machine."),
    "update": ("edge.tools.update", "Make, sign and take updates; the last one is taken back when it fails."),
}
"""Verbs that live in modules of their own, imported only when called: the help of all stays fast."""


@app.command(epilog="Example: wattpost edge run --config /etc/wattpost/gateway.toml")
def run(
    config: Config,
    accepted_log: Annotated[
        Path | None, typer.Option(help="Append one JSON line for each reading once it is on disk.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell every step.")] = False,
    log_format: Annotated[LogFormat, typer.Option("--log", help="Lines for people, or JSON.")] = "text",
    notify_socket: Annotated[str, typer.Option(envvar="NOTIFY_SOCKET", hidden=True)] = "",
    watchdog_usec: Annotated[int, typer.Option(envvar="WATCHDOG_USEC", hidden=True)] = 0,
) -> None:
    """Poll the meters and publish until SIGTERM; SIGUSR1 stops polling and goes on sending."""
    signals = _catch_signals()
    settings = _settings(config)
    logs.to_stderr(log_format, verbose=verbose)
    _warn(settings)
    from edge.agent import Agent
    from edge.clock import SystemClock
    from edge.outbox_file import OutboxRefused, StorageFault
    from edge.upkeep.service import ServiceManager
    from edge.upkeep.upkeep import Upkeep

    try:
        clock = SystemClock()
        upkeep = Upkeep(settings, clock, config, ServiceManager(notify_socket, watchdog_usec))
        agent = Agent(settings, clock, accepted_log=accepted_log, upkeep=upkeep)
    except (OutboxRefused, StorageFault) as error:
        _refuse([str(error)])
    except OSError as error:
        _refuse([f"{error.filename}: cannot be used ({error.strerror}); correct the path or its permissions"])
    threading.Thread(target=_obey, args=(signals, agent), name="signals", daemon=True).start()
    if not _work(agent):
        raise typer.Exit(1)


@app.command(epilog="Example: wattpost edge check --config gateway.toml")
def check(config: Config) -> None:
    """Read the settings and tell every mistake in them, one line each."""
    settings = _settings(config)
    logs.to_stderr("text", verbose=False)
    _warn(settings)
    size = f"{len(settings.lines)} lines, {len(settings.meters)} meters"
    print(f"{config}: good: gateway {settings.gateway}, {size}")


def _register(verb: str, module: str, text: str) -> None:
    """A verb whose options and help are its module's own `app`."""
    forward = app.command(
        verb,
        help=text,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    forward(_forwarder(verb, module))


def _forwarder(verb: str, module: str) -> Callable[[typer.Context], None]:
    def call(context: typer.Context) -> None:
        import_module(module).app(args=context.args, prog_name=f"wattpost edge {verb}")

    return call


for _verb, (_module, _text) in TOOLS.items():
    _register(_verb, _module, _text)


def _catch_signals() -> SimpleQueue[int]:
    """Before anything slow, or a SIGUSR1 of the first moment would kill. A handler does nothing but put:
    the locks of threading.Event might be held by the very thread that it interrupts."""
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda caught, _: signals.put(caught))
    return signals


def _obey(signals: SimpleQueue[int], agent: "Agent") -> None:
    while True:
        if signals.get() == signal.SIGUSR1:
            agent.ask_drain()
        else:
            agent.ask_stop()


def _work(agent: "Agent") -> bool:
    """Run the agent to its end. A thread that dies takes it along, and makes this False:
    whoever started the program starts it whole again."""
    failed = threading.Event()

    def end_with(failure: threading.ExceptHookArgs) -> None:
        name = failure.thread.name if failure.thread else "?"
        log.critical("thread %s failed", name, exc_info=failure.exc_value)
        failed.set()
        agent.ask_stop()

    threading.excepthook = end_with
    agent.run()
    return not failed.is_set()


def _settings(config: Path) -> "Settings":
    from edge import settings as gateway_settings
    from edge.settings import SettingsError

    try:
        return gateway_settings.load(config)
    except SettingsError as error:
        _refuse(error.mistakes)


def _refuse(lines: Iterable[str]) -> NoReturn:
    for line in lines:
        print(f"wattpost edge: {line}", file=sys.stderr)
    raise typer.Exit(1)


def _warn(settings: "Settings") -> None:
    from edge import settings as gateway_settings

    for line in gateway_settings.warnings(settings):
        log.warning(line)


def main() -> None:
    app(prog_name="wattpost edge")


if __name__ == "__main__":
    main()
