"""The indicators of days: a row for each area, day and channel, compact; a point's are where it stood."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Column,
    Connection,
    Date,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
)

from cloud.fleet import topology
from cloud.insight.indicators import packed
from cloud.insight.indicators.months import MonthRows, MonthSeries, month_rows, months_of
from cloud.kit.db import Instant, metadata
from cloud.metering.vee.point_day import Channel

__all__ = [
    "AreaDay", "DaySeries", "MonthRows", "MonthSeries", "area_days", "days_of", "inputs",
    "month_rows", "months_of", "of_area", "replace", "stood",
]  # fmt: skip
COLUMNS = 26
"""As `cloud.analysis.indicators.daily.INDICATORS` has them: a test holds the two against each other."""
_CHUNK = 400

day_table = Table(
    "indicator_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("channel", String(40), primary_key=True),
    Column("area", String(64), primary_key=True),
    Column("points", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("inputs", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "area", "channel", "day"),
)
"""`points`, `content` as `packed` has them, its last column the slots of the day; `inputs`: files read."""


@dataclass(frozen=True, slots=True)
class AreaDay:
    """`values` float32 (points, 26): a row for each point that stood there when the day ended.

    `slots` int64 (points,): how many the day has at the point's interval; coverage is of these.
    """

    area: str
    day: date
    channel: Channel
    points: tuple[str, ...]
    values: NDArray[np.float32]
    slots: NDArray[np.int64]
    inputs: str
    version: int


@dataclass(frozen=True, slots=True)
class DaySeries:
    """One point: `values` float32 (days, 26), NaN where unsaid; `slots` int64 (days,) of each day."""

    days: tuple[date, ...]
    values: NDArray[np.float32]
    slots: NDArray[np.int64]


def replace(
    connection: Connection, spans: Collection[tuple[str, date, date]], made: Iterable[AreaDay], at: datetime
) -> None:
    """In place of all there is of these (area, first day, last day), of every channel."""
    table = day_table.c
    gone = delete(day_table).where(
        table.area == bindparam("of_area"), table.day.between(bindparam("low"), bindparam("high"))
    )
    if spans:
        connection.execute(gone, [{"of_area": area, "low": low, "high": high} for area, low, high in spans])
    rows = [
        {
            "day": each.day,
            "channel": each.channel.value,
            "area": each.area,
            "points": packed.of_points(each.points),
            "content": packed.of_values(np.column_stack((each.values, each.slots)).astype(np.float32)),
            "inputs": each.inputs,
            "version": each.version,
            "at": at,
        }
        for each in made
    ]
    if rows:
        connection.execute(insert(day_table), rows)


def stood(
    connection: Connection, first: date, last: date, channel: Channel = Channel.IMPORT
) -> dict[str, frozenset[str]]:
    """The points that each area has anything of in these days."""
    table = day_table.c
    query = select(table.area, table.points).where(table.day.between(first, last))
    found: dict[str, frozenset[str]] = {}
    for row in connection.execute(query.where(table.channel == channel.value).distinct()):
        found[row.area] = found.get(row.area, frozenset()) | set(packed.points(row.points))
    return found


def inputs(connection: Connection, first: date, last: date) -> dict[tuple[str, date], tuple[str, int]]:
    """(inputs, version) of each (area, day) that is there."""
    table = day_table.c
    query = select(table.area, table.day, table.inputs, table.version)
    query = query.where(table.day.between(first, last), table.channel == Channel.IMPORT.value)
    return {(row.area, row.day): (row.inputs, row.version) for row in connection.execute(query)}


def area_days(
    connection: Connection,
    first: date,
    last: date,
    *,
    areas: Collection[str] | None = None,
    channel: Channel = Channel.IMPORT,
) -> Iterator[AreaDay]:
    """Everything there is of these days, both included, by day and area."""
    table = day_table.c
    query = select(day_table).where(table.day.between(first, last), table.channel == channel.value)
    if areas is not None:
        query = query.where(table.area.in_(sorted(areas)))
    for row in connection.execute(query.order_by(table.day, table.area).execution_options(yield_per=_CHUNK)):
        names = packed.points(row.points)
        content = packed.values(row.content, len(names))
        values, slots = content[:, :-1], content[:, -1].astype(np.int64)
        yield AreaDay(row.area, row.day, Channel(row.channel), names, values, slots, row.inputs, row.version)


def of_area(
    connection: Connection, area: str, first: date, last: date, channel: Channel = Channel.IMPORT
) -> list[AreaDay]:
    """The days of an area, in order; which points there are may change from day to day."""
    return list(area_days(connection, first, last, areas=[area], channel=channel))


def days_of(
    connection: Connection, point: str, first: date, last: date, channel: Channel = Channel.IMPORT
) -> DaySeries:
    """The days of a point that were reckoned, in order, wherever it stood; days without are left out."""
    stood = _stood(connection, point, first, last)
    found = []
    for each in area_days(connection, first, last, areas=stood, channel=channel):
        if point in each.points:
            row = each.points.index(point)
            found.append((each.day, each.values[row], each.slots[row]))
    values = np.array([row for _, row, _ in found], np.float32).reshape(-1, COLUMNS)
    slots = np.array([number for *_, number in found], np.int64)
    return DaySeries(tuple(day for day, *_ in found), values, slots)


def _stood(connection: Connection, point: str, first: date, last: date) -> set[str]:
    """The areas in which the point stood; a local day begins and ends within a day of the same day of UTC."""
    start = datetime.combine(first, time(), UTC) - timedelta(days=2)
    end = datetime.combine(last, time(), UTC) + timedelta(days=2)
    return {each.area for each in topology.installations(connection, start, end, points=[point])}
