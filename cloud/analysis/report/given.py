"""What a report is about: curves of meters over whole local days, and what is known beside them."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import DayGrid
from cloud.kit.bands import BandTable
from cloud.kit.calendar import Calendar, DayType

FULL_DAY = 0.95
"""A day with so much of its slots known may stand in a mean; one with less is shown and not counted."""


@dataclass(frozen=True, slots=True)
class Given:
    """`wh` float32 (meters, slots), NaN where missing; `celsius` float32 (slots,) or None.

    `bands` int8 (slots,) by `tables`, None where none were given. `area_meter` is the row that measures all
    others together. `read` are (name, text) of how the file was taken, `notes` what a person should know.
    """

    title: str
    meters: tuple[str, ...]
    wh: NDArray[np.float32]
    starts_ms: NDArray[np.int64]
    interval_s: int
    zone: ZoneInfo
    grid: DayGrid
    calendar: Calendar
    bands: NDArray[np.int8] | None = None
    tables: tuple[BandTable, ...] = ()
    celsius: NDArray[np.float32] | None = None
    area_meter: int | None = None
    fed_back_kwh: NDArray[np.float64] | None = None
    read: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def hours(self) -> float:
        return self.interval_s / 3600

    @property
    def days(self) -> tuple[date, ...]:
        return self.grid.days

    @property
    def customers(self) -> list[int]:
        """All rows but the area meter's."""
        return [row for row in range(len(self.meters)) if row != self.area_meter]

    def day_types(self) -> list[DayType]:
        return self.calendar.day_types(self.grid.days)

    def coverage(self) -> NDArray[np.float64]:
        """(meters, days): which share of each day's slots is known."""
        first, usual = self.grid.first_slot, np.diff(self.grid.first_slot)
        found = np.empty((len(self.wh), len(usual)))
        for row, values in enumerate(self.wh):
            found[row] = np.add.reduceat(~np.isnan(values), first[:-1], dtype=np.int64) / usual
        return found


@dataclass(frozen=True, slots=True)
class Subject:
    """The one curve that is looked at closely: a meter's, or the sum of all. `kw` float32 (slots,).

    `kw` of a sum is NaN where any of its meters is missing: a sum with a hole would be a wrong number.
    """

    name: str
    kw: NDArray[np.float32]
    is_sum: bool


def subject(given: Given, name: str | None, all_meters: str) -> Subject:
    """The named meter; else the only one, or the sum of all customers. ValueError: no such meter."""
    per_hour = np.float32(1000 * given.hours)
    if name is not None or len(given.meters) == 1:
        row = given.meters.index(name) if name is not None else 0
        return Subject(given.meters[row], given.wh[row] / per_hour, False)
    total = np.zeros(given.wh.shape[1], np.float64)
    for row in given.customers:
        total += given.wh[row]
    return Subject(all_meters, (total / per_hour).astype(np.float32), True)
