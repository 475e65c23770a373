"""`wattpost frame`: says what a DL/T 645 frame is, to a technician in lines or to a program in JSON."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from protocols.dlt645.explain import explain, from_hex
from protocols.dlt645.identifiers import table
from protocols.dlt645.layout import lay_out
from protocols.errors import FrameError

EPILOG = (
    "Example: wattpost frame FE FE FE FE 68 11 11 11 11 11 11 68 91 06 33 34 34 35 67 56 5A 16"
    " -- tells that phase A of meter 111111111111 has 233.4 V."
)
app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(no_args_is_help=True, epilog=EPILOG)
def frame(
    hex_bytes: Annotated[
        list[str] | None,
        typer.Argument(metavar="HEX", help="The bytes; spaces, colons and 0x are fine.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
    jsonl: Annotated[
        bool,
        typer.Option("--jsonl", help="Read frames from stdin, one a line; print a JSON object for each."),
    ] = False,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Show passwords and the bytes they could be read from.")
    ] = False,
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="List the data identifiers we know, with source; no HEX.")
    ] = False,
) -> None:
    """Explain a DL/T 645 frame (2007 or 1997): its bytes, its value, or the first check it fails."""
    if [jsonl, identifiers, bool(hex_bytes)].count(True) != 1:
        raise typer.BadParameter("give one of HEX, --jsonl and --identifiers", param_hint="HEX")
    if identifiers:
        _list_identifiers(as_json)
    elif jsonl:
        _explain_lines(show_secrets)
    else:
        _explain_one(" ".join(hex_bytes or []), as_json, show_secrets)


def _explain_one(text: str, as_json: bool, show_secrets: bool) -> None:
    explained = explain(text, show_secrets)
    if as_json:
        print(_json(explained))
    elif explained.get("reason") == "not_hex":
        print(
            "wattpost frame: HEX is not bytes of two hex digits each; check what was pasted.", file=sys.stderr
        )
    else:
        print("\n".join(lay_out(_bytes(text), show_secrets)))
    if not explained["valid"]:
        raise typer.Exit(1)


def _list_identifiers(as_json: bool) -> None:
    rows = table()
    if as_json:
        print(_json([asdict(row) for row in rows]))
        return
    for row in rows:
        shape = " ".join(part for part in (row.kind, row.format, row.unit or "") if part)
        size = f"{row.size} bytes{' each' * row.block}" if row.size else "any length"
        told = [f"{row.version} {row.di}", row.name, shape, size, f"sign: {row.sign}", row.source, row.note]
        print("  ".join(part for part in told if part))


def _bytes(text: str) -> bytes:
    try:
        return from_hex(text)
    except FrameError:
        return b""


def _explain_lines(show_secrets: bool) -> None:
    for line in sys.stdin.buffer:
        print(_json(explain(line.decode("ascii", "replace"), show_secrets)), flush=True)


def _json(told: dict[str, Any] | list[dict[str, Any]]) -> str:
    return json.dumps(told, ensure_ascii=False)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
