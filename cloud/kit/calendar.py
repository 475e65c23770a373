"""Which days are like which: work, Saturday, off. The only importer of chinese_calendar and holidays.

What the station's own file says stands above what the libraries know. Neither guesses: a year whose notice is
not out yet is known by its statutory days alone, and `certain` says so.
"""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import chinese_calendar
import holidays
from pydantic import BaseModel, ConfigDict, model_validator

from cloud import policies


class DayType(StrEnum):
    """A day off is like a Sunday; a Saturday or Sunday that is worked is a working day."""

    WORK = "work"
    SATURDAY = "saturday"
    OFF = "off"


class Calendar(BaseModel):
    """`country` as ISO 3166 has it; `days_off` and `worked` are this station's own and stand above all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = ""
    source: str = ""
    country: str = "CN"
    subdivision: str = ""
    days_off: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()

    @model_validator(mode="after")
    def _possible(self) -> "Calendar":
        if both := self.days_off & self.worked:
            raise ValueError(f"{min(both)} is both a day off and worked")
        try:
            _statutory(self.country, self.subdivision)
        except NotImplementedError:
            raise ValueError(
                f"country, subdivision: {self.country!r} {self.subdivision!r} is not known to `holidays`"
            ) from None
        return self

    def day_type(self, day: date) -> DayType:
        if day in self.worked:
            return DayType.WORK
        if day in self.days_off:
            return DayType.OFF
        if self.country == "CN" and _noticed(day.year):
            return _chinese(day)
        if day.weekday() == 6 or day in _statutory(self.country, self.subdivision):
            return DayType.OFF
        return DayType.SATURDAY if day.weekday() == 5 else DayType.WORK

    def day_types(self, days: Iterable[date]) -> list[DayType]:
        return [self.day_type(day) for day in days]

    def holiday(self, day: date) -> str | None:
        """The name of the holiday that this day belongs to, in English where it has one; None on others."""
        if day in self.worked:
            return None
        if self.country == "CN" and _noticed(day.year):
            off, _ = chinese_calendar.get_holiday_detail(day)
            if not off and day not in self.days_off:
                return None
        name = _statutory(self.country, self.subdivision).get(day)
        return str(name) if name else ("休" if day in self.days_off else None)

    def breaks(self, day: date, names: Collection[str]) -> frozenset[str]:
        """Which of these holidays lie in the run of days off around this one; of a worked day none."""
        if not names or self.day_type(day) is DayType.WORK:
            return frozenset()
        kept = [self.holiday(each) or "" for each in self._run(day)]
        return frozenset(name for name in names if any(name in each for each in kept))

    def _run(self, day: date) -> list[date]:
        found = [day]
        for step in (-1, 1):
            each = day + timedelta(days=step)
            while self.day_type(each) is not DayType.WORK:
                found.append(each)
                each += timedelta(days=step)
        return found

    def certain(self, year: int) -> bool:
        """Whether that year's days are known to the end, make-up days included."""
        return self.country != "CN" or _noticed(year)


def station_calendar(folder: Path | None = None) -> Calendar:
    """The station's calendar; Invalid says what is wrong with its file."""
    return policies.read("calendar", Calendar, folder)


@lru_cache(maxsize=256)
def _noticed(year: int) -> bool:
    known = chinese_calendar.constants.holidays
    return bool(min(known).year <= year <= max(known).year)


@lru_cache(maxsize=4096)
def _chinese(day: date) -> DayType:
    off, name = chinese_calendar.get_holiday_detail(day)
    if not off:
        return DayType.WORK
    return DayType.SATURDAY if name is None and day.weekday() == 5 else DayType.OFF


@lru_cache(maxsize=8)
def _statutory(country: str, subdivision: str) -> Any:
    """NotImplementedError where `holidays` knows no such place."""
    return holidays.country_holidays(country, subdiv=subdivision or None, language="en_US")
