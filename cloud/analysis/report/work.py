"""What several sections need, reckoned once: wall-clock days, daily indicators, which days are whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import by_wall
from cloud.analysis.indicators import daily
from cloud.analysis.report.given import FULL_DAY, Given, Subject
from cloud.analysis.report.svg import Tick
from cloud.kit.calendar import DayType

Say = Callable[..., str]
AT = {each.name: number for number, each in enumerate(daily.INDICATORS)}
FLAT = 2


@dataclass(frozen=True)
class Work:
    """`t` says an English text in the report's language, its {names} filled in."""

    given: Given
    subject: Subject
    t: Say

    @cached_property
    def wall(self) -> NDArray[np.float32]:
        """kW of the subject by wall clock, (days, labels)."""
        found: NDArray[np.float32] = by_wall(self.subject.kw[None], self.given.grid)[0]
        return found

    @cached_property
    def daily(self) -> NDArray[np.float32]:
        """(days, 26) of the subject."""
        wh = self.subject.kw * np.float32(1000 * self.given.hours)
        found: NDArray[np.float32] = self._daily(np.ascontiguousarray(wh[None]))[0]
        return found

    @cached_property
    def daily_of_all(self) -> NDArray[np.float32]:
        """(meters, days, 26)"""
        return self._daily(self.given.wh)

    def _daily(self, wh: NDArray[np.float32]) -> NDArray[np.float32]:
        bands = self.given.bands
        if bands is None:
            bands = np.full(len(self.given.starts_ms), FLAT, np.int8)
        return daily.daily_of(wh, self.given.grid, interval_s=self.given.interval_s, bands=bands, threads=2)

    @cached_property
    def coverage(self) -> NDArray[np.float64]:
        """(days,) of the subject."""
        known = np.add.reduceat(~np.isnan(self.subject.kw), self.given.grid.first_slot[:-1], dtype=np.int64)
        found: NDArray[np.float64] = known / np.diff(self.given.grid.first_slot)
        return found

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """(days,): days that may stand in a mean."""
        return self.coverage >= FULL_DAY

    @cached_property
    def off(self) -> NDArray[np.bool_]:
        """(days,): Saturdays, Sundays, holidays."""
        return np.array([each is not DayType.WORK for each in self.given.day_types()], np.bool_)

    @cached_property
    def day_celsius(self) -> NDArray[np.float64]:
        """(days,): mean temperature of each day with three quarters of it known."""
        celsius = self.given.celsius
        first, count = self.given.grid.first_slot, np.diff(self.given.grid.first_slot)
        if celsius is None:
            return np.full(len(count), np.nan)
        known = np.add.reduceat(~np.isnan(celsius), first[:-1], dtype=np.int64)
        total = np.add.reduceat(np.nan_to_num(celsius.astype(np.float64)), first[:-1])
        return np.where(known >= 0.75 * count, total / np.maximum(known, 1), np.nan)

    def of(self, name: str, whole: bool = True) -> NDArray[np.float64]:
        """One daily indicator of the subject (days,), NaN on days that are not whole."""
        values = self.daily[:, AT[name]].astype(np.float64)
        return np.where(self.whole, values, np.nan) if whole else values

    def clock(self, label: int) -> str:
        minute = round(label * self.given.interval_s / 60)
        return f"{minute // 60:02}:{minute % 60:02}"


def day_ticks(days: Sequence[date], most: int) -> list[Tick]:
    """Firsts of months where there are many days, else Mondays; at most so many, evenly."""
    by_month = len(days) > 45
    at = [n for n, day in enumerate(days) if (day.day == 1 if by_month else day.weekday() == 0)]
    if len(days) <= 8:
        at = list(range(len(days)))
    every = max(1, -(-len(at) // most))
    said = "%Y-%m" if by_month else "%m-%d"
    return [Tick(n, days[n].strftime(said)) for n in at[::every]]


def hour_ticks(labels: int, narrow: bool) -> list[Tick]:
    step = 6 if narrow else 4
    return [Tick(hour * labels / 24, f"{hour:02}:00") for hour in range(0, 25, step)]


def means(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of each column over what is known of it; NaN of nothing."""
    known = np.isfinite(rows)
    count = known.sum(axis=0)
    total = np.where(known, rows, 0).sum(axis=0, dtype=np.float64)
    found: NDArray[np.float64] = np.full(len(count), np.nan)
    np.divide(total, count, out=found, where=count > 0)
    return found


def nice(top: float) -> float:
    """A little above the highest, so that nothing touches the ceiling."""
    return top * 1.06 if top > 0 else 1.0


def span_of(days: Sequence[date]) -> str:
    return f"{days[0]} … {days[-1]}" if days[0] != days[-1] else f"{days[0]}"


def next_day(days: Sequence[date]) -> date:
    return days[-1] + timedelta(days=1)
