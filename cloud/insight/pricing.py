"""A load curve as a tariff sees it: kWh by month and band, and what is missing said beside it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import DayGrid
from cloud.analysis.indicators.bands import by_slot, energy_by_band
from cloud.kit.bands import Band, DayKind
from cloud.kit.calendar import Calendar
from cloud.tariffs.documents import Plan
from cloud.tariffs.usage import Part

NAMES = tuple(each.name.lower() for each in Band)
STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class PlanBands:
    """The bands of a plan's days; `marks` are days with an event of their own, as "hot-35"."""

    plan: Plan
    calendar: Calendar
    marks: Mapping[date, frozenset[str]] = field(default_factory=dict)

    def slots(self, grid: DayGrid) -> NDArray[np.int8]:
        """int8 (slots,). ValueError where the grid is too coarse for the plan's edges."""
        if not self.plan.windows:
            return np.full(len(grid.day), Band.FLAT, np.int8)
        names = frozenset(name for each in self.plan.overlays for name in each.holidays)
        return by_slot(grid, [self._kind(day, names) for day in grid.days], [self.plan.table()])

    def _kind(self, day: date, names: Collection[str]) -> DayKind:
        laid = self.calendar.breaks(day, names) | (self.marks.get(day, frozenset()) & frozenset(names))
        return DayKind(day, self.calendar.day_type(day).value, laid)


@dataclass(frozen=True, slots=True)
class MonthEnergies:
    """`kwh` float64 (customers, 5) by `Band` of the days `first` to `last`; `missing` slots (customers,)."""

    first: date
    last: date
    kwh: NDArray[np.float64]
    missing: NDArray[np.int64]


def months(wh: NDArray[np.float32], grid: DayGrid, bands: NDArray[np.int8]) -> Iterator[MonthEnergies]:
    """Curves (customers, slots), month by month; a hole adds nothing and is counted."""
    for low, high in _spans(grid.days):
        begin, end = int(grid.first_slot[low]), int(grid.first_slot[high])
        part = np.ascontiguousarray(wh[:, begin:end])
        kwh = energy_by_band(part, bands[begin:end])
        yield MonthEnergies(grid.days[low], grid.days[high - 1], kwh, np.isnan(part).sum(axis=1))


def part(of: MonthEnergies, customer: int) -> Part:
    """One customer's month for pricing; bands without energy are left out."""
    return part_of(of.first, of.last, of.kwh[customer].tolist())


def part_of(first: date, last: date, kwh: Sequence[float]) -> Part:
    """Of energies by `Band`: each to a millionth of a kWh, none that is zero."""
    found = {name: Decimal(value).quantize(STEP) for name, value in zip(NAMES, kwh, strict=True) if value}
    return Part(first, last, found or {"flat": Decimal(0)})


def _spans(days: Sequence[date]) -> Iterator[tuple[int, int]]:
    """[low, high) of each run of days that lie in one month."""
    low = 0
    for high in range(1, len(days) + 1):
        if high == len(days) or days[high].month != days[low].month:
            yield low, high
            low = high
