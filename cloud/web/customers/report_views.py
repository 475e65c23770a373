"""A monthly energy report turned into what its page shows: sentences, numbers with their units, a drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

from cloud.desk.report.pieces import (
    Billed,
    BillLine,
    Comparison,
    Estimate,
    Order,
    Outage,
    Report,
    Stood,
    TwoPart,
    Use,
)
from cloud.desk.report.store import Issued
from cloud.tiers.axes import Axis
from cloud.tiers.rating.policy import Words as Names
from cloud.tiers.rating.store import Standing
from cloud.web.customers import advice_words, promise_views, report_short, report_words, standing_words
from cloud.web.customers.advice_views import money
from cloud.web.customers.axis_names import value_of
from cloud.web.language import NONE, Words
from cloud.web.load.figures import over_days
from cloud.web.load.plot import Form, Plot, Series, plots
from cloud.web.names import ORDER_STATES
from cloud.workorders.rules import OrderState

BANDS = tuple(advice_words.BANDS)
AXES = (Axis.CLASS, Axis.VALUE, Axis.SHAPE, Axis.CREDIT, Axis.NEED, Axis.GRADE)
ONE_KWH = 1
POOR_COVERAGE, MUCH_ESTIMATED = 0.95, 0.10


@dataclass(frozen=True, slots=True)
class Tile:
    name: str
    value: str
    more: str


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` as text; the last one is a sum where `summed`."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    summed: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A heading with sentences; `sign` colours the heading's state."""

    title: str
    sentences: list[str]
    state: tuple[str, str] | None = None


def values(report: Report, issued: Issued | None, names: Mapping[str, Names], words: Words) -> dict[str, Any]:
    """All that `report/body.html` asks for beside whose it is."""
    return {
        "month": words.month(report.month),
        "account": report.account,
        "class_name": value_of("class", report.class_, words),
        "issued": None if issued is None else _issued(issued, words),
        "changes": [] if issued is None else [report_words.changed(each, words) for each in issued.changes],
        "tiles": _tiles(report, words),
        "short": report_short.sentences(report, words),
        "quality": _quality(report.use, words),
        "chart": _chart(report.use, words),
        "bands": _bands(report.use, words),
        "comparisons": [_comparison(each, words) for each in report.comparisons],
        "billed": _billed(report, words),
        "bills": _bills(report, words),
        "lines": _lines(report.estimate, words),
        "not_priced": _not_priced(report.estimate, words),
        "partial": report.estimate.partial,
        "difference": _difference(report, words),
        "two_part": None if report.two_part is None else _two_part(report.two_part, words),
        "standings": _standings(report, names, words),
        "promises": [_promise(report, each, words) for each in report.promises],
        "advice": [_advice(each, words) for each in report.advice],
        "outages": [_outage(each, words) for each in report.outages],
        "orders": [_order(each, words) for each in report.orders],
    }


def _issued(issued: Issued, words: Words) -> dict[str, str]:
    at = issued.issued_at.astimezone(words.zone)
    return {
        "at": f"{at:%Y-%m-%d %H:%M}",
        "revision": words.number(issued.revision),
        "rules": words.number(issued.rules),
        "inputs": issued.inputs,
    }


def _tiles(report: Report, words: Words) -> list[Tile]:
    use = report.use
    kwh = None if use.kwh is None else float(use.kwh)
    tiles = [Tile(words.text("Energy"), _unit(kwh, "kWh", words), _span(use, words))]
    bill, priced = report.billed, report.estimate.total
    if bill is not None:
        tiles.append(Tile(words.text("Bill"), _cny(float(bill.amount), words), _paid(bill, words)))
    elif priced is not None:
        note = words.text("no bill yet; priced here")
        tiles.append(Tile(words.text("Price"), _cny(float(priced), words), note))
    for each in report.comparisons:
        said = NONE if each.change is None else report_words.signed(each.change, words)
        when = words.text("%(month)s, by the day", month=words.month(each.month))
        tiles.append(Tile(words.text(report_words.AGAINST[each.against]), said, when))
    if use.highest_day is not None:
        day, kwh = words.day(use.highest_day), use.highest_kwh
        tiles.append(Tile(words.text("Highest day"), day, _unit(kwh, "kWh", words)))
    if use.peak_kw is not None and use.peak_at is not None:
        at = use.peak_at.astimezone(words.zone)
        when = f"{words.day(at.date())} {at:%H:%M}"
        more = when if use.peak_measured else words.text("%(when)s, estimated", when=when)
        peak = _unit(float(use.peak_kw), "kW", words)
        tiles.append(Tile(words.text("Highest quarter of an hour"), peak, more))
    return tiles


def _unit(value: float | None, unit: str, words: Words) -> str:
    if value is None:
        return NONE
    return f"{words.number(value, 0 if abs(value) >= 1000 else 1)} {unit}"


def _cny(value: float, words: Words) -> str:
    return words.text("%(amount)s CNY", amount=words.number(value, 2))


def _span(use: Use, words: Words) -> str:
    if use.whole:
        return words.text("the whole month")
    return words.text("%(first)s to %(last)s", first=words.day(use.first), last=words.day(use.last))


def _quality(use: Use, words: Words) -> tuple[str, str]:
    """What the numbers stand on."""
    if use.coverage is None:
        return "warn", words.text("Nothing is stored of this month: its numbers are not known.")
    known, guessed = words.number(100 * use.coverage, 1), words.number(100 * (use.estimated_share or 0), 1)
    said = words.text(
        "%(known)s %% of the month's intervals are known; %(guessed)s %% are estimated.",
        known=known,
        guessed=guessed,
    )
    poor = use.coverage < POOR_COVERAGE or (use.estimated_share or 0) > MUCH_ESTIMATED
    return ("warn" if poor else "none"), said


def _chart(use: Use, words: Words) -> tuple[list[Plot], str] | None:
    """The days as columns; of several bands each column is their sum, band upon band."""
    if all(each.kwh is None for each in use.days):
        return None
    days = [each.day for each in use.days]
    holes = sum(each.kwh is None or each.coverage < POOR_COVERAGE for each in use.days)
    said = words.text("Energy by day, kWh.")
    if holes:
        text = words.many("%(num)s day has holes.", "%(num)s days have holes.", holes)
        said = f"{said}{'' if words.language == 'zh_CN' else ' '}{text}"
    if not use.days_by_band:
        own = [each.kwh for each in use.days]
        one = Series(words.text("Energy"), own, "total", Form.COLUMN)
        return list(plots(over_days(days, [one], "kWh", words))), said
    present = [band for band in BANDS if any((each.kwh_by_band or {}).get(band) for each in use.days)]
    stacked: list[Series] = []
    shown: dict[str, list[float | None]] = {}
    for at in range(len(present), 0, -1):
        below, name = present[:at], words.text(advice_words.BANDS[present[at - 1]])
        sums = [_sum(each.kwh_by_band, below) for each in use.days]
        shown[name] = [_sum(each.kwh_by_band, present[at - 1 : at]) for each in use.days]
        stacked.append(Series(name, sums, present[at - 1], Form.COLUMN))
    sizes = plots(over_days(days, stacked, "kWh", words))
    told = [replace(each, drawn=tuple(_own(one, shown[one.name]) for one in each.drawn)) for each in sizes]
    return told, said


def _sum(bands: Mapping[str, float] | None, names: Sequence[str]) -> float | None:
    return None if bands is None else sum(bands.get(name, 0.0) for name in names)


def _own(drawn: Any, own: Sequence[float | None]) -> Any:
    """Columns reach up to the sum and tell their own band."""
    known = [value for value in own if value is not None]
    boxes = (replace(box, value=value) for box, value in zip(drawn.boxes, known, strict=True))
    return replace(drawn, boxes=tuple(boxes))


def _bands(use: Use, words: Words) -> Table | None:
    """None where the plan has one price."""
    if use.kwh_by_band is None or len(use.kwh_by_band) < 2 or not use.kwh:
        return None
    rows = [
        (
            words.text(advice_words.BANDS[band]),
            words.number(float(kwh), 1),
            f"{words.number(float(100 * kwh / use.kwh), 1)} %",
        )
        for band, kwh in use.kwh_by_band.items()
    ]
    rows.append((words.text("Sum"), words.number(float(use.kwh), 1), "100 %"))
    return Table((words.text("Band"), "kWh", words.text("Share")), rows, summed=True)


def _comparison(each: Comparison, words: Words) -> tuple[str, str, Table | None]:
    """Its name with the month, a sentence, the days."""
    name = f"{words.text(report_words.AGAINST[each.against])} · {words.month(each.month)}"
    if each.refused is not None:
        return name, report_words.compared(each.refused, each.params, words), None
    rows = [
        (
            words.text(report_words.KINDS[kind.kind]),
            words.number(kind.now_days),
            words.number(kind.now_kwh, 1),
            words.number(kind.then_days),
            words.number(kind.then_kwh, 1),
        )
        for kind in each.kinds
    ]
    head = (
        words.text("Days"),
        words.text("days now"),
        words.text("kWh a day now"),
        words.text("days then"),
        words.text("kWh a day then"),
    )
    said = words.text(
        "%(change)s: workdays against workdays and days off against days off, in this month's mix; without "
        "public holidays and days with holes.",
        change=report_words.signed(each.change or 0.0, words),
    )
    return name, said, Table(head, rows)


def _billed(report: Report, words: Words) -> str:
    bill = report.billed
    if bill is None:
        return words.text("No bill of this month was imported yet.")
    parts = [_cny(float(bill.amount), words)]
    if bill.kwh is not None:
        parts.append(_unit(float(bill.kwh), "kWh", words))
    return " · ".join([*parts, _paid(bill, words)])


def _paid(bill: Billed, words: Words) -> str:
    if bill.paid_on is not None:
        return words.text("paid %(day)s", day=words.day(bill.paid_on))
    return words.text("due %(day)s", day=words.day(bill.due_on))


def _bills(report: Report, words: Words) -> Table | None:
    """None where no other month has one."""
    head = (
        words.text("Month"),
        "kWh",
        words.text("Bill, CNY"),
        words.text("CNY a kWh"),
        words.text("this month against it, CNY"),
    )
    rows = report_short.bills(report, words)
    return Table(head, rows) if rows else None


def _lines(estimate: Estimate, words: Words) -> Table | None:
    if estimate.total is None:
        return None
    rows = [
        (
            advice_words.line(each.kind, each.what, words),
            _much(each, words),
            f"{each.price:f}",
            words.number(float(each.amount), 2),
        )
        for each in estimate.lines
    ]  # fmt: skip
    rows.append((words.text("Sum"), "", "", words.number(float(estimate.total), 2)))
    head = (words.text("Charge"), words.text("How much"), words.text("Price"), words.text("Amount, CNY"))
    return Table(head, rows, summed=True)


def _much(line: BillLine, words: Words) -> str:
    if line.unit == "CNY":
        return _cny(float(line.quantity), words)
    return f"{words.number(float(line.quantity), 2)} {line.unit}"


def _not_priced(estimate: Estimate, words: Words) -> str:
    return (
        "" if estimate.refused is None else report_words.estimated(estimate.refused, estimate.params, words)
    )


def _difference(report: Report, words: Words) -> str:
    """Between bill and estimate, where both are of the whole."""
    bill, estimate = report.billed, report.estimate
    if bill is None or estimate.total is None or estimate.partial:
        return ""
    apart = float(bill.amount - estimate.total)
    said = words.text(
        "The bill is %(amount)s CNY %(side)s what is priced here from the intervals.",
        amount=words.number(abs(apart), 2),
        side=words.text("above") if apart >= 0 else words.text("below"),
    )
    if bill.kwh is None or report.use.kwh is None or abs(bill.kwh - report.use.kwh) < ONE_KWH:
        return said
    more = words.text(
        "It bills %(billed)s kWh; the intervals have %(known)s kWh.",
        billed=words.number(float(bill.kwh), 0),
        known=words.number(float(report.use.kwh), 0),
    )
    return report_short.joined(said, more, words)


def _two_part(found: TwoPart, words: Words) -> list[tuple[str, str]]:
    rows = [(words.text("Contracted capacity"), _unit(float(found.capacity_kva), "kVA", words))]
    if found.basis is not None:
        rows.append((words.text("Basic charge"), words.text(report_words.BASES[found.basis])))
    if found.contracted_kw is not None:
        rows.append((words.text("Contracted demand"), _unit(float(found.contracted_kw), "kW", words)))
    demand = NONE if found.demand_kw is None else _unit(float(found.demand_kw), "kW", words)
    if found.demand_at is not None:
        at = found.demand_at.astimezone(words.zone)
        demand = f"{demand} · {words.day(at.date())} {at:%H:%M}"
        demand += "" if found.demand_measured else f" · {words.text('estimated')}"
    rows.append((words.text("Highest demand"), demand))
    if found.cos is None:
        why = report_words.COS[found.cos_refused or "reactive_unknown"]
        return [*rows, (words.text("Power factor"), words.text(why))]
    cos = words.number(found.cos / 100, 2)
    if found.standard is not None:
        cos = words.text("%(cos)s; %(least)s is asked for", cos=cos, least=f"{found.standard / 100:.2f}")
    rows.append((words.text("Power factor"), cos))
    if found.adjustment is not None:
        rows.append((words.text("Adjustment"), f"{float(found.adjustment):+.2f} %"))
    return rows


def _standings(report: Report, names: Mapping[str, Names], words: Words) -> list[Said]:
    by_axis = {each.axis: each for each in report.standings}
    found = []
    for axis in AXES:
        if (each := by_axis.get(axis.value)) is not None:
            standing = _standing(report.account, each)
            name, value = standing_words.NAMES[axis], standing_words.value(standing, names, words)
            title = words.text("%(name)s: %(value)s", name=words.text(name), value=value)
            found.append(Said(title, standing_words.reasons(standing, names, words)))
    return found


def _standing(account: str, each: Stood) -> Standing:
    return Standing(
        account, Axis(each.axis), each.value, each.sub, each.since, each.provisional, each.locked_until,
        each.rule, each.reasons, each.change,
    )  # fmt: skip


def _promise(report: Report, each: Any, words: Words) -> promise_views.PromiseView:
    kept = {"account": report.account, "month": report.month, "before": None, "closed_at": report.month}
    return promise_views.row(cast(Any, SimpleNamespace(**(each.model_dump() | kept))), words)


def _advice(each: Any, words: Words) -> Said:
    saving = words.text("%(amount)s CNY", amount=money(each.saving, words))
    if each.months == 12:
        saving = f"{saving} {words.text('in a year')}"
    elif each.months:
        saving = f"{saving} {words.many('in %(num)s month', 'in %(num)s months', each.months)}"
    said = advice_words.sentence(each.kind, each.evidence, words)
    return Said(advice_words.title(each.kind, words), [said] if said else [], ("good", saving))


def _outage(each: Outage, words: Words) -> Said:
    since = _moment(each.since, words)
    if each.until is None:
        title = words.text("From %(since)s on", since=since)
    else:
        title = words.text(
            "%(since)s to %(until)s, %(minutes)s min",
            since=since,
            until=_moment(each.until, words),
            minutes=words.number(each.minutes),
        )
    return Said(title, _done(each.order, each.arrived_at, each.restored_at, each.cause, words))


def _order(each: Order, words: Words) -> Said:
    title = f"{each.number} · {_moment(each.opened_at, words)}"
    state = words.text(ORDER_STATES[OrderState(each.state)])
    return Said(title, [state, *_done(None, each.arrived_at, each.restored_at, each.cause, words)])


def _done(number: str | None, arrived: Any, restored: Any, cause: str | None, words: Words) -> list[str]:
    found = []
    if number is not None:
        found.append(words.text("Work order %(number)s", number=number))
    if arrived is not None:
        found.append(words.text("crew on site %(at)s", at=_moment(arrived, words)))
    if restored is not None:
        found.append(words.text("supply back %(at)s", at=_moment(restored, words)))
    if cause:
        found.append(words.text("cause: %(cause)s", cause=cause))
    return found


def _moment(at: Any, words: Words) -> str:
    local = at.astimezone(words.zone)
    return f"{words.day(date(local.year, local.month, local.day))} {local:%H:%M}"
