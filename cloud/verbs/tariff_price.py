"""`wattpost cloud tariff price`: what a use costs, line by line, with the formula of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloud.verbs import Json, say, talk
from cloud.verbs.intervals import Labels, Units
from cloud.verbs.supply_options import By, Months, Told, fed_in, months_of, number, refuse_useless, supplies
from cloud.verbs.tariff_bill import Priced, table
from cloud.verbs.tariff_curve import Curve, curve_of, demand_of, parts_of
from cloud.verbs.words import Language, Tongue, words_of

if TYPE_CHECKING:
    from cloud.tariffs.catalogue import Catalogue
    from cloud.tariffs.documents import Plan, Tariff
    from cloud.tariffs.usage import Part, Usage

Option = typer.Option
Own = Annotated[
    Path | None, Option("--policies", help="The station's own policies; its tariffs/*.toml come before ours.")
]
EXAMPLES = """Examples:

wattpost cloud tariff price zhejiang-household --kwh 3000

wattpost cloud tariff price guangzhou-household july.csv --plan tou --labels begin

wattpost cloud tariff price hubei-industry --from 2026-01-01 --kwh sharp=12000 --kwh peak=30000
--kwh flat=40000 --kwh valley=38000 --capacity 800 --demand 520 --standard 0.90 --power-factor 0.93
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Days and energies as the command line has them, and what there is to know of them."""

    document: "Tariff"
    plan: str
    parts: "tuple[Part, ...]"
    months: Months
    notes: list[str]


def price(
    name: Annotated[str, typer.Argument(metavar="TARIFF", help="As `tariff list` names it.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A load curve, as `cloud analyse` takes it.")
    ] = None,
    kwh: Annotated[
        list[str] | None,
        Option("--kwh", help="What was used, as 3000; or of each band by itself, as peak=812.5."),
    ] = None,
    first: Annotated[
        str | None,
        Option("--from", help="The first local day; else the steps' whole month or year, or the file's."),
    ] = None,
    last: Annotated[str | None, Option("--to", help="The last local day, itself included.")] = None,
    plan: Annotated[
        str | None, Option(help="Which plan, as single-part, by hours; else the document's first.")
    ] = None,
    before: Annotated[
        str | None, Option("--before", help="kWh that the steps' cycle had before; else none.")
    ] = None,
    persons: Annotated[int | None, Option(min=1, max=50, help="Of the household; some have more.")] = None,
    moved_in: Annotated[str | None, Option(help="The day, where it lies within the steps' year.")] = None,
    voltage: Annotated[
        str | None, Option(help="As 10 kV: refused where the document is for another.")
    ] = None,
    capacity: Annotated[
        str | None, Option(help="Basic charge: kVA of transformers and motors in service.")
    ] = None,
    demand: Annotated[
        list[str] | None,
        Option(help="The month's highest demand, kW; of several months as 2026-01=480. Else out of FILE."),
    ] = None,
    contracted: Annotated[str | None, Option(help="The contracted demand, kW.")] = None,
    basis: Annotated[
        By | None,
        Option(help="Of the basic charge; else by the contract, demand or capacity that was given."),
    ] = None,
    share: Annotated[
        str | None, Option(help="The part of the month in which the capacity was in service, as 0.5.")
    ] = None,
    standard: Annotated[
        str | None, Option(help="Power factor the customer is held to: 0.90, 0.85 or 0.80.")
    ] = None,
    reactive: Annotated[
        list[str] | None,
        Option(help="The month's reactive energy, kvarh, both directions added; or 2026-01=5200."),
    ] = None,
    cos: Annotated[
        str | None, Option("--power-factor", help="In place of --reactive: the month's cos φ, as 0.93.")
    ] = None,
    surplus: Annotated[
        list[str] | None, Option(help="kWh of own PV fed in within the month; or 2026-01=300.")
    ] = None,
    unit: Annotated[Units | None, Option(help="Of the file's values, where no heading says it.")] = None,
    labels: Annotated[Labels | None, Option("--labels", help="What a time is to its interval.")] = None,
    zone: Annotated[str, Option("--timezone", help="Whose days and hours.")] = "Asia/Shanghai",
    meter: Annotated[str | None, Option(help="Which of the file's meters.")] = None,
    weather: Annotated[
        Path | None, Option(help="Hourly temperatures, for plans with bands of their own on hot days.")
    ] = None,
    policies: Own = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """What a use costs, line by line: a sum of kWh spread over its days, or a load curve by its hours."""
    from cloud.kit.errors import Invalid
    from cloud.tariffs.catalogue import read
    from cloud.tariffs.usage import Household, Usage

    if (not kwh) == (file is None):
        raise Invalid("give either --kwh or a FILE with a load curve")
    if file is not None and (first or last):
        raise Invalid("--from, --to: are for --kwh; a file is priced as it is")
    told = Told(
        basis, capacity, tuple(demand or ()), contracted, share, tuple(reactive or ()), cos, standard,
        tuple(surplus or ()), voltage, before, persons, moved_in,
    )  # fmt: skip
    catalogue = read(tariffs_in(policies))
    if file is not None:
        curve = curve_of(file, unit, labels, zone, meter)
        asked = _of_curve(catalogue, name, plan, curve, policies, weather, told)
    else:
        asked = _of_sum(catalogue, name, plan, kwh or [], (_day("--from", first), _day("--to", last)), told)
    used_before = number("--before", before or "0", "use of energy in kWh")
    household = Household(used_before, persons, _day("--moved-in", moved_in))
    usage = Usage(asked.parts, household, supplies(told, asked.months), fed_in(told, asked.months))
    _tell(_priced(catalogue, name, asked, usage), asked, told, language, as_json)


def _of_curve(
    catalogue: "Catalogue",
    name: str,
    plan: str | None,
    curve: Curve,
    policies: Path | None,
    weather: Path | None,
    told: Told,
) -> Asked:
    document = catalogue.in_force(name, curve.grid.days[-1])
    its = _plan(document, plan or document.plans[0].id)
    refuse_useless(told, document, its)
    notes: list[str] = []
    parts = parts_of(curve, its, policies, notes, weather)
    months = months_of(parts)
    if told.basic and not told.demand and (told.contracted or told.basis == By.DEMAND):
        months.measured = demand_of(curve, notes)
    return Asked(document, its.id, parts, months, notes)


def _of_sum(
    catalogue: "Catalogue",
    name: str,
    plan: str | None,
    kwh: Sequence[str],
    days: tuple[date | None, date | None],
    told: Told,
) -> Asked:
    from cloud.kit.clock import SystemClock
    from cloud.tariffs.usage import spread

    today = SystemClock().now().date()
    document = catalogue.in_force(name, days[0] or today)
    its = _plan(document, plan or document.plans[0].id)
    refuse_useless(told, document, its)
    notes: list[str] = []
    bands = _bands(kwh, its)
    if bands.keys() == {"flat"} and its.bands != {"flat"} and "=" not in kwh[0]:
        notes.append(
            f"plan {its.id} goes by hours, a sum has none: all of it counts as flat; give a FILE, or each "
            f"band by itself, as --kwh {min(its.bands)}=100"
        )
    parts = spread(bands, *_span(document, *days, today))
    return Asked(document, its.id, parts, months_of(parts), notes)


def _bands(given: Sequence[str], plan: "Plan") -> dict[str, Decimal]:
    """kWh by band; a number alone is flat."""
    from cloud.kit.errors import Invalid
    from protocols import spelling

    found: dict[str, Decimal] = {}
    for each in given:
        band, sign, text = each.rpartition("=")
        if not sign and len(given) > 1:
            raise Invalid(f"--kwh: {each}: of several each needs its band, as --kwh peak={each}")
        if sign and band not in plan.bands:
            known = sorted(plan.bands)
            raise Invalid(
                f"--kwh: plan {plan.id} has no band {band!r}; {spelling.hint(band, known)}"
                f"it has {', '.join(known)}"
            )
        if band in found:
            raise Invalid(f"--kwh: {band} is there twice")
        found[band or "flat"] = number("--kwh", text, "number like 812.5, no use of energy in kWh")
    return found


def _priced(catalogue: "Catalogue", name: str, asked: Asked, usage: "Usage") -> Priced:
    from cloud.kit.errors import Invalid
    from cloud.tariffs import price as pricing

    try:
        made = pricing.price(lambda day: catalogue.in_force(name, day), asked.plan, usage)
    except ValueError as error:
        raise Invalid("; ".join((str(error), *asked.notes))) from None
    documents = {part.first: catalogue.in_force(name, part.first) for part in asked.parts}
    return Priced(documents, asked.plan, usage, replace(made, remarks=(*asked.notes, *made.remarks)))


def _tell(of: Priced, asked: Asked, told: Told, language: Tongue | None, as_json: bool) -> None:
    from cloud.tariffs.bill import as_json as machine
    from cloud.tariffs.catalogue import remarks
    from cloud.web import tariff_words

    document, words = asked.document, words_of(language)
    first, last = asked.parts[0].first, asked.parts[-1].last
    plan = tariff_words.name(document.plan(asked.plan).name, words)
    by = document.notice or document.source
    talk(f"{tariff_words.name(document.name, words)} · {plan} ({document.id}, {asked.plan})")
    talk(f"{first} – {last} · {by}")
    for each in (*remarks(document), *of.bill.remarks):
        talk(f"note: {each}")
    if document.two_part and not told.basic and not as_json:
        talk("note: without the basic charge: say --capacity, and --demand or --contracted")
    if document.class_ != "household" and not told.factor and not as_json:
        talk("note: without the power-factor adjustment: say --standard and --reactive or --power-factor")
    about = {"tariff": document.id, "plan": asked.plan, "from": first.isoformat(), "to": last.isoformat()}
    say(
        about | dict(machine(of.bill)),
        table(of, words) if of.bill.lines else words.text("Total") + " 0.00",
        as_json,
    )


def _plan(document: "Tariff", plan: str) -> "Plan":
    from cloud.kit.errors import Invalid

    try:
        return document.plan(plan)
    except ValueError as error:
        raise Invalid(str(error)) from None


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


def _day(option: str, text: str | None) -> date | None:
    from cloud.kit.errors import Invalid

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{option}: {text!r} is no day like 2026-06-01") from None


def tariffs_in(policies: Path | None) -> Path | None:
    return None if policies is None else policies / "tariffs"
