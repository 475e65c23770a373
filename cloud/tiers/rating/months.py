"""What the indicators of twenty-four months say of each point: sums made by the database, one row a point.

Months before an account was served at a point are another's: a late comer's are summed on their own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, case, func, select

from cloud.insight.indicators.months import month_table
from cloud.metering.vee.point_day import Channel

Floats = NDArray[np.float64]
WINDOW = 12
_CHUNK = 400
_COLUMNS = (
    "energy", "days", "highest", "mean_month", "max_kw", "months", "valid_days", "empty_days", "empty_of",
    "load", "load_of", "valley", "valley_of", "peak", "peak_of", "base", "base_of",
    "same", "same_count", "before", "before_count", "valley_same", "valley_before",
)  # fmt: skip
_AT = {name: place for place, name in enumerate(_COLUMNS)}


def back(month: date, months: int) -> date:
    """The first day of the month so many months before."""
    number = month.year * 12 + month.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class PointSums:
    """`sums` (points, columns) float64, NaN where nothing is known."""

    points: dict[str, int]
    sums: Floats
    compared: int
    """Of how many months the same of the year before is there."""

    def rows(self, points: Iterable[str]) -> Floats:
        """(n, columns) in the order asked for, NaN for points of which there is nothing."""
        at = np.array([self.points.get(point, -1) for point in points], np.int64)
        empty = np.full((1, len(_COLUMNS)), np.nan)
        return np.vstack([self.sums, empty])[at]


def column(rows: Floats, name: str) -> Floats:
    return rows[:, _AT[name]]


def sums(connection: Connection, month: date, since: Mapping[str, date]) -> PointSums:
    """Of the twelve months that end with `month`, and the twelve before.

    `since` by point the first whole month that is its account's own.
    """
    known = _months(connection, month)
    same = [each for each in known if each > back(month, WINDOW) and back(each, WINDOW) in known]
    first = back(month, 2 * WINDOW - 1)
    found = _read(connection, month, first, same)
    late: dict[date, list[str]] = {}
    for point, own in since.items():
        if own > first and point in found:
            late.setdefault(own, []).append(point)
    for own, points in late.items():
        for point in points:
            del found[point]
        for low in range(0, len(points), _CHUNK):
            part = points[low : low + _CHUNK]
            found |= _read(connection, month, own, same, part)
    names = {point: row for row, point in enumerate(found)}
    table = np.array(list(found.values()), np.float64).reshape(-1, len(_COLUMNS))
    return PointSums(names, table, len(same))


def _months(connection: Connection, month: date) -> set[date]:
    """Of the twenty-four months those of which there is anything."""
    table, found = month_table.c, set()
    for number in range(2 * WINDOW):
        each = back(month, number)
        query = select(table.month).where(table.month == each, table.channel == Channel.IMPORT.value)
        if connection.execute(query.limit(1)).first() is not None:
            found.add(each)
    return found


def _read(
    connection: Connection,
    month: date,
    first: date,
    same: Sequence[date],
    points: Collection[str] | None = None,
) -> dict[str, tuple[float, ...]]:
    table = month_table.c
    query = select(table.point, *_sums(month, same)).where(
        table.channel == Channel.IMPORT.value, table.month.between(first, month)
    )
    if points is not None:
        query = query.where(table.point.in_(points))
    return {row[0]: tuple(row[1:]) for row in connection.execute(query.group_by(table.point))}


def _sums(month: date, same: Sequence[date]) -> list[ColumnElement[float]]:
    """As `_COLUMNS` has them; shares and factors are weighed by energy."""
    table = month_table.c
    now = table.month > back(month, WINDOW)
    valley = table.valley_share + func.coalesce(table.deep_valley_share, 0.0)
    peak = table.peak_share + func.coalesce(table.sharp_share, 0.0)
    again, a_year_ago = table.month.in_(same), table.month.in_([back(each, WINDOW) for each in same])
    energy = table.energy_kwh

    def total(of: ColumnElement[float], when: ColumnElement[bool] = now) -> ColumnElement[float]:
        return func.sum(case((when, of)))

    def known(of: ColumnElement[float], weight: ColumnElement[float] = energy) -> ColumnElement[float]:
        return func.sum(case((now & of.is_not(None), weight)))

    return [
        total(energy),
        known(energy, table.days),
        func.max(case((now, energy))),
        func.avg(case((now, energy))),
        func.max(case((now, table.max_kw))),
        func.count(case((now, energy))),
        total(table.valid_days),
        total(table.zero_days),
        known(table.zero_days, table.days),
        total(table.load_factor * energy),
        known(table.load_factor),
        total(valley * energy),
        known(table.valley_share),
        total(peak * energy),
        known(table.peak_share),
        total(table.base_kw * energy),
        total(table.mean_kw * energy),
        total(energy, again),
        func.count(case((again, energy))),
        total(energy, a_year_ago),
        func.count(case((a_year_ago, energy))),
        total(valley * energy, again),
        total(valley * energy, a_year_ago),
    ]
