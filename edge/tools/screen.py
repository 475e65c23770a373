"""How the tools show things: data on stdout; talk and progress on stderr, only on a terminal."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn
from unicodedata import east_asian_width

import typer

from protocols.readings import Value

BAR_WIDTH = 24


def talk(text: str) -> None:
    """For a person who watches; a script does not see it."""
    if sys.stderr.isatty():
        typer.echo(text, err=True)


def warn(verb: str, text: str) -> None:
    typer.echo(f"wattpost edge {verb}: {text}", err=True)


def refuse(verb: str, lines: Iterable[str]) -> NoReturn:
    for line in lines:
        warn(verb, line)
    raise typer.Exit(1)


def show(text: str) -> None:
    typer.echo(text)


def show_json(data: Any) -> None:
    typer.echo(json.dumps(data, ensure_ascii=False))


class Bar:
    """A progress bar that leaves no trace; nothing at all where there is no terminal."""

    def __init__(self, what: str) -> None:
        self._what, self._on, self._shown = what, sys.stderr.isatty(), ""

    def tell(self, done: float, of: float) -> None:
        if not self._on:
            return
        share = min(1.0, done / of) if of else 1.0
        full = round(share * BAR_WIDTH)
        line = f"{self._what} [{'#' * full}{'.' * (BAR_WIDTH - full)}] {share:4.0%}"
        if line != self._shown:
            sys.stderr.write(f"\r{line}")
            sys.stderr.flush()
        self._shown = line

    def end(self) -> None:
        if self._on and self._shown:
            sys.stderr.write("\r" + " " * len(self._shown) + "\r")
            sys.stderr.flush()
        self._shown = ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need to be; Chinese takes two places a character."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(_width(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def _width(text: str) -> int:
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def number(value: Value) -> str:
    """A value without digits that nobody measured."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}".rstrip("0").rstrip(".")
