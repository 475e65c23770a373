"""`wattpost cloud init | run | ingest | migrate`."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, records_of, say, settings_of, talk


def register(app: typer.Typer) -> None:
    for verb, example in (
        (init, "wattpost cloud init station --name 示例供电所"),
        (run, "wattpost cloud run --config station/cloud.toml"),
        (ingest, "wattpost cloud ingest --config station/cloud.toml"),
        (migrate, "wattpost cloud migrate --config station/cloud.toml"),
    ):
        app.command(epilog=f"Example: {example}")(verb)


def init(
    folder: Annotated[Path, typer.Argument(help="Where cloud.toml and the data folder go.")] = Path(),
    name: Annotated[str, typer.Option(help="The station's name.")] = "示例供电所",
    timezone: Annotated[str, typer.Option(help="The station's time zone.")] = "Asia/Shanghai",
) -> None:
    """Write a commented cloud.toml and make the data folder."""
    from cloud.settings import write_first

    path = write_first(folder, name, timezone)
    talk(f"wrote {path}; next: wattpost cloud user add NAME --role operator -c {path}")


def run(config: Config = CONFIG, as_json: Json = False) -> None:
    """Serve until told to stop: take readings in, watch, alert, answer."""
    from cloud.serve import serve

    _log_on_stderr()
    settings = settings_of(config)

    def ready(url: str) -> None:
        say({"ready": True, "url": url}, f"ready on {url}", as_json)
        sys.stdout.flush()

    serve(settings, ready)


def ingest(config: Config = CONFIG, as_json: Json = False) -> None:
    """Take readings in beside `run`, as often as wanted; needs PostgreSQL, InfluxDB and a broker of yours."""
    from cloud.serve import take_in

    _log_on_stderr()
    settings = settings_of(config)

    def ready() -> None:
        say({"ready": True}, "ready: takes readings in", as_json)
        sys.stdout.flush()

    take_in(settings, ready)


def _log_on_stderr() -> None:
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)


def migrate(config: Config = CONFIG) -> None:
    """Bring the databases to what this version needs; `run` does it by itself."""
    with records_of(config):
        talk("the databases are up to date")
