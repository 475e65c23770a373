"""What a document says that is no contradiction and is hardly meant: told with its place, never refused.

Refused is what has no meaning at all (`documents.py`). These have one, and billing goes by it.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from cloud.kit.calendar import Calendar
from cloud.tariffs import voltage
from cloud.tariffs.documents import (
    BANDS,
    Bands,
    Components,
    CustomerClass,
    Plan,
    Prices,
    Ratios,
    Steps,
    Tariff,
)
from protocols import spelling

DEAR = Decimal(5)
"""CNY/kWh above which a price was probably written in fen."""
_HOT = re.compile(r"hot-\d{2}(-\d{1,2})?")


class Oddity(NamedTuple):
    """`place` as pydantic names it: keys and numbers of lists."""

    place: tuple[str | int, ...]
    what: str


def oddities(tariff: Tariff) -> Iterator[Oddity]:
    """Everything odd in a document, in its order."""
    if tariff.voltage and voltage.holds(tariff.voltage, Decimal(10)) is None:
        yield Oddity(
            ("voltage",), f"{tariff.voltage!r} is not understood: write it like '1-10千伏' or '不满1千伏'"
        )
    if tariff.steps:
        used = any(plan.steps for plan in tariff.plans)
        yield from _steps(tariff.steps, used)
    if tariff.two_part:
        yield from _two_part(tariff)
    yield from _components(tariff)
    for number, plan in enumerate(tariff.plans):
        for each in _plan(plan):
            yield Oddity(("plans", number, *each.place), f"{plan.id}: {each.what}")


def _steps(steps: Steps, used: bool) -> Iterator[Oddity]:
    if any(low >= high for low, high in pairwise(steps.adders)):
        said = ", ".join(map(str, steps.adders))
        yield Oddity(("steps", "adders"), f"{said} do not rise: a higher step costs no more than a lower one")
    if not used:
        yield Oddity(("steps",), "no plan has `steps = true`: they are never billed")


def _two_part(tariff: Tariff) -> Iterator[Oddity]:
    terms = tariff.two_part
    assert terms is not None
    if tariff.class_ is CustomerClass.HOUSEHOLD:
        yield Oddity(("two_part",), "a household has no basic charge")
    if not terms.capacity or not terms.demand:
        yield Oddity(("two_part",), "a price of 0: capacity or demand costs nothing")
    elif terms.capacity > terms.demand:
        yield Oddity(
            ("two_part", "capacity"),
            f"{terms.capacity} CNY/kVA is above {terms.demand} CNY/kW: by capacity nobody would pay less",
        )


def _components(tariff: Tariff) -> Iterator[Oddity]:
    floats = any(plan.ratios for plan in tariff.plans)
    if tariff.components and not floats:
        yield Oddity(("components",), "no plan has ratios: they are never billed")
    for number, each in enumerate(tariff.components):
        place = ("components", number)
        if not _within(tariff, each):
            yield Oddity((*place, "from"), "lies outside the days of the document: it never holds")
        for part, prices in (("floating", each.floating), ("fixed", each.fixed)):
            for name, price in prices.items():
                if price < 0:
                    yield Oddity((*place, part), f"{name} {price} is below 0: taken off the price")
        yield from _order(each.published, (*place, "published"), "the published price")
    dated = sorted(enumerate(tariff.components), key=lambda each: each[1].from_)
    for (_, one), (number, other) in pairwise(dated):
        if one.to is not None and one.to < other.from_:
            gap = f"{one.to} to {other.from_ - timedelta(days=1)}"
            yield Oddity(("components", number, "from"), f"{gap} has no price: nothing is billed then")


def _within(tariff: Tariff, of: Components) -> bool:
    began_late = tariff.to is not None and of.from_ >= tariff.to
    return not began_late and not (of.to is not None and of.to <= tariff.from_)


def _plan(plan: Plan) -> Iterator[Oddity]:
    named = plan.bands
    for number, prices in enumerate(plan.prices):
        yield from _entry(prices, ("prices", number), named)
        for band, price in prices.said().items():
            if price > DEAR:
                yield Oddity(("prices", number), f"{band} {price} CNY/kWh: was it written in fen?")
    for number, ratios in enumerate(plan.ratios):
        yield from _entry(ratios, ("ratios", number), named | {"flat"})
        if ratios.flat not in (None, 1):
            yield Oddity(("ratios", number), f"flat is {ratios.flat}: the others are ratios to a flat of 1")
    for number, overlay in enumerate(plan.overlays):
        for name in sorted(overlay.holidays):
            if not _HOT.fullmatch(name) and not any(name in each for each in _holidays()):
                hint = spelling.hint(name, sorted(_holidays()))
                what = f"{name!r} is no holiday of the calendar that ships; {hint}it may never come"
                yield Oddity(("overlays", number), what)


def _entry(of: Prices | Ratios, place: tuple[str | int, ...], named: AbstractSet[str]) -> Iterator[Oddity]:
    said = of.said()
    yield from _order(of, place, "the ratio" if isinstance(of, Ratios) else "the price")
    if idle := [band for band in said if band not in named]:
        yield Oddity(place, f"{', '.join(idle)}: no window ever names it, it is never billed")
    for band, price in said.items():
        if not price:
            yield Oddity(place, f"{band} is 0: its energy costs nothing")


def _order(of: Bands, place: tuple[str | int, ...], what: str) -> Iterator[Oddity]:
    """Sharp costs most and deep valley least; the first pair that is the other way round."""
    said = [(band, price) for band in BANDS if (price := getattr(of, band)) is not None]
    if isinstance(of, Ratios) and of.flat is None:
        said = sorted([*said, ("flat", Decimal(1))], key=lambda each: BANDS.index(each[0]))
    for (dear, high), (cheap, low) in pairwise(said):
        if high < low:
            yield Oddity(place, f"{what} of {cheap}, {low}, is above that of {dear}, {high}")
            return


@cache
def _holidays() -> frozenset[str]:
    calendar = Calendar()
    days = (date(2026, 1, 1) + timedelta(days=number) for number in range(365))
    return frozenset(name for day in days if (name := calendar.holiday(day)))
