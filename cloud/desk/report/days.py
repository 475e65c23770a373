"""The days of an account out of the stored indicators of its points: energy, bands, what is missing.

A day on which one of several points is not there is not known; nothing is scaled up over a hole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.analysis.indicators.daily import INDICATORS
from cloud.insight.indicators import store as indicators
from cloud.insight.pricing import NAMES
from cloud.kit.days import days
from cloud.tiers.advice.energies import Served

_AT = {each.name: at for at, each in enumerate(INDICATORS)}
_ENERGY, _VALID, _ESTIMATED = (_AT[name] for name in ("energy_kwh", "valid_slots", "estimated_slots"))
_SHARES = [_AT[f"{name}_share"] for name in NAMES]


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
    """What is stored of points: by point and day energy, valid and estimated slots, slots, five shares."""

    of: dict[str, dict[date, NDArray[np.float32]]] = field(default_factory=dict)

    def point(self, name: str, day: date) -> NDArray[np.float32] | None:
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
            values = each.values[:, columns]
            for row, point in enumerate(each.points):
                if point in points:
                    line = np.append(values[row], np.float32(each.slots[row]))
                    found.of.setdefault(point, {})[each.day] = line
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
    lines = [line for name in names if (line := known.point(name, day)) is not None]
    if len(lines) < len(names):
        return None
    table = np.array(lines, np.float64)
    energy, valid, estimated, slots = table[:, 0], table[:, 1], table[:, 2], table[:, -1]
    whole = float(slots.sum())
    if not whole or np.isnan(valid).any():
        return None
    kwh = None if np.isnan(energy).any() else float(energy.sum())
    shares = table[:, 3 : 3 + len(NAMES)]
    bands = None
    if kwh is not None and not np.isnan(shares).any():
        bands = tuple((energy[:, None] * shares).sum(axis=0).tolist())
    guessed = float(np.nansum(estimated)) / whole
    return Day(day, kwh, bands, float(valid.sum()) / whole, guessed)


def by_band(values: Mapping[str, float] | Sequence[float], digits: int = 3) -> dict[str, Any]:
    """Names with their kWh, those left out that have none."""
    pairs = values.items() if isinstance(values, Mapping) else zip(NAMES, values, strict=True)
    return {name: round(kwh, digits) for name, kwh in pairs if kwh}
