"""Brings stored features up to date and reads them back: each area's months of which the days changed.

Nothing is read of curves: daily indicators and the typical days that the nights left are enough. A month has
the typical days that were the newest when it was reckoned.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from cloud.analysis.classes.features import FEATURES, VERSION
from cloud.analysis.indicators.daily import INDICATORS
from cloud.insight.indicators import monthly, packed
from cloud.insight.indicators import store as indicators
from cloud.insight.profile.tables import profile_table
from cloud.kit.calendar import Calendar
from cloud.kit.days import days
from cloud.kit.db import Database
from cloud.tariffs.usage import month_end
from cloud.tiers.mismatch.tables import feature_table

LABELS = 96
EXTRA = ("kwh", "coverage", "estimated")
_AREAS = 50
_CHUNK = 400
_AT = {each.name: place for place, each in enumerate(INDICATORS)}


@dataclass(frozen=True, slots=True)
class AreaMonth:
    """`values` float32 (points, features + 3): the last three are kWh, coverage and estimated share."""

    month: date
    area: str
    points: tuple[str, ...]
    values: NDArray[np.float32]
    inputs: str


@dataclass(frozen=True, slots=True)
class Typical:
    """`work`, `off` float32 (points, 96) kW by the wall clock, NaN where there is none."""

    points: tuple[str, ...]
    work: NDArray[np.float32]
    off: NDArray[np.float32]


def bring(database: Database, calendar: Calendar, months: Sequence[date], now: datetime) -> int:
    """Reckon what changed of these months (first days), and forget older ones; how many area-months."""
    done = 0
    for month in months:
        last = month_end(month)
        with database.read() as connection:
            wanted = _inputs(connection, month, last)
            known = _known(connection, month)
        changed = sorted(area for area, inputs in wanted.items() if known.get(area) != (inputs, VERSION))
        for low in range(0, len(changed), _AREAS):
            done += _reckon(database, calendar, month, changed[low : low + _AREAS], wanted, now)
    if months:
        with database.write() as connection:
            connection.execute(delete(feature_table).where(feature_table.c.month < min(months)))
    return done


def stored(connection: Connection, first: date, last: date) -> Iterator[AreaMonth]:
    """By month and area."""
    table = feature_table.c
    query = select(feature_table).where(table.month.between(first, last), table.version == VERSION)
    for row in connection.execute(query.order_by(table.month, table.area).execution_options(yield_per=200)):
        points = packed.points(row.points)
        yield AreaMonth(row.month, row.area, points, packed.values(row.content, len(points)), row.inputs)


def typical(connection: Connection, points: Sequence[str] | None = None) -> Typical:
    """The newest typical days, of all points or of these, in order of point."""
    table = profile_table.c
    query = select(table.point, table.work_kw, table.off_kw).order_by(table.point)
    parts = [None] if points is None else [points[at : at + _CHUNK] for at in range(0, len(points), _CHUNK)]
    rows = [
        row
        for part in parts
        for row in connection.execute(query if part is None else query.where(table.point.in_(part)))
    ]
    rows.sort(key=lambda row: row.point)
    work, off = (np.full((len(rows), LABELS), np.nan, np.float32) for _ in range(2))
    for at, row in enumerate(rows):
        for kept, kw in ((work, row.work_kw), (off, row.off_kw)):
            if kw is not None:
                kept[at] = _quarters(np.frombuffer(kw, np.float32))
    return Typical(tuple(row.point for row in rows), work, off)


def _reckon(
    database: Database,
    calendar: Calendar,
    month: date,
    areas: Sequence[str],
    wanted: Mapping[str, str],
    now: datetime,
) -> int:
    last = month_end(month)
    with database.read() as connection:
        stood = indicators.stood(connection, month, last)
        made = []
        for mine, others in monthly.groups(stood, areas):
            found = list(indicators.area_days(connection, month, last, areas={*mine, *others}))
            made += list(_features(connection, calendar, month, found, mine))
    rows = [
        {
            "month": month,
            "area": area,
            "points": packed.of_points(points),
            "content": packed.of_values(values),
            "inputs": wanted[area],
            "version": VERSION,
            "at": now,
        }
        for area, points, values in made
    ]
    table = feature_table.c
    with database.write() as connection:
        connection.execute(delete(feature_table).where(table.month == month, table.area.in_(areas)))
        if rows:
            connection.execute(insert(feature_table), rows)
    return len(rows)


def _features(
    connection: Connection,
    calendar: Calendar,
    month: date,
    found: Sequence[indicators.AreaDay],
    mine: Sequence[str],
) -> Iterator[tuple[str, tuple[str, ...], NDArray[np.float32]]]:
    """(area, points, values) of the points that stood last in each of these areas."""
    from cloud.analysis.classes.features import features

    span = list(days(month, month_end(month)))
    kinds = [each.value for each in calendar.day_types(span)]
    cube = monthly.Cube.of(found, span)
    days_of = typical(connection, cube.points)
    place = {point: at for at, point in enumerate(days_of.points)}
    at = np.array([place.get(point, -1) for point in cube.points], np.int64)
    work, off = (_taken(each, at) for each in (days_of.work, days_of.off))
    values = np.column_stack((features(cube.values, kinds, cube.slots, work, off), _told(cube)))
    rows: dict[str, list[int]] = defaultdict(list)
    for row, point in enumerate(cube.points):
        rows[cube.last_area[point]].append(row)
    for area in mine:
        chosen = rows.get(area, [])
        yield area, tuple(cube.points[row] for row in chosen), values[chosen].astype(np.float32)


def _told(cube: monthly.Cube) -> NDArray[np.float32]:
    """(points, 3): kWh of what is known, its share of the month, and how much of it is estimated."""
    known = np.nan_to_num(cube.values[:, :, _AT["valid_slots"]]).sum(axis=1)
    guessed = np.nan_to_num(cube.values[:, :, _AT["estimated_slots"]]).sum(axis=1)
    usual = (86_400 // cube.interval_s)[:, None]
    expected = np.where(cube.slots > 0, cube.slots, usual).sum(axis=1)
    kwh = np.nan_to_num(cube.values[:, :, _AT["energy_kwh"]]).sum(axis=1)
    return np.column_stack((kwh, known / expected, guessed / np.maximum(known, 1))).astype(np.float32)


def _taken(kw: NDArray[np.float32], at: NDArray[np.int64]) -> NDArray[np.float32]:
    if not len(kw):
        return np.full((len(at), LABELS), np.nan, np.float32)
    return np.where((at >= 0)[:, None], kw[np.maximum(at, 0)], np.float32(np.nan))


def _quarters(kw: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(kw, LABELS // len(kw)) if len(kw) and LABELS % len(kw) == 0 else np.full(LABELS, np.nan)


def _inputs(connection: Connection, first: date, last: date) -> dict[str, str]:
    """What each area's month is made of; that there are typical days at all counts, which ones does not."""
    table = profile_table.c
    shaped = set(connection.scalars(select(table.area).distinct()))
    told: dict[str, list[str]] = defaultdict(list)
    for (area, day), (inputs, version) in sorted(indicators.inputs(connection, first, last).items()):
        told[area].append(f"{day} {inputs} {version}")
    return {area: _digest([*lines, str(area in shaped)]) for area, lines in told.items()}


def _known(connection: Connection, month: date) -> dict[str, tuple[str, int]]:
    table = feature_table.c
    query = select(table.area, table.inputs, table.version).where(table.month == month)
    return {row.area: (row.inputs, row.version) for row in connection.execute(query)}


def _digest(lines: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


COLUMNS = len(FEATURES) + len(EXTRA)
