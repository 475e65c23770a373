"""Days of a temperature event, as tariffs name them: "hot-35", a day of 35 °C; "hot-35-3", the third of them.

Out of measured hourly temperatures alone, never a forecast. A mark "hot-T" is a local day whose highest hour
reaches T °C; "hot-T-N" one that is at least the N-th such day in a row. A day is hot as soon as one of its
hours is; that it is not hot is known where all of its hours from 10 to 19 by the wall clock are. What is
neither is unknown, has no mark, and is told. Hours know a little less than the station's own
thermometer: whichever days the notice's weather service names stand above (to be checked).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from sqlalchemy import Connection, select

from cloud.insight.weather import HOUR_S, weather_table
from cloud.kit.days import DAY, bounds, days
from cloud.tariffs.documents import Plan

MARKS = ("hot-35", "hot-35-3")
"""Those that the documents that ship use."""
Marks = Mapping[date, frozenset[str]]
_FORM = re.compile(r"hot-(\d{2})(?:-(\d{1,2}))?")
_WARM_HOURS = range(10, 20)


@dataclass(frozen=True, slots=True)
class Events:
    """`unknown`: days of which the weather is not known well enough to say whether each mark holds."""

    marks: Marks
    unknown: Mapping[str, tuple[date, ...]]


def of_days(connection: Connection, first: date, last: date, zone: tzinfo, names: Collection[str]) -> Events:
    """Of the local days from `first` to `last`, by imported weather."""
    begin = _begin(first, _asked(names))
    return of_hours(_hours(connection, begin, last, zone), first, last, zone, names)


def of_hours(
    hours: Mapping[int, float], first: date, last: date, zone: tzinfo, names: Collection[str]
) -> Events:
    """By these hours, whole ones since 1970 in UTC. Names that are no temperature events are left out."""
    asked = _asked(names)
    begin = _begin(first, asked)
    marks: dict[date, set[str]] = {}
    unknown: dict[str, tuple[date, ...]] = {}
    for name, (celsius, run) in asked.items():
        hot = [hot_day(day, hours, celsius, zone) for day in days(begin, last)]
        held = dict(zip(days(begin, last), in_a_row(hot, run), strict=True))
        for day in days(first, last):
            if held[day]:
                marks.setdefault(day, set()).add(name)
        if missing := tuple(day for day in days(first, last) if held[day] is None):
            unknown[name] = missing
    return Events({day: frozenset(found) for day, found in marks.items()}, unknown)


def named_by(plans: Iterable[Plan]) -> frozenset[str]:
    """The temperature events that these plans' overlays ask for."""
    names = {name for plan in plans for overlay in plan.overlays for name in overlay.holidays}
    return frozenset(name for name in names if _said(name) is not None)


def hot_day(day: date, hours: Mapping[int, float], celsius: float, zone: tzinfo) -> bool | None:
    """`hours` by whole hours since 1970 in UTC; None where too little of the day is known."""
    start, end = (round(at.timestamp()) // HOUR_S for at in bounds(day, zone))
    if any(hours.get(hour, -273.0) >= celsius for hour in range(start, end)):
        return True
    warm = (round(datetime(day.year, day.month, day.day, at, tzinfo=zone).timestamp()) for at in _WARM_HOURS)
    return False if all(at // HOUR_S in hours for at in warm) else None


def in_a_row(hot: Sequence[bool | None], run: int) -> list[bool | None]:
    """Whether each day ends so many hot ones at least: no where one is not, else unknown where one is."""
    found: list[bool | None] = []
    for at in range(len(hot)):
        part = hot[max(0, at - run + 1) : at + 1]
        if any(each is False for each in part):
            found.append(False)
        elif len(part) < run or any(each is None for each in part):
            found.append(None)
        else:
            found.append(True)
    return found


class TemperatureEvents:
    """The marks of any days at the station's place; called as whoever bands a curve asks for them."""

    def __init__(self, zone: tzinfo, names: Collection[str] = MARKS) -> None:
        self._zone, self._names = zone, tuple(names)

    def __call__(self, connection: Connection, first: date, last: date) -> Marks:
        return self.of(connection, first, last).marks

    def of(self, connection: Connection, first: date, last: date) -> Events:
        """With what is unknown."""
        return of_days(connection, first, last, self._zone, self._names)


def _asked(names: Collection[str]) -> dict[str, tuple[float, int]]:
    return {name: found for name in names if (found := _said(name)) is not None}


def _begin(first: date, asked: Mapping[str, tuple[float, int]]) -> date:
    """So long before that a run which ends on the first day is seen whole."""
    return first - (max((run for _, run in asked.values()), default=1) - 1) * DAY


def _said(name: str) -> tuple[float, int] | None:
    """°C and days in a row."""
    found = _FORM.fullmatch(name)
    return None if found is None else (float(found[1]), max(1, int(found[2] or 1)))


def _hours(connection: Connection, first: date, last: date, zone: tzinfo) -> dict[int, float]:
    start, end = bounds(first, zone)[0], bounds(last, zone)[1] + timedelta(hours=1)
    low, high = (round(at.timestamp()) // HOUR_S for at in (start, end))
    table = weather_table.c
    query = select(weather_table).where(table.hour >= low, table.hour < high)
    return {row.hour: row.celsius for row in connection.execute(query)}
