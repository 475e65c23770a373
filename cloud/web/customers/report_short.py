"""A monthly energy report in short: what was used and paid against other months, and why."""

from typing import Any

from cloud.desk.report.pieces import BillThen, Comparison, Report
from cloud.web.customers import advice_words, report_words
from cloud.web.customers.advice_views import money
from cloud.web.language import NONE, Words

LITTLE = 0.005
"""A change of days that is less is none."""


def sentences(report: Report, words: Words) -> list[str]:
    """The first things to know; nothing is said of what is not known."""
    found = [_used(each, words) for each in report.comparisons if each.change is not None]
    found += [_paid(each, words) for each in report.bills_then if each.difference is not None]
    found += [_power_factor(report, words), _advised(report, words)]
    return [each for each in found if each]


def _used(each: Comparison, words: Words) -> str:
    change = each.change or 0.0
    values: dict[str, Any] = {"month": words.month(each.month)}
    if abs(change) < LITTLE:
        said = words.text("A day took as much as in %(month)s.", **values)
    else:
        values["share"] = f"{words.number(abs(100 * change), 1)} %"
        said = (
            words.text("A day took %(share)s more than in %(month)s.", **values)
            if change > 0
            else words.text("A day took %(share)s less than in %(month)s.", **values)
        )
    parts = [
        f"{words.text(report_words.KINDS[kind.kind])} {report_words.signed(share, words)}"
        for kind in each.kinds
        if kind.then_kwh and abs(share := kind.now_kwh / kind.then_kwh - 1) >= LITTLE
    ]
    return (
        joined(said, words.text("By days: %(kinds)s.", kinds=words.listed(parts)), words)
        if len(parts) > 1
        else said
    )


def _paid(each: BillThen, words: Words) -> str:
    if each.difference is None:
        return ""
    values = {"amount": words.number(abs(float(each.difference)), 2), "month": words.month(each.month)}
    said = (
        words.text("The bill is %(amount)s CNY above that of %(month)s.", **values)
        if each.difference > 0
        else words.text("The bill is %(amount)s CNY below that of %(month)s.", **values)
    )
    if not each.difference or each.of_energy is None or each.of_price is None:
        return said
    why = words.text(
        "Of this, %(energy)s CNY is from how much was used, %(price)s CNY from what a kWh cost on average.",
        energy=signed_cny(each.of_energy, words),
        price=signed_cny(each.of_price, words),
    )
    return joined(said, why, words)


def _power_factor(report: Report, words: Words) -> str:
    """Where it cost something."""
    extra = sum(float(each.amount) for each in report.estimate.lines if each.kind == "power_factor")
    found = report.two_part
    if extra <= 0 or found is None or found.cos is None:
        return ""
    return words.text(
        "The power factor of %(cos)s cost %(amount)s CNY.",
        cos=words.number(found.cos / 100, 2),
        amount=words.number(extra, 2),
    )


def _advised(report: Report, words: Words) -> str:
    """The dearest of the advice."""
    for each in report.advice:
        if each.saving is not None and each.months == 12:
            return words.text(
                "What would save most: %(title)s, %(amount)s CNY in a year (see below).",
                title=advice_words.title(each.kind, words),
                amount=money(each.saving, words),
            )
    return ""


def bills(report: Report, words: Words) -> list[tuple[str, ...]]:
    """Month, kWh, CNY, CNY a kWh, difference of this month's; none where no other month has a bill."""
    if not report.bills_then:
        return []
    rows = [] if report.billed is None else [_row(words.month(report.month), report.billed, "", words)]
    for each in report.bills_then:
        apart = NONE if each.difference is None else signed_cny(each.difference, words)
        rows.append(_row(words.month(each.month), each, apart, words))
    return rows


def _row(name: str, bill: Any, apart: str, words: Words) -> tuple[str, ...]:
    kwh = None if bill.kwh is None else float(bill.kwh)
    mean = float(bill.amount) / kwh if kwh else None
    return (
        name,
        words.number(kwh, 0 if kwh is None or kwh >= 1000 else 1),
        words.number(float(bill.amount), 2),
        words.number(mean, 4),
        apart,
    )


def joined(one: str, other: str, words: Words) -> str:
    """Two sentences, as the language sets them."""
    return f"{one}{other}" if words.language == "zh_CN" else f"{one} {other}"


def signed_cny(amount: Any, words: Words) -> str:
    """+1,200.50"""
    sign = "−" if amount < 0 else "+" if amount > 0 else ""
    return f"{sign}{words.number(abs(float(amount)), 2)}"
