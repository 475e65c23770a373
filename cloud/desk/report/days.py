"""The days of an account out of the stored indicators of its points: energy, bands, what is missing.

A day on which one of several points is not there is not known; nothing is scaled up over a hole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isnan
from typing import Any

from sqlalchemy import Connection

from cloud.analysis.indicators.daily import INDICATORS
from cloud.insight.indicators import store as indicators
from cloud.insight.pricing import NAMES
from cloud.kit.days import days
from cloud.tiers.advice.energies import Served

_AT = {each.name: at for at, each in enumerate(INDICATORS)}
_ENERGY, _VALID, _ESTIMATED = (_AT[name] for name in ("energy_kwh", "valid_slots", "estimated_slots"))
_SHARES = [_AT[f"{name}_share"] for name in NAMES]
Line = tuple[float, ...]
"""Energy, valid and estimated slots, the bands' shares, slots; NaN where it is not known."""
_SLOTS = 3 + len(NAMES)


@dataclass(frozen=True, slots=True)
class Day:
    """`kwh` None: no slot is known; `bands` kWh in the order of NAMES, None where they cannot be said."""

    day: date
    kwh: float | None
    bands: tuple[float, ...] | None
    coverage: float
    estimated: float


@dataclass(slots=True)
class PointDays:
    """What is stored of points, by point and day."""

    of: dict[str, dict[date, Line]] = field(default_factory=dict)

    def point(self, name: str, day: date) -> Line | None:
        found = self.of.get(name)
        return None if found is None else found.get(day)

    def through(self, name: str, end: int) -> int:
        """The ordinal `end`, or of the last day before it that is stored; 1: none is."""
        found = self.of.get(name, {})
        return max((each.toordinal() for each in found if each.toordinal() <= end), default=1)


def read(
    connection: Connection,
    spans: Iterable[tuple[date, date]],
    areas: Sequence[str],
    points: frozenset[str],
) -> PointDays:
    """The days of these points wherever in these areas they stood."""
    found = PointDays()
    columns = [_ENERGY, _VALID, _ESTIMATED, *_SHARES]
    for first, last in spans:
        for each in indicators.area_days(connection, first, last, areas=areas):
            values = each.values[:, columns].tolist()
            for row, point in enumerate(each.points):
                if point in points:
                    found.of.setdefault(point, {})[each.day] = (*values[row], float(each.slots[row]))
    return found


def of_account(
    known: PointDays, served: Sequence[Served], first: date, last: date
) -> list[tuple[date, Day | None]]:
    """Each day of [first, last] that something served it, with what is known; None: nothing is stored."""
    found = []
    for day in days(first, last):
        names = points_on(served, day)
        if names:
            found.append((day, _day(known, names, day)))
    return found


def points_on(served: Sequence[Served], day: date) -> tuple[str, ...]:
    here = {each.point for each in served if each.first <= day and (each.last is None or day <= each.last)}
    return tuple(sorted(here))


def _day(known: PointDays, names: Sequence[str], day: date) -> Day | None:
    """Plain floats: a handful of numbers is slower in arrays."""
    lines = [line for name in names if (line := known.point(name, day)) is not None]
    whole = sum(line[_SLOTS] for line in lines)
    if len(lines) < len(names) or not whole:
        return None
    valid = sum(line[1] for line in lines)
    if isnan(valid):
        return None
    kwh = sum(line[0] for line in lines)
    bands = tuple(sum(line[0] * line[at] for line in lines) for at in range(3, _SLOTS))
    guessed = sum(line[2] for line in lines if not isnan(line[2]))
    return Day(
        day,
        None if isnan(kwh) else kwh,
        None if isnan(kwh) or any(isnan(each) for each in bands) else bands,
        valid / whole,
        guessed / whole,
    )


def by_band(values: Mapping[str, float] | Sequence[float], digits: int = 3) -> dict[str, Any]:
    """Names with their kWh, those left out that have none."""
    pairs = values.items() if isinstance(values, Mapping) else zip(NAMES, values, strict=True)
    return {name: round(kwh, digits) for name, kwh in pairs if kwh}
