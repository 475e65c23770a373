"""`wattpost edge model`: check a meter model of one's own, list those there are, show what one reads.

A model that its golden frames do not prove is never shown as good.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge.planner import LEAST_THINK_S
from edge.tools import screen
from protocols import models
from protocols.air_time import exchanges_of
from protocols.errors import ModelError
from protocols.models import MeterModel, Point

VERB: Final = "model"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Check a meter model of your own, list the models there are, show what one reads.",
)
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command(epilog="Example: wattpost edge model check my-meter.toml")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model file, .toml.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Read a model file, prove it by its golden frames, and tell what it reads or each mistake in it."""
    try:
        model = models.parse(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        _refuse([f"{file}: cannot be read ({error}); name a model file"], as_json)
    except ModelError as error:
        _refuse(error.mistakes, as_json)
    _tell(model, as_json)


@app.command("list", epilog="Example: wattpost edge model list")
def list_(as_json: AsJson = False) -> None:
    """List the models that come with the program."""
    known = [models.load(name) for name in models.names()]
    if as_json:
        screen.show_json([_head(model) for model in known])
        return
    rows = ([m.name, m.maker, m.protocol, str(m.phases), str(len(m.points)), _doubts(m)] for m in known)
    screen.show(screen.table(("model", "maker", "protocol", "phases", "quantities", "unverified"), rows))


@app.command(epilog="Example: wattpost edge model show siemens-pac")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of `list`.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show what a model of the program reads, and how."""
    try:
        model = models.load(name)
    except ModelError as error:
        _refuse(error.mistakes, as_json)
    _tell(model, as_json)


def _refuse(mistakes: Iterable[str], as_json: bool) -> None:
    mistakes = list(mistakes)
    if as_json:
        screen.show_json({"good": False, "mistakes": mistakes})
        raise typer.Exit(1)
    screen.refuse(VERB, mistakes)


def _tell(model: MeterModel, as_json: bool) -> None:
    if as_json:
        screen.show_json(_head(model) | {"quantities": [_fields(p) for p in model.points]} | _reading(model))
        return
    reading = _reading(model)
    screen.show(f"{model.name} ({model.maker}, {model.protocol}, phases: {model.phases})")
    rows = (_row(point) for point in model.points)
    screen.show(
        screen.table(
            ("quantity", "where", "type", "unit", "side", "shown by a source", "for bills up to"), rows
        )
    )
    if model.sunspec:
        bases, ids = (", ".join(map(str, each)) for each in (model.sunspec.bases, model.sunspec.ids))
        screen.show(f"addresses count from a SunSpec block {ids}, searched for at {bases}")
    serial = model.serial
    screen.show(
        f"one reading: {reading['requests']} requests, {reading['bytes']} bytes, "
        f"{reading['air_time_s']:.2f} s of the line at {serial.baud} baud, parity {serial.parity}"
    )
    screen.show(
        f"golden frames: {len(model.golden)}, all give the values they must "
        f"({_count(model, 'published')} published by others, {_count(model, 'constructed')} constructed)"
    )


def _head(model: MeterModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "maker": model.maker,
        "protocol": model.protocol,
        "phases": model.phases,
        "good": True,
        "unverified": [point.quantity for point in model.points if point.unverified],
        "golden": {origin: _count(model, origin) for origin in ("published", "constructed")},
        "sources": list(model.sources),
    }


def _fields(point: Point) -> dict[str, Any]:
    where = {"di": point.di} if point.di else {
        "fc": point.fc,
        "address": point.address,
        "type": point.type,
        "word_order": point.word_order,
        "scale": str(point.scale),
        "scale_register": point.scale_register,
    }  # fmt: skip
    return {
        "quantity": point.quantity,
        **where,
        "unit": point.unit,
        "side": point.side,
        "verified": not point.unverified,
        "billing_limit_wh": point.billing_limit_wh,
    }


def _row(point: Point) -> list[str]:
    where = point.di or f"FC{point.fc:02d} 0x{point.address:04X} ({point.address})"
    type_ = "BCD" if point.di else point.type + (", low word first" if point.word_order == "little" else "")
    limit = point.billing_limit_wh
    scale = "" if point.scale == 1 else f"{point.scale} "
    scale += "" if point.scale_register is None else f"10^[{point.scale_register}] "
    return [
        point.quantity,
        where,
        type_,
        scale + ("-" if point.unit == "1" else point.unit),
        point.side,
        "NO" if point.unverified else "yes",
        "" if limit is None else f"{limit // 1000:,} k{'varh' if 'varh' in point.quantity else 'Wh'}",
    ]


def _reading(model: MeterModel) -> dict[str, Any]:
    """The questions of one reading, and how long they hold the line at the meter's own serial setting."""
    serial, exchanges = model.serial, exchanges_of(model)
    byte_s = (9 + (serial.parity != "none") + serial.stop_bits) / serial.baud
    size = sum(each.size for each in exchanges)
    waits_s = len(exchanges) * (LEAST_THINK_S + model.pause_ms / 1000)
    return {
        "requests": len(exchanges),
        "largest_answer_bytes": max(each.answer for each in exchanges),
        "bytes": size,
        "air_time_s": round(size * byte_s + waits_s, 3),
        "asks": [each.what for each in exchanges],
    }


def _count(model: MeterModel, origin: str) -> int:
    return sum(golden.origin == origin for golden in model.golden)


def _doubts(model: MeterModel) -> str:
    return str(sum(point.unverified for point in model.points) or "")
