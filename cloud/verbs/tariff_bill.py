"""A bill as a table on the terminal: what, how much, at which price, and below each how that came about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from cloud.verbs.words import left, right, width

if TYPE_CHECKING:
    from cloud.tariffs.bill import Bill, Line
    from cloud.tariffs.documents import Tariff
    from cloud.tariffs.usage import Usage
    from cloud.web.language import Words


@dataclass(frozen=True, slots=True)
class Priced:
    """What was priced, under which documents (by the first day of each part), and what came of it."""

    documents: "Mapping[date, Tariff]"
    plan: str
    usage: "Usage"
    bill: "Bill"


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    quantity: str
    price: str
    amount: str
    formula: str = ""


def table(of: Priced, words: "Words") -> str:
    """Lines of text: columns as wide as they must be, numbers at the right, money with two digits."""
    rows = list(_rows(of, words))
    named = max(width(each.name) for each in rows)
    much = max(width(each.quantity) for each in rows)
    price = max(width(each.price) for each in rows)
    total = Row(words.text("Total"), "", "", f"{of.bill.total:,.2f}")
    money = max(len(each.amount) for each in (*rows, total))
    lines: list[str] = []
    for each in rows:
        shown = f"{left(each.name, named)}  {right(each.quantity, much)} × {right(each.price, price)}"
        lines.append(f"{shown} = {right(each.amount, money)}")
        lines += [f"  {each.formula}"] if each.formula else []
    whole = named + much + price + money + 8
    sum_ = left(total.name, whole - money) + right(total.amount, money)
    return "\n".join([*lines, "─" * whole, sum_, *_compositions(of, words)])


def _rows(of: Priced, words: "Words") -> "Iterator[Row]":
    from cloud.tariffs.bill import plain
    from cloud.web.customers import advice_words

    formulas: dict[Key, list[str]] = {}
    for key, said in _formulas(of, words):
        formulas.setdefault(key, []).append(said)
    for line in of.bill.lines:
        percent = line.kind == "power_factor"
        price = f"{plain(line.price * 100)} %" if percent else plain(line.price)
        quantity = f"{line.quantity:,.2f}" if percent else _grouped(line.quantity)
        said = _told(line, formulas.get((line.kind, line.what, line.price), []))
        name = advice_words.line(line.kind, line.what, words)
        yield Row(name, f"{quantity} {line.unit}", price, f"{line.amount:,.2f}", said)


def _compositions(of: Priced, words: "Words") -> list[str]:
    """What the numbers of the formulas are, once for all lines."""
    from cloud.tariffs.formula import composed
    from cloud.web import tariff_words as say

    found = (
        composed(tariff, tariff.plan(of.plan), "flat", part.first)
        for part in of.usage.parts
        for tariff in [of.documents[part.first]]
    )
    return list(dict.fromkeys(say.composition(each, words) for each in found if each is not None))


def _grouped(number: Decimal) -> str:
    """With commas, and no zeros that say nothing."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


Key = tuple[str, str, Decimal]


def _told(line: "Line", formulas: list[str]) -> str:
    """A line of several months has each formula once; an adjustment is of one month, in their order."""
    if line.kind == "power_factor":
        return formulas.pop(0) if formulas else ""
    return " / ".join(dict.fromkeys(formulas))


def _formulas(of: Priced, words: "Words") -> "Iterator[tuple[Key, str]]":
    """How the price of each line came about; nothing where it stands in the document as it is."""
    from cloud.tariffs.formula import composed
    from cloud.tariffs.price import band_price, limits_in
    from cloud.web import tariff_words as say

    for part in of.usage.parts:
        tariff = of.documents[part.first]
        plan = tariff.plan(of.plan)
        for band in part.kwh:
            its = composed(tariff, plan, band, part.first)
            if its is not None:
                price = band_price(tariff, plan, band, part.first)
                yield ("energy", band, price), say.energy_formula(its, price, words)
        if plan.steps and tariff.steps:
            limits = limits_in(tariff.steps, part.first, of.usage.household)
            for number, (limit, adder) in enumerate(zip(limits, tariff.steps.adders, strict=False), 2):
                said = say.step_formula(limit, tariff.steps.cycle, words)
                yield ("step", str(number), adder), said
    yield from _of_supply(of, words)


def _of_supply(of: Priced, words: "Words") -> "Iterator[tuple[Key, str]]":
    from cloud.kit.money import ZERO
    from cloud.tariffs.formula import basic_price
    from cloud.tariffs.power_factor import adjustment, cos_hundredths
    from cloud.web import tariff_words as say

    for month, supply in of.usage.supply.items():
        mine = [part for part in of.usage.parts if part.first.replace(day=1) == month]
        terms = of.documents[mine[-1].first].two_part
        kwh = sum((part.total_kwh for part in mine), ZERO)
        for what in ("capacity", "demand", "contract", "over") if terms and supply.basis else ():
            assert terms is not None
            its = basic_price(terms, supply, what, kwh)
            price = its.price * (its.discount or 1) * (its.over or 1)
            yield ("basic", what, price), say.basic_formula(what, its, words)
        if supply.standard is not None and supply.reactive_kvarh is not None:
            cos = cos_hundredths(kwh, supply.reactive_kvarh)
            if cos is not None:
                said = f"{Decimal(cos) / 100:.2f}"
                share = adjustment(supply.standard, cos) / 100
                told = say.cos_formula(
                    said, supply.standard, _grouped(kwh), f"{supply.reactive_kvarh:,.0f}", words
                )
                yield ("power_factor", said, share), told
