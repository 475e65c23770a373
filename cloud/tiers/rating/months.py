"""What the indicators of twenty-four months say of each point: sums made by the database, one row a point.

Months before an account was served at a point are another's: a late comer's are summed on their own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, case, func, select

from cloud.insight.indicators.months import month_table
from cloud.metering.vee.point_day import Channel

Floats = NDArray[np.float64]
WINDOW = 12
MOST_ESTIMATED = 0.1
"""How energy lies within the days of a month is known where no greater share of its slots was estimated."""
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
) -> dict[str, tuple[float | None, ...]]:
    """By point, in the order of `_COLUMNS`: what the last year says, and then what compares two years."""
    start = max(first, back(month, WINDOW - 1))
    now = _grouped(connection, _of_now(), month_table.c.month.between(start, month), points)
    both = [each for one in same for each in (one, back(one, WINDOW)) if each >= first]
    compared = _grouped(connection, _of_both(same), month_table.c.month.in_(both), points) if both else {}
    nothing: tuple[None, ...] = (None,) * (len(_COLUMNS) - len(_of_now()))
    return {point: values + compared.get(point, nothing) for point, values in now.items()}


def _grouped(
    connection: Connection,
    wanted: Sequence[ColumnElement[Any]],
    when: ColumnElement[bool],
    points: Collection[str] | None,
) -> dict[str, tuple[float | None, ...]]:
    table = month_table.c
    query = select(table.point, *wanted).where(table.channel == Channel.IMPORT.value, when)
    if points is not None:
        query = query.where(table.point.in_(points))
    return {row[0]: tuple(row[1:]) for row in connection.execute(query.group_by(table.point))}


def _of_now() -> list[ColumnElement[Any]]:
    """Shares and factors are weighed by energy; a weight counts where both are known."""
    table = month_table.c
    energy, valley = table.energy_kwh, _valley()
    load_factor, peak_share = _measured(table.load_factor), _measured(table.peak_share)
    valley_share, base_kw = _measured(table.valley_share), _measured(table.base_kw)
    peak = peak_share + _known(table.sharp_share)
    return [
        func.sum(energy),
        _where(table.days, energy),
        func.max(energy),
        func.avg(energy),
        func.max(table.max_kw),
        func.count(energy),
        func.sum(table.valid_days),
        func.sum(table.zero_days),
        _where(table.days, table.zero_days),
        func.sum(load_factor * energy),
        _where(energy, load_factor),
        func.sum(valley * energy),
        _where(energy, valley_share),
        func.sum(peak * energy),
        _where(energy, peak_share),
        func.sum(base_kw * energy),
        func.sum(case((base_kw.is_not(None), table.mean_kw * energy))),
    ]


def _of_both(same: Sequence[date]) -> list[ColumnElement[Any]]:
    """Of the months of this year and of the same a year before."""
    table = month_table.c
    energy, again = table.energy_kwh, table.month.in_(same)
    shifted = _valley() * energy
    return [
        func.sum(case((again, energy))),
        func.count(case((again, energy))),
        func.sum(case((~again, energy))),
        func.count(case((~again, energy))),
        func.sum(case((again, shifted))),
        func.sum(case((~again, shifted))),
    ]


def _valley() -> ColumnElement[Any]:
    table = month_table.c
    return _measured(table.valley_share) + _known(table.deep_valley_share)


def _measured(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Null where the days were estimated: an estimate's shape is that of other days, or of nobody's."""
    return case((_known(month_table.c.estimated_share) <= MOST_ESTIMATED, value))


def _known(share: ColumnElement[Any]) -> ColumnElement[Any]:
    """A band that a tariff does not have is none of it."""
    return func.coalesce(share, 0.0)


def _where(summed: ColumnElement[Any], known: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.sum(case((known.is_not(None), summed)))
