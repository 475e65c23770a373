"""Puts what was found together: one item for each place worth a look, with its numbers and what to check.

Ranked by the kWh a month that a look is expected to bring; a fact is a number, a verdict is nobody's here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

Number = float | int | str | None


class Kind(StrEnum):
    """What may be wrong; `Check` says what to look at."""

    UNDER_REGISTERED = "under_registered"
    WRONG_AREA = "wrong_area"
    CROSSED = "crossed_meters"
    WRONG_RATIO = "wrong_ratio"
    AREA_RATIO = "area_ratio"
    FALLEN = "fallen_use"
    METER_FAULT = "meter_fault"
    AREA_HIGH = "area_high"
    AREA_NEGATIVE = "area_negative"


class Fact(StrEnum):
    """Codes of evidence lines; the numbers of each are named beside it."""

    EXPLAINS_LOSS = "explains_loss"
    """share of real use, kwh_month, low, high, days, fitted_kwh (plain least squares)"""
    STEADY = "steady"
    """probability, halves: part of the halves of the days in which it came again"""
    AREA_LOSS = "area_loss"
    """rate, kwh_month, days, z"""
    HERE_AND_THERE = "here_and_there"
    """here, there: part of the energy by which the two losses are off; area; strength"""
    FITS_RATIO = "fits_ratio"
    """factor, spread, ratio (in use), fits"""
    FELL = "fell"
    """fall, peers_fall, kwh_day, since (date), p"""
    LOSS_ROSE = "loss_rose"
    """kwh_day by which the area's loss is higher since"""
    EVENTS = "events"
    """rule (V15 …), days, last (date)"""
    AS_EACH_OTHER = "as_each_other"
    """own, cross: distances in errors, since (date)"""
    SEEN_BEFORE = "seen_before"
    """result, on (date): what an earlier inspection found here"""


class Check(StrEnum):
    """What to look at on site, in this order."""

    SEAL_AND_WIRING = "seal_and_wiring"
    COMPARE_WITH_STANDARD = "compare_with_standard"
    CT_NAMEPLATE = "ct_nameplate"
    PHASES_AND_VOLTAGE = "phases_and_voltage"
    WHICH_AREA_SUPPLIES = "which_area_supplies"
    WHICH_METER_SERVES = "which_meter_serves"
    AREA_METER = "area_meter"
    UNMETERED_SUPPLY = "unmetered_supply"
    OCCUPANCY = "occupancy"
    BACKFEED = "backfeed"


CHECKS: dict[Kind, tuple[Check, ...]] = {
    Kind.UNDER_REGISTERED: (Check.SEAL_AND_WIRING, Check.PHASES_AND_VOLTAGE, Check.COMPARE_WITH_STANDARD),
    Kind.WRONG_AREA: (Check.WHICH_AREA_SUPPLIES, Check.WHICH_METER_SERVES),
    Kind.CROSSED: (Check.WHICH_METER_SERVES,),
    Kind.WRONG_RATIO: (Check.CT_NAMEPLATE, Check.COMPARE_WITH_STANDARD),
    Kind.AREA_RATIO: (Check.AREA_METER, Check.CT_NAMEPLATE),
    Kind.FALLEN: (Check.OCCUPANCY, Check.SEAL_AND_WIRING, Check.COMPARE_WITH_STANDARD),
    Kind.METER_FAULT: (Check.PHASES_AND_VOLTAGE, Check.SEAL_AND_WIRING),
    Kind.AREA_HIGH: (Check.AREA_METER, Check.UNMETERED_SUPPLY, Check.WHICH_AREA_SUPPLIES),
    Kind.AREA_NEGATIVE: (Check.AREA_METER, Check.WHICH_AREA_SUPPLIES, Check.BACKFEED),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of evidence; `numbers` are plain values, kWh or parts as the name says."""

    code: Fact
    numbers: dict[str, Number]

    def plain(self) -> dict[str, Number]:
        return {"code": self.code.value, **self.numbers}


@dataclass(frozen=True, slots=True)
class Item:
    """What is worth a look. kWh of a month: below zero where a customer is charged too much.

    `point` None is the area itself; `other` is the area or point besides; `strength` 0..1.
    """

    kind: Kind
    area: str
    point: str | None
    other: str | None
    kwh_month: float | None
    low: float | None
    high: float | None
    strength: float
    lines: tuple[Line, ...]

    @property
    def worth(self) -> float:
        """What it is ranked by: kWh that are amiss, whichever way, as far as they are certain."""
        return abs(self.kwh_month or 0.0) * self.strength

    @property
    def checks(self) -> tuple[Check, ...]:
        """What to look at, doubtful phases first where there were such events."""
        usual = CHECKS[self.kind]
        if any(line.code is Fact.EVENTS and line.numbers.get("rule") == "V15" for line in self.lines):
            return tuple(dict.fromkeys((Check.PHASES_AND_VOLTAGE, *usual)))
        return usual


_FIRST = (
    Kind.CROSSED,
    Kind.WRONG_AREA,
    Kind.WRONG_RATIO,
    Kind.UNDER_REGISTERED,
    Kind.METER_FAULT,
    Kind.FALLEN,
)
"""Of several explanations for one point, the one that says most of what is to be done."""


def together(items: Iterable[Item]) -> list[Item]:
    """One item for each point (and one for each area itself): all evidence of it, under its best kind.

    Evidence of different sources does not add kWh: the kind's own figure stands. It makes it more certain.
    Who uses less may have moved out: a fall is listed alone only where the loss rose with it.
    """
    by_place: dict[tuple[str, str | None], list[Item]] = {}
    for item in items:
        by_place.setdefault((item.area, item.point), []).append(item)
    return ranked([_joined(own) for own in by_place.values() if not all(map(_only_fell, own))])


def _only_fell(item: Item) -> bool:
    return item.kind is Kind.FALLEN and not any(line.code is Fact.LOSS_ROSE for line in item.lines)


def ranked(items: Iterable[Item]) -> list[Item]:
    """The most worth first; then by place, so that the same evidence makes the same list."""
    return sorted(items, key=lambda each: (-each.worth, each.area, each.point or ""))


def _joined(own: Sequence[Item]) -> Item:
    order = {kind: place for place, kind in enumerate(_FIRST)}
    best = min(own, key=lambda each: (order.get(each.kind, len(order)), -each.worth))
    lines = list(best.lines)
    for other in own:
        lines += [line for line in other.lines if line not in lines]
    doubt = 1.0
    for kind in {each.kind for each in own}:
        doubt *= 1 - max(each.strength for each in own if each.kind is kind)
    return replace(best, lines=tuple(lines), strength=min(1 - doubt, 0.99))
