"""`wattpost edge read`: one meter, now, all its values or one data identifier."""

import time
from typing import Annotated, Any, Final

import typer

from edge.clock import SystemClock
from edge.drivers import MeterTalk
from edge.links import LinkDown, NoReply
from edge.settings import LineSettings, MeterSettings
from edge.tools import chosen, screen
from protocols import models
from protocols.dlt645.explain import value_fields
from protocols.dlt645.identifiers import lookup, lookup_1997
from protocols.errors import FrameError, Refused
from protocols.quantities import QUANTITIES

VERB: Final = "read"
DI_LENGTH: Final = {"2007": 8, "1997": 4}

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(epilog="Example: wattpost edge read A01-003 --config gateway.toml")
def read(
    meter: Annotated[str, typer.Argument(metavar="METER", help="Its id or address.", show_default=False)],
    config: chosen.Config,
    di: Annotated[
        str | None, typer.Option("--di", help="Only this data identifier of DL/T 645, as 02010100.")
    ] = None,
    as_json: chosen.AsJson = False,
) -> None:
    """Read one meter now: all its values with their units."""
    settings = chosen.load(VERB, config)
    line, one = chosen.meter(VERB, settings, meter)
    if di is not None:
        di = _checked(one, di)
    at = SystemClock().now().astimezone().isoformat(timespec="seconds")
    began_s = time.monotonic()
    with chosen.lent(VERB, settings, line.name):
        values = _values(line, one, di)
    wanted = [] if di else [point.quantity for point in models.load(one.model).points]
    missing = [quantity for quantity in wanted if quantity not in values]
    head = {"meter": one.id, "line": line.name, "at": at, "took_s": round(time.monotonic() - began_s, 3)}
    if as_json:
        screen.show_json(head | {"values": values, "missing": missing})
    else:
        screen.show(f"{one.id} ({one.address or one.unit}) on {line.name}, {at}, in {head['took_s']} s")
        rows = ([name, _text(each["value"]), each["unit"] or ""] for name, each in values.items())
        screen.show(screen.table(("quantity", "value", "unit"), rows))
    if missing and not as_json:
        screen.warn(
            VERB, f"not answered: {', '.join(missing)}; ask again, or see: wattpost edge why {one.id}"
        )


def _values(line: LineSettings, one: MeterSettings, di: str | None) -> dict[str, dict[str, Any]]:
    driver = chosen.driver(line, one)
    try:
        driver.open()
        talk = driver.talk(one)
        return _item(talk, di) if di else _all(talk)
    except NoReply as silence:
        chosen.warn_of_silence()
        screen.refuse(VERB, [f"{silence}; to see why: wattpost edge why {one.id}"])
    except Refused as refused:
        screen.refuse(VERB, [f"meter {one.id}: {refused}; it is there, and does not have or give this"])
    except FrameError as error:
        screen.refuse(VERB, [f"meter {one.id}: no sound answer ({error}); see: wattpost edge why {one.id}"])
    except LinkDown as down:
        screen.refuse(VERB, [f"line {line.name}: {down}; check the cable, the port and who else holds it"])
    finally:
        driver.close()


def _all(talk: MeterTalk) -> dict[str, dict[str, Any]]:
    return {name: {"value": each, "unit": QUANTITIES[name].unit} for name, each in talk.values().items()}


def _item(talk: MeterTalk, di: str) -> dict[str, dict[str, Any]]:
    """One identifier, decoded where it is known, as hex (high byte first) where it is not."""
    data = talk.ask(di)
    item = (lookup if talk.model.version == "2007" else lookup_1997)(di)
    if item is None:
        return {di: {"value": data[::-1].hex().upper(), "unit": "hex"}}
    told = value_fields(item, data, ends_with_aa=talk.model.version == "1997")
    value = told.pop("value", None) if "value" in told else told.pop("values", data[::-1].hex().upper())
    return {item.name: {"value": value, "unit": told.pop("unit", item.unit), "di": di} | told}


def _checked(one: MeterSettings, di: str) -> str:
    model = models.load(one.model)
    wanted = DI_LENGTH.get(model.version)
    if wanted is None:
        screen.refuse(VERB, [f"meter {one.id}: speaks Modbus, which has no identifiers; leave --di out"])
    if len(di) != wanted or set(di.upper()) - set("0123456789ABCDEF"):
        raise typer.BadParameter(
            f"{di!r} is no identifier; write the {wanted} hex digits that DL/T 645-{model.version} has",
            param_hint="--di",
        )
    return di.upper()


def _text(value: Any) -> str:
    return screen.number(value) if isinstance(value, int | float) else str(value)
