"""Which band of the tariff's day a slot lies in: sharp, peak, flat, valley, deep valley; windows are data.

Every quarter of an hour has one band. Sharp takes its place from peak, and deep valley from valley: a table
that leaves time over, or gives it away twice, is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from itertools import product

import numpy as np
from numpy.typing import NDArray

DAY_MIN = 1440
QUARTER_MIN = 15
QUARTERS = DAY_MIN // QUARTER_MIN
DAY_TYPES = ("work", "saturday", "off")


class Band(IntEnum):
    SHARP = 0
    PEAK = 1
    FLAT = 2
    VALLEY = 3
    DEEP_VALLEY = 4


_NESTS = {Band.SHARP: Band.PEAK, Band.DEEP_VALLEY: Band.VALLEY}


@dataclass(frozen=True, slots=True)
class Window:
    """[start_min, end_min) of the local day by the wall clock, on quarters of an hour."""

    band: Band
    start_min: int
    end_min: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_min < self.end_min <= DAY_MIN:
            raise ValueError(f"{self}: does not end after its start within the day; cut it at midnight")
        if self.start_min % QUARTER_MIN or self.end_min % QUARTER_MIN:
            raise ValueError(f"{self}: not on a quarter of an hour")

    @property
    def quarters(self) -> slice:
        return slice(self.start_min // QUARTER_MIN, self.end_min // QUARTER_MIN)

    def __str__(self) -> str:
        return f"{self.band.name.lower()} {told(self.start_min)}-{told(self.end_min)}"


@dataclass(frozen=True, slots=True)
class DayBands:
    """The windows of all days of these months and day types; what no window names is flat if `rest_flat`."""

    months: frozenset[int]
    day_types: frozenset[str]
    windows: tuple[Window, ...]
    rest_flat: bool = True


@dataclass(frozen=True, slots=True)
class Festival:
    """Windows that replace whatever stands there, on the days off around the holidays so named."""

    holidays: frozenset[str]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class DayKind:
    """What a band table asks of a day; `holidays` are the names of those whose break it lies in."""

    day: date
    day_type: str
    holidays: frozenset[str] = frozenset()


class BandTable:
    """Bands by month and day type. ValueError where one has no windows, or two, or does not fill 24 h."""

    def __init__(
        self, name: str, days: Sequence[DayBands], festivals: Sequence[Festival] = (), since: date = date.min
    ) -> None:
        self.name, self.since, self._festivals = name, since, tuple(festivals)
        self._of: dict[tuple[int, str], NDArray[np.int8]] = {}
        for each in days:
            quarters = partition(each.windows, rest_flat=each.rest_flat)
            for month, kind in product(each.months, each.day_types):
                if (month, kind) in self._of:
                    raise ValueError(f"{name}: month {month}, {kind}: said twice")
                self._of[month, kind] = quarters
        lacking = [each for each in product(range(1, 13), DAY_TYPES) if each not in self._of]
        if lacking:
            raise ValueError(f"{name}: month {lacking[0][0]}, {lacking[0][1]}: no windows")
        for festival in self._festivals:
            _once(festival.windows)

    def bands(self, month: int | None = None) -> frozenset[str]:
        """The names of the bands that any day, of this month or at all, may have."""
        days = [each for (of, _), each in self._of.items() if month in (None, of)]
        usual = {int(band) for each in days for band in np.unique(each)}
        laid = {int(window.band) for each in self._festivals for window in each.windows}
        return frozenset(Band(each).name.lower() for each in usual | laid)

    def quarters(self, kind: DayKind) -> NDArray[np.int8]:
        """int8 (96,): the band of each quarter of an hour of a day by the wall clock."""
        plain = self._of[kind.day.month, kind.day_type]
        asked = [each for each in self._festivals if each.holidays & kind.holidays]
        if not asked:
            return plain
        found = plain.copy()
        for window in (window for each in asked for window in each.windows):
            found[window.quarters] = window.band
        return found


def partition(windows: Iterable[Window], *, rest_flat: bool = True) -> NDArray[np.int8]:
    """int8 (96,) of a day's windows; sharp replaces peak and deep valley valley; nothing else may."""
    found = np.full(QUARTERS, -1, np.int8)
    for window in sorted(windows, key=lambda each: each.band in _NESTS):
        part = found[window.quarters]
        if np.any((part != -1) & (part != _NESTS.get(window.band, -1))):
            raise ValueError(f"{window}: that time has another band already")
        part[:] = window.band
    if rest_flat:
        found[found == -1] = Band.FLAT
    if np.any(found == -1):
        first = int(np.argmax(found == -1)) * QUARTER_MIN
        raise ValueError(f"{told(first)} and after: no band has that time")
    found.flags.writeable = False
    return found


def in_force(tables: Sequence[BandTable], day: date) -> BandTable:
    """The newest that has begun; days before the first go by the first."""
    begun = [each for each in tables if each.since <= day]
    return max(begun, key=_since) if begun else min(tables, key=_since)


def told(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _since(table: BandTable) -> date:
    return table.since


def _once(windows: Iterable[Window]) -> None:
    taken = np.zeros(QUARTERS, np.bool_)
    for window in windows:
        if taken[window.quarters].any():
            raise ValueError(f"{window}: that time has another band already")
        taken[window.quarters] = True
