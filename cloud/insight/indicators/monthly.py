"""Months out of the days that were reckoned: some areas at a time, a point that moved in one piece."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from cloud.insight.indicators import months, store
from cloud.insight.indicators.months import MonthRows
from cloud.insight.indicators.store import AreaDay
from cloud.kit.calendar import Calendar
from cloud.kit.days import days
from cloud.kit.db import Database
from cloud.metering.vee.point_day import Channel

AREAS = 50
"""So many areas' days of a month are in memory at once: some 15 MB."""
_USUAL = {900: 96, 1800: 48, 3600: 24}


def run(
    database: Database,
    calendar: Calendar,
    now: datetime,
    first: date,
    last: date,
    areas: Collection[str] | None = None,
    channel: Channel = Channel.IMPORT,
) -> int:
    """Reckon and keep the month of the points that stood in these areas, or in any; how many points."""
    from cloud.analysis.indicators.months import VERSION

    with database.read() as connection:
        stood = store.stood(connection, first, last, channel)
    done = 0
    for mine, others in groups(stood, areas):
        with database.read() as connection:
            found = list(store.area_days(connection, first, last, areas={*mine, *others}, channel=channel))
        rows = _month(found, calendar, mine)
        with database.write() as connection:
            months.save(connection, rows, VERSION, now, channel)
        done += len(rows.points)
    return done


def groups(
    stood: Mapping[str, frozenset[str]], areas: Collection[str] | None
) -> Iterator[tuple[list[str], set[str]]]:
    """Some areas at a time, and those in which points of theirs stood, too."""
    of_point: dict[str, list[str]] = {}
    for area, points in stood.items():
        for point in points:
            of_point.setdefault(point, []).append(area)
    moved = {point: found for point, found in of_point.items() if len(found) > 1}
    wanted = sorted(stood if areas is None else stood.keys() & set(areas))
    for low in range(0, len(wanted), AREAS):
        mine = wanted[low : low + AREAS]
        yield mine, {other for found in moved.values() if set(mine) & set(found) for other in found}


def _month(found: Sequence[AreaDay], calendar: Calendar, mine: Collection[str]) -> MonthRows:
    """Of every point that stood in one of these areas."""
    span = list(days(found[0].day, found[-1].day))
    cube = Cube.of(found, span)
    here = [row for row, name in enumerate(cube.points) if cube.areas[name] & set(mine)]
    values = np.empty((len(here), len(months.COLUMNS)), np.float32)
    kinds = [each.value for each in calendar.day_types(span)]
    rows = np.array(here, np.int64)
    for interval_s in _USUAL:
        some = np.flatnonzero(cube.interval_s[rows] == interval_s)
        if len(some):
            values[some] = _reckoned(cube, rows[some], span, kinds, interval_s)
    names = tuple(cube.points[row] for row in here)
    columns = {name: values[:, at] for at, name in enumerate(months.COLUMNS)}
    stood_last = tuple(cube.last_area[name] for name in names)
    return MonthRows(span[0].replace(day=1), names, stood_last, (cube.slots[rows] > 0).sum(axis=1), columns)


def _reckoned(
    cube: "Cube", rows: NDArray[np.int64], span: Sequence[date], kinds: Sequence[str], interval_s: int
) -> NDArray[np.float32]:
    from cloud.analysis.indicators.months import monthly

    expected = _with_gaps(cube.slots[rows], _USUAL[interval_s])
    return monthly(cube.values[rows], span, kinds, expected, interval_s=interval_s)


def _with_gaps(slots: NDArray[np.int64], usual: int) -> NDArray[np.int64]:
    """A day without anything between two that have something should have been a usual one."""
    there = slots > 0
    before = np.maximum.accumulate(there, axis=1)
    after = np.maximum.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    return np.where(~there & before & after, usual, slots)


@dataclass(frozen=True, slots=True)
class Cube:
    """`values` float32 (points, days, 26), NaN where there is none; `slots` int64 (points, days), then 0."""

    points: tuple[str, ...]
    values: NDArray[np.float32]
    slots: NDArray[np.int64]
    areas: dict[str, set[str]]
    last_area: dict[str, str]

    @property
    def interval_s(self) -> NDArray[np.int64]:
        """(points,): of the longest day; one of 23, 46 or 92 slots is no usual one, and tells it as well."""
        most = self.slots.max(axis=1, initial=0)
        return np.where(most > 60, 900, np.where(most > 30, 1800, 3600))

    @classmethod
    def of(cls, found: Sequence[AreaDay], span: Sequence[date]) -> "Cube":
        """Of rows in order of day."""
        areas: dict[str, set[str]] = {}
        last_area: dict[str, str] = {}
        for each in found:
            for point in each.points:
                areas.setdefault(point, set()).add(each.area)
                last_area[point] = each.area
        points = tuple(sorted(areas))
        line = {point: row for row, point in enumerate(points)}
        place = {day: number for number, day in enumerate(span)}
        values = np.full((len(points), len(span), store.COLUMNS), np.nan, np.float32)
        slots = np.zeros((len(points), len(span)), np.int64)
        for each in found:
            rows = [line[point] for point in each.points]
            values[rows, place[each.day]] = each.values
            slots[rows, place[each.day]] = each.slots
        return cls(points, values, slots, areas, last_area)
