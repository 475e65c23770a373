"""`wattpost cloud tariff …`: the tariffs there are, a document judged, and what a use costs, line by line."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.verbs import STYLE, Json, say, talk
from cloud.verbs.intervals import Labels, Units
from cloud.verbs.tariff_curve import curve_of, parts_of

if TYPE_CHECKING:
    from cloud.tariffs.bill import Bill
    from cloud.tariffs.documents import Plan, Tariff
    from cloud.tariffs.usage import Part

Option = typer.Option
Own = Annotated[
    Path | None, Option("--policies", help="The station's own policies; its tariffs/*.toml come before ours.")
]
tariff = typer.Typer(**STYLE, help="Tariffs: dated documents, and what a use costs under them.")


@tariff.command("list", epilog="Example: wattpost cloud tariff list")
def listed(policies: Own = None, as_json: Json = False) -> None:
    """The tariffs there are, with their plans and the days they hold."""
    from cloud.tariffs.catalogue import read

    catalogue = read(_tariffs(policies))
    found = [_about(each) for name in catalogue.ids for each in catalogue.documents(name)]
    rows = [(f"{each['from']} to {each['to'] or '…'}", ", ".join(each["plans"]), each) for each in found]
    lines = [f"{each['id']:<20} {held:<25} {each['name']} ({plans})" for held, plans, each in rows]
    say({"tariffs": found}, "\n".join(lines), as_json)


@tariff.command("check", epilog="Example: wattpost cloud tariff check policies/tariffs/own.toml")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A tariff document, TOML.")],
    as_json: Json = False,
) -> None:
    """Judge a document: bands that leave a gap, steps that do not rise, months without a price …"""
    from cloud.tariffs.catalogue import from_file, remarks

    judged = from_file(file).tariff
    said = remarks(judged)
    for each in said:
        talk(f"{file}: note: {each}")
    say(_about(judged) | {"remarks": said}, f"{file}: {judged.id} is sound", as_json)


@tariff.command("price", epilog="Example: wattpost cloud tariff price zhejiang-household --kwh 3000")
def price(
    name: Annotated[str, typer.Argument(metavar="TARIFF", help="As `tariff list` names it.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A load curve, as `cloud analyse` takes it.")
    ] = None,
    kwh: Annotated[
        str | None, Option("--kwh", help="What was used, as 3000 or 812.5; plans by hours want a FILE.")
    ] = None,
    first: Annotated[
        str | None,
        Option("--from", help="The first local day; else the steps' whole month or year, or the file's."),
    ] = None,
    last: Annotated[str | None, Option("--to", help="The last local day, itself included.")] = None,
    plan: Annotated[str | None, Option(help="Which plan; else the document's first.")] = None,
    before: Annotated[str, Option("--before", help="kWh that the steps' cycle had before.")] = "0",
    persons: Annotated[int | None, Option(min=1, max=50, help="Of the household; some have more.")] = None,
    moved_in: Annotated[str | None, Option(help="The day, where it lies within the steps' year.")] = None,
    unit: Annotated[Units | None, Option(help="Of the file's values, where no heading says it.")] = None,
    labels: Annotated[Labels | None, Option("--labels", help="What a time is to its interval.")] = None,
    zone: Annotated[str, Option("--timezone", help="Whose days and hours.")] = "Asia/Shanghai",
    meter: Annotated[str | None, Option(help="Which of the file's meters.")] = None,
    weather: Annotated[
        Path | None, Option(help="Hourly temperatures, for plans with bands of their own on hot days.")
    ] = None,
    policies: Own = None,
    as_json: Json = False,
) -> None:
    """What a use costs, line by line: a sum of kWh spread over its days, or a load curve by its hours."""
    from cloud.kit.clock import SystemClock
    from cloud.kit.errors import Invalid
    from cloud.tariffs import price as pricing
    from cloud.tariffs.catalogue import read
    from cloud.tariffs.usage import Household, Usage, spread

    if (kwh is None) == (file is None):
        raise Invalid("give either --kwh or a FILE with a load curve")
    if file is not None and (first or last):
        raise Invalid("--from, --to: are for --kwh; a file is priced as it is")
    catalogue = read(_tariffs(policies))
    today = SystemClock().now().date()
    days = _day("--from", first), _day("--to", last)
    notes: list[str] = []
    if file is not None:
        curve = curve_of(file, unit, labels, zone, meter)
        document = catalogue.in_force(name, curve.grid.days[-1])
        chosen = plan or document.plans[0].id
        parts = parts_of(curve, _plan(document, chosen), policies, notes, weather)
    else:
        document = catalogue.in_force(name, days[0] or today)
        chosen = plan or document.plans[0].id
        if _plan(document, chosen).bands != {"flat"}:
            notes.append(
                f"plan {chosen} goes by hours, a sum has none: all of it counts as flat; give a FILE"
            )
        parts = spread(_number("--kwh", kwh or ""), *_span(document, *days, today))
    household = Household(_number("--before", before), persons, _day("--moved-in", moved_in))
    try:
        made = pricing.price(lambda day: catalogue.in_force(name, day), chosen, Usage(parts, household))
    except ValueError as error:
        raise Invalid("; ".join((str(error), *notes))) from None
    if document.two_part and not as_json:
        talk("note: energy alone: without basic charge (capacity or demand) and power-factor adjustment")
    _tell(document, chosen, parts, replace(made, remarks=(*notes, *made.remarks)), as_json)


def _plan(document: "Tariff", plan: str) -> "Plan":
    from cloud.kit.errors import Invalid

    try:
        return document.plan(plan)
    except ValueError as error:
        raise Invalid(str(error)) from None


def _tell(document: "Tariff", plan: str, parts: "tuple[Part, ...]", made: "Bill", as_json: bool) -> None:
    from cloud.tariffs.bill import as_json as machine
    from cloud.tariffs.bill import plain
    from cloud.tariffs.catalogue import remarks

    first, last = parts[0].first, parts[-1].last
    by = document.notice or document.source
    talk(f"{document.id}, {document.plan(plan).name.en}, {first} to {last}: {by}")
    for each in (*remarks(document), *made.remarks):
        talk(f"note: {each}")
    about = {"tariff": document.id, "plan": plan, "from": first.isoformat(), "to": last.isoformat()}
    rows = [
        f"{line.kind:<8} {line.what:<8} {plain(line.quantity):>14} {line.unit:<4} x {plain(line.price):>11}"
        f" = {line.amount:>12}"
        for line in made.lines
    ]
    say(about | dict(machine(made)), "\n".join([*rows, f"{'total':<46} = {made.total:>12.2f}"]), as_json)


def _span(document: "Tariff", begin: date | None, end: date | None, today: date) -> tuple[date, date]:
    """What was asked for, else the month or the year of the steps that today lies in."""
    from cloud.kit.errors import Invalid
    from cloud.tariffs.usage import month_end

    steps = document.steps
    whole_year = steps is not None and steps.cycle == "year"
    if begin is None:
        begin = (end or today).replace(day=1)
        if whole_year:
            begins = steps.begins_month if steps else 1
            begin = date(begin.year - (begin.month < begins), begins, 1)
    if end is None:
        end = date(begin.year + 1, begin.month, 1) if whole_year else month_end(begin)
        end = date.fromordinal(end.toordinal() - 1) if whole_year else end
    if end < begin:
        raise Invalid(f"--to: {end} is before {begin}")
    if (end - begin).days > 3660:
        raise Invalid(f"--from, --to: {begin} to {end} is more than ten years")
    return begin, end


def _number(option: str, text: str) -> Any:
    from decimal import Decimal, InvalidOperation

    from cloud.kit.errors import Invalid

    try:
        found = Decimal(text)
    except InvalidOperation:
        raise Invalid(f"{option}: {text!r} is no number like 812.5") from None
    if not found.is_finite() or not 0 <= found <= 10**9 or found != round(found, 6):
        raise Invalid(f"{option}: {text} is no use of energy in kWh")
    return found


def _day(option: str, text: str | None) -> date | None:
    from cloud.kit.errors import Invalid

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{option}: {text!r} is no day like 2026-06-01") from None


def _tariffs(policies: Path | None) -> Path | None:
    return None if policies is None else policies / "tariffs"


def _about(document: "Tariff") -> dict[str, Any]:
    return {
        "id": document.id,
        "name": document.name.zh_CN,
        "from": document.from_.isoformat(),
        "to": document.to.isoformat() if document.to else None,
        "notice": document.notice,
        "source": document.source,
        "certain": document.certain,
        "plans": [each.id for each in document.plans],
    }
