"""The points of a month in a list: what they used, how evenly, in which shape; sorted by the database."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from cloud.analysis.profile.names import ShapeName
from cloud.fleet.history import point_facts
from cloud.insight.indicators.months import month_table
from cloud.insight.profile.tables import group_table, shape_table
from cloud.metering.vee.point_day import Channel
from cloud.web.language import Words
from cloud.web.load.quality import Quality, quality

SHOWN = 100
SORTS = {
    "energy": month_table.c.energy_kwh,
    "peak": month_table.c.max_kw,
    "factor": month_table.c.mean_daily_load_factor,
    "valley": month_table.c.mean_peak_valley_rate,
}
LEAST_DAYS = 7
"""With fewer days a month's figures are provisional."""


@dataclass(frozen=True, slots=True)
class Listed:
    point: str
    area: str
    energy_kwh: float | None
    max_kw: float | None
    load_factor: float | None
    peak_valley_rate: float | None
    group: str
    group_share: float | None
    rests: Quality


def months(connection: Connection) -> list[date]:
    """The months there is anything of, newest first."""
    query = select(month_table.c.month).distinct().order_by(month_table.c.month.desc())
    return list(connection.scalars(query))


def groups(connection: Connection, month: date, words: Words) -> list[tuple[int, str, int]]:
    """(code, name, how many points) of each shape group of a month, the largest first."""
    count = func.count().label("points")
    query = (
        select(group_table.c.code, shape_table.c.name, shape_table.c.number, shape_table.c.peak_slot, count)
        .join(shape_table, shape_table.c.code == group_table.c.code)
        .where(group_table.c.month == month)
        .group_by(group_table.c.code, shape_table.c.name, shape_table.c.number, shape_table.c.peak_slot)
        .order_by(count.desc(), group_table.c.code)
    )
    return [(row.code, _name(row, words), row.points) for row in connection.execute(query)]


def listed(
    connection: Connection,
    month: date,
    words: Words,
    *,
    points: Collection[str] | None = None,
    area: str | None = None,
    group: int | None = None,
    sort: str = "energy",
) -> tuple[list[Listed], int]:
    """The first of the points, and how many there are; None of `points` is all, what is not known last."""
    query = _query(month, points, area, group)
    total = connection.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    by = SORTS.get(sort, SORTS["energy"]).desc().nulls_last()
    rows = connection.execute(query.order_by(by, month_table.c.point).limit(SHOWN))
    return [_listed(row, words) for row in rows], total


def _query(month: date, points: Collection[str] | None, area: str | None, group: int | None) -> Select[Any]:
    table, theirs, place = month_table.c, group_table.c, point_facts.c
    of_areas = select(place.point).where(
        place.role == "area", place.withdrawn_at.is_(None), place.end.is_(None)
    )
    query: Select[Any] = (
        select(month_table, shape_table.c.name, shape_table.c.number, shape_table.c.peak_slot)
        .add_columns(theirs.code, theirs.share)
        .outerjoin(group_table, (theirs.point == table.point) & (theirs.month == table.month))
        .outerjoin(shape_table, shape_table.c.code == theirs.code)
        .where(table.month == month, table.channel == Channel.IMPORT.value, table.point.not_in(of_areas))
    )
    if points is not None:
        query = query.where(table.point.in_(sorted(points)))
    if area is not None:
        query = query.where(table.area == area)
    return query if group is None else query.where(theirs.code == group)


def _listed(row: Row[Any], words: Words) -> Listed:
    return Listed(
        row.point,
        row.area,
        row.energy_kwh,
        row.max_kw,
        row.mean_daily_load_factor,
        row.mean_peak_valley_rate,
        _name(row, words) if row.code is not None else "",
        row.share,
        quality(row.coverage, row.estimated_share, early=row.days < LEAST_DAYS),
    )


def _name(row: Row[Any], words: Words) -> str:
    return ShapeName(row.name, row.number, row.peak_slot).said(words.language)
