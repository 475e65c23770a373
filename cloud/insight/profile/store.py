"""What is known of each point's load profile, and the dictionary of shapes: read here by pages and rules."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, select

from cloud.analysis.profile.names import ShapeName
from cloud.analysis.profile.temperature import Sensitivity
from cloud.insight.indicators import packed
from cloud.insight.profile.tables import (
    centre_table,
    day_table,
    fit_table,
    group_table,
    profile_table,
    shape_table,
)

_CHUNK = 400


@dataclass(frozen=True, slots=True)
class TypicalDay:
    """A day that was: `kw` float32 (slots,), NaN where missing."""

    day: date
    kw: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Group:
    """A point's most frequent shape in a month: `share` of its `days`, `entropy` of all its codes in bits."""

    month: date
    code: int | None
    name: ShapeName | None
    share: float | None
    entropy: float | None
    days: int
    shares: dict[int, float]


@dataclass(frozen=True, slots=True)
class Profile:
    """Of the days `first` to `last`; `provisional` with fewer than 60 valid ones (the policy's number).

    `coverage` and `estimated` are shares of the slots of that time. `work` and `off` are medoids; `max_day`
    and `mean_day` are the other two usual choices: the maximum-load day, and the working day whose load
    factor is nearest the mean. `since` is the first month of the unbroken run in the present group.
    """

    point: str
    area: str
    month: date
    at: datetime
    first: date
    last: date
    valid_days: int
    provisional: bool
    coverage: float | None
    estimated: float | None
    work: TypicalDay | None
    off: TypicalDay | None
    max_day: date | None
    mean_day: date | None
    base_kw: float | None
    peak_kw: float | None
    temperature: Sensitivity | None
    group: Group | None
    since: date | None
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """One of the dictionary: `centre` float32 (slots,) of sum 1; `customers` whose group it is."""

    code: int
    name: ShapeName
    since: date
    retired: date | None
    centre: NDArray[np.float32]
    share: float
    customers: int


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The shapes of a month; `stability` is the mean adjusted Rand index of refits on half of the days."""

    month: date
    at: datetime
    days: int
    points: int
    stability: float | None
    explained: float | None
    within_theta: float | None
    theta: float
    shapes: tuple[Shape, ...]


def profile(connection: Connection, point: str, *, provisional_days: int = 60) -> Profile | None:
    """None: nothing was reckoned for this point yet."""
    row = connection.execute(select(profile_table).where(profile_table.c.point == point)).one_or_none()
    if row is None:
        return None
    return _profile(row, groups_of(connection, point), provisional_days)


def profiles(
    connection: Connection, points: Sequence[str], *, provisional_days: int = 60
) -> dict[str, Profile]:
    """By point, of those that have one, without the history of their groups: a few hundred at a time."""
    found: dict[str, Profile] = {}
    for low in range(0, len(points), _CHUNK):
        query = select(profile_table).where(profile_table.c.point.in_(points[low : low + _CHUNK]))
        found |= {row.point: _profile(row, [], provisional_days) for row in connection.execute(query)}
    return found


def _profile(row: Row[Any], groups: list[Group], provisional_days: int) -> Profile:
    newest = groups[0] if groups else None
    return Profile(
        point=row.point,
        area=row.area,
        month=row.month,
        at=row.at,
        first=row.first,
        last=row.last,
        valid_days=row.valid_days,
        provisional=row.valid_days < provisional_days,
        coverage=row.coverage,
        estimated=row.estimated,
        work=_typical(row.work_day, row.work_kw),
        off=_typical(row.off_day, row.off_kw),
        max_day=row.max_day,
        mean_day=row.mean_day,
        base_kw=row.base_kw,
        peak_kw=row.peak_kw,
        temperature=None if row.temperature is None else Sensitivity(**row.temperature),
        group=newest,
        since=_since(groups),
        groups=tuple(groups),
    )


def groups_of(connection: Connection, point: str) -> list[Group]:
    """Of every month, newest first."""
    table, shape = group_table.c, shape_table.c
    query = (
        select(group_table, shape.name, shape.number, shape.peak_slot)
        .outerjoin(shape_table, shape.code == table.code)
        .where(table.point == point)
        .order_by(table.month.desc())
    )
    return [
        Group(
            row.month,
            row.code,
            None if row.code is None else ShapeName(row.name, row.number, row.peak_slot),
            row.share,
            row.entropy,
            row.days,
            {int(code): share for code, share in row.shares.items()},
        )
        for row in connection.execute(query)
    ]


def dictionary(connection: Connection, month: date | None = None) -> Dictionary | None:
    """Of this month (its first day), or the newest; None where there is none."""
    query = select(fit_table).order_by(fit_table.c.month.desc()).limit(1)
    fit = connection.execute(
        query if month is None else query.where(fit_table.c.month == month)
    ).one_or_none()
    if fit is None:
        return None
    shapes = (
        select(centre_table, shape_table)
        .join(shape_table)
        .where(centre_table.c.month == fit.month)
        .order_by(centre_table.c.code)
    )
    return Dictionary(
        fit.month,
        fit.at,
        fit.days,
        fit.points,
        fit.stability,
        fit.explained,
        fit.within_theta,
        fit.theta,
        tuple(
            Shape(
                row.code,
                ShapeName(row.name, row.number, row.peak_slot),
                row.since,
                row.retired,
                np.frombuffer(row.centre, np.float32),
                row.share,
                row.customers,
            )
            for row in connection.execute(shapes)
        ),
    )


def codes_of_point(connection: Connection, point: str, first: date, last: date) -> dict[date, int]:
    """The code of each of these days that has one: what a calendar of shapes shows."""
    row = connection.execute(select(profile_table.c.area).where(profile_table.c.point == point)).one_or_none()
    table = day_table.c
    query = select(table.day, table.points, table.codes).where(table.day.between(first, last))
    found: dict[date, int] = {}
    for each in connection.execute(query if row is None else query.where(table.area == row.area)):
        names = packed.points(each.points)
        if point in names:
            code = int(np.frombuffer(zlib.decompress(each.codes), "<i2")[names.index(point)])
            if code >= 0:
                found[each.day] = code
    return found


def newest_month(connection: Connection) -> date | None:
    """The first day of the last month that was reckoned."""
    found: date | None = connection.scalar(select(func.max(profile_table.c.month)))
    return found


def _typical(day: date | None, kw: bytes | None) -> TypicalDay | None:
    return None if day is None or kw is None else TypicalDay(day, np.frombuffer(kw, np.float32))


def _since(groups: list[Group]) -> date | None:
    """The first month of the unbroken run of the newest month's code."""
    found = None
    for each in groups:
        if each.code is None or each.code != groups[0].code:
            break
        found = each.month
    return found
