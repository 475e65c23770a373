"""The indicators of months: one row for each month, channel and point, in plain columns for SQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Column,
    Connection,
    Date,
    Float,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    insert,
    select,
)

from cloud.kit.db import Instant, metadata
from cloud.metering.vee.point_day import Channel

COLUMNS = (
    "energy_kwh", "max_kw", "max_day", "min_kw", "mean_kw", "mean_daily_load_factor", "mean_peak_valley_rate",
    "max_peak_valley_kw", "max_hours", "load_factor", "sharp_share", "peak_share", "flat_share",
    "valley_share", "deep_valley_share", "night_share", "daytime_share", "weekend_ratio", "day_cv", "base_kw",
    "max_ramp_kw", "mean_peak_hours", "high_band_max_kw", "zero_days", "coverage", "estimated_share",
    "valid_days", "max_measured", "month_load_factor",
)  # fmt: skip
"""As `cloud.analysis.indicators.months.MONTHLY` has them: a test holds the two against each other."""
_CHUNK = 400

month_table = Table(
    "indicator_month",
    metadata,
    Column("month", Date, primary_key=True),
    Column("channel", String(40), primary_key=True),
    Column("point", String(64), primary_key=True),
    Column("area", String(64), nullable=False),
    Column("days", Integer, nullable=False),
    *(Column(name, Float) for name in COLUMNS),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "point", "channel", "month"),
)
"""`month` is its first day, `days` of how many days it was reckoned; null is what cannot be said."""


@dataclass(frozen=True, slots=True)
class MonthRows:
    """Points of one month; `areas` where each stood last, `values` by name float32 (points,) or NaN.

    `days` int64 (points,) were reckoned: fewer than the month has while it goes on.
    """

    month: date
    points: tuple[str, ...]
    areas: tuple[str, ...]
    days: NDArray[np.int64]
    values: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class MonthSeries:
    """One point; `values` by name float32 (months,), NaN where it cannot be said."""

    months: tuple[date, ...]
    days: NDArray[np.int64]
    values: dict[str, NDArray[np.float32]]


def save(
    connection: Connection, rows: MonthRows, version: int, at: datetime, channel: Channel = Channel.IMPORT
) -> None:
    """In place of what these points had of the month."""
    table = month_table.c
    for low in range(0, len(rows.points), _CHUNK):
        some = table.point.in_(rows.points[low : low + _CHUNK])
        mine = (table.month == rows.month, table.channel == channel.value)
        connection.execute(delete(month_table).where(*mine, some))
    columns = [_plain(rows.values[name]) for name in COLUMNS]
    head = {"month": rows.month, "channel": channel.value, "version": version, "at": at}
    found = [
        head | {"point": point, "area": area, "days": days} | dict(zip(COLUMNS, values, strict=True))
        for point, area, days, *values in zip(
            rows.points, rows.areas, rows.days.tolist(), *columns, strict=True
        )
    ]
    if found:
        connection.execute(insert(month_table), found)


def month_rows(
    connection: Connection,
    month: date,
    points: Collection[str] | None = None,
    channel: Channel = Channel.IMPORT,
) -> MonthRows:
    """All points of the month that has this day, or those named of which there is something, in order."""
    table = month_table.c
    query = select(month_table).where(table.month == month.replace(day=1), table.channel == channel.value)
    if points is not None and len(points) <= _CHUNK:
        query = query.where(table.point.in_(sorted(points)))
    wanted = None if points is None else set(points)
    rows = connection.execute(query.order_by(table.point)).all()
    found = [row for row in rows if wanted is None or row.point in wanted]
    names, areas = tuple(row.point for row in found), tuple(row.area for row in found)
    return MonthRows(month.replace(day=1), names, areas, _days(found), _values(found))


def months_of(
    connection: Connection, point: str, first: date, last: date, channel: Channel = Channel.IMPORT
) -> MonthSeries:
    """The months of a point that touch the days from `first` to `last`, in order."""
    table = month_table.c
    query = select(month_table).where(table.point == point, table.channel == channel.value)
    query = query.where(table.month.between(first.replace(day=1), last)).order_by(table.month)
    rows = connection.execute(query).all()
    return MonthSeries(tuple(row.month for row in rows), _days(rows), _values(rows))


def _days(rows: Sequence[Row[Any]]) -> NDArray[np.int64]:
    return np.array([row.days for row in rows], np.int64)


def _values(rows: Sequence[Row[Any]]) -> dict[str, NDArray[np.float32]]:
    return {
        name: np.array(
            [np.nan if (value := getattr(row, name)) is None else value for row in rows], np.float32
        )
        for name in COLUMNS
    }


def _plain(values: NDArray[np.float32]) -> list[float | None]:
    """NaN is null in a table."""
    known = ~np.isnan(values)
    return [value if said else None for value, said in zip(values.tolist(), known.tolist(), strict=True)]
