"""Which plans' energies are kept, under which key, and where documents cut a month."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import DayGrid
from cloud.insight.energies.store import FLAT
from cloud.insight.pricing import PlanBands
from cloud.kit.calendar import Calendar
from cloud.kit.days import days
from cloud.kit.errors import NotFound
from cloud.tariffs.catalogue import Catalogue
from cloud.tariffs.documents import Plan

Marks = Mapping[date, frozenset[str]]
"""Days with an event of their own, as "hot-35"."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The tariffs that contracts name, and the days on which a point began to serve somebody else."""

    tariffs: frozenset[str]
    cuts: Mapping[str, frozenset[date]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """What is kept of days of one month: plans by key, and the bands int8 (quarters,) of all but FLAT."""

    plans: tuple[str, ...]
    bands: Mapping[str, NDArray[np.int8]]
    cuts: frozenset[date]

    @property
    def digest(self) -> str:
        told = hashlib.blake2b(repr((self.plans, sorted(self.cuts))).encode(), digest_size=16)
        for plan, bands in sorted(self.bands.items()):
            told.update(plan.encode() + bands.tobytes())
        return told.hexdigest()


def key_of(catalogue: Catalogue, tariff: str, plan: str, first: date, last: date) -> str | None:
    """Under which key a plan's energies of these days are kept; None: on some no document has it."""
    found = _plans(catalogue, tariff, plan, first, last)
    if found is None:
        return None
    return f"{tariff}/{plan}" if any(each.windows for each in found.values()) else FLAT


def plans_of(catalogue: Catalogue, tariff: str, first: date, last: date) -> list[str]:
    """The ids of the plans that the tariff has on all of these days, in the order of its newest document."""
    try:
        newest = catalogue.in_force(tariff, last)
    except NotFound:
        return []
    return [each.id for each in newest.plans if _plans(catalogue, tariff, each.id, first, last) is not None]


def span_of(
    catalogue: Catalogue, wanted: Collection[str], grid: DayGrid, calendar: Calendar, marks: Marks
) -> Span:
    """Of the grid's days, which lie in one month and at 15 minutes."""
    first, last = grid.days[0], grid.days[-1]
    bands: dict[str, NDArray[np.int8]] = {}
    for tariff in sorted(wanted):
        for plan in plans_of(catalogue, tariff, first, last):
            key = key_of(catalogue, tariff, plan, first, last)
            if key is not None and key != FLAT:
                bands[key] = _bands(catalogue, tariff, plan, grid, calendar, marks)
    return Span((FLAT, *bands), bands, cuts(catalogue, wanted, first, last))


def cuts(catalogue: Catalogue, wanted: Collection[str], first: date, last: date) -> frozenset[date]:
    """The days after the first on which a document or the price of its components begins or ends."""
    found: set[date | None] = set()
    for tariff in wanted:
        try:
            documents = catalogue.documents(tariff)
        except NotFound:
            continue
        found |= {day for each in documents for day in (each.from_, each.to)}
        found |= {day for each in documents for of in each.components for day in (of.from_, of.to)}
    return frozenset(day for day in found if day is not None and first < day <= last)


def _plans(catalogue: Catalogue, tariff: str, plan: str, first: date, last: date) -> dict[date, Plan] | None:
    """By the first day that each holds, where there is one on every day."""
    found: dict[date, Plan] = {}
    try:
        for day in sorted({first, *cuts(catalogue, [tariff], first, last)}):
            found[day] = catalogue.in_force(tariff, day).plan(plan)
    except (NotFound, ValueError):
        return None
    return found


def _bands(
    catalogue: Catalogue, tariff: str, plan: str, grid: DayGrid, calendar: Calendar, marks: Marks
) -> NDArray[np.int8]:
    """The bands of whatever document holds on each day."""
    first, last = grid.days[0], grid.days[-1]
    held = _plans(catalogue, tariff, plan, first, last) or {}
    if len({id(each) for each in held.values()}) == 1:
        return PlanBands(held[first], calendar, marks).slots(grid)
    of_day = [held[max(since for since in held if since <= day)] for day in days(first, last)]
    out = np.empty(len(grid.day), np.int8)
    for _, run in groupby(range(len(of_day)), key=lambda at: id(of_day[at])):
        places = list(run)
        begin, end = int(grid.first_slot[places[0]]), int(grid.first_slot[places[-1] + 1])
        out[begin:end] = PlanBands(of_day[places[0]], calendar, marks).slots(grid)[begin:end]
    return out
