"""`wattpost cloud …`, verb by verb: data on stdout, talk on stderr, one line for each mistake.

Heavy imports happen inside the verb, so that `--help` answers at once.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from cloud.records import Records
    from cloud.settings import Settings

STYLE: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}
Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for machines.")]
CONFIG = Path("cloud.toml")


def talk(text: str) -> None:
    """To the person at the terminal: stderr."""
    print(text, file=sys.stderr)


def say(data: dict[str, Any], text: str, as_json: bool) -> None:
    """What was asked for: stdout, for a machine or for a person."""
    print(json.dumps(data, ensure_ascii=False) if as_json else text)


def tell_password(login: str, password: str | None, as_json: bool) -> None:
    if password is None:
        say({"login": login}, f"{login} may sign in", as_json)
        return
    talk("this password is shown once:")
    say({"login": login, "password": password}, password, as_json)


def settings_of(config: Path) -> "Settings":
    from cloud import settings

    return settings.load(config)


@contextmanager
def records_of(config: Path) -> Iterator["Records"]:
    """The station's data, for this command alone: while the service runs, this is refused."""
    from cloud.records import open_records

    records = open_records(settings_of(config))
    try:
        yield records
    finally:
        records.close()


@contextmanager
def progress(total: int, label: str) -> Iterator[Any]:
    """A bar on stderr, on a terminal only; what it gives is called with how much more was done."""
    with typer.progressbar(length=total, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update
