"""Puts into the tables what the tasks gave: each in place of what there was of the same."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from cloud.analysis.profile import shapes
from cloud.analysis.profile.dictionary import Known, Renewed
from cloud.analysis.profile.names import ShapeName
from cloud.insight.indicators import packed
from cloud.insight.profile.tables import (
    centre_table,
    day_table,
    fit_table,
    group_table,
    profile_table,
    shape_table,
)
from cloud.insight.profile.tasks import Coding, Encoded, PointMonth

_AT_ONCE = 400


def save_days(
    connection: Connection,
    found: Iterable[tuple[str, date, str, Encoded]],
    coding_month: date,
) -> None:
    """(area, first day, inputs, codes) of each; the days follow one another from the first."""
    rows: list[dict[str, object]] = []
    by_day: dict[date, list[str]] = {}
    for area, first, inputs, encoded in found:
        points = packed.of_points(encoded.points)
        for place in range(encoded.codes.shape[1]):
            day = first + timedelta(days=place)
            by_day.setdefault(day, []).append(area)
            codes = zlib.compress(encoded.codes[:, place].astype("<i2").tobytes(), 1)
            rows.append(
                {
                    "area": area,
                    "day": day,
                    "version": shapes.VERSION,
                    "month": coding_month,
                    "inputs": inputs,
                    "points": points,
                    "codes": codes,
                }
            )
    table = day_table.c
    for day, areas in by_day.items():
        for part in _parts(areas):
            connection.execute(delete(day_table).where(table.day == day, table.area.in_(part)))
    if rows:
        connection.execute(insert(day_table), rows)


def save_dictionary(
    connection: Connection, month: date, made: Renewed, *, days: int, points: int, theta: float, at: datetime
) -> None:
    """New shapes come in, those that are gone are retired, and one that is back is not any more."""
    known = set(connection.scalars(select(shape_table.c.code)))
    fresh = [
        {
            "code": each.code,
            "name": each.name.key,
            "number": each.name.number,
            "peak_slot": each.name.peak_slot,
            "since": month,
            "retired": None,
        }
        for each in made.shapes
        if each.code not in known
    ]
    if fresh:
        connection.execute(insert(shape_table), fresh)
    table = shape_table.c
    for codes, retired in (([each.code for each in made.shapes], None), (list(made.gone), month)):
        if codes:
            connection.execute(update(shape_table).where(table.code.in_(codes)).values(retired=retired))
    connection.execute(delete(centre_table).where(centre_table.c.month == month))
    connection.execute(delete(fit_table).where(fit_table.c.month == month))
    fit = made.fit
    row = {
        "month": month,
        "version": shapes.VERSION,
        "at": at,
        "days": days,
        "points": points,
        "shapes": len(made.shapes),
        "stability": fit.stability.get(len(made.shapes)),
        "explained": fit.explained,
        "within_theta": fit.within_theta,
        "theta": theta,
    }
    connection.execute(insert(fit_table).values(row))
    rows = [
        {
            "month": month,
            "code": each.code,
            "centre": each.centre.astype("<f4").tobytes(),
            "share": share,
            "customers": 0,
        }
        for each, share in zip(made.shapes, made.shares, strict=True)
    ]
    connection.execute(insert(centre_table), rows)


def count_customers(connection: Connection, month: date, groups: dict[int, int]) -> None:
    """Whose group each shape of the month is."""
    table = centre_table.c
    connection.execute(update(centre_table).where(table.month == month).values(customers=0))
    for code, number in groups.items():
        mine = (table.month == month, table.code == code)
        connection.execute(update(centre_table).where(*mine).values(customers=number))


def save_points(
    connection: Connection,
    area: str,
    inputs: str,
    start: date,
    last: date,
    points: Sequence[PointMonth],
    at: datetime,
) -> None:
    """Profiles as of the month of `last`; `start` is the day of index 0. A newer month's profile stays."""
    month = last.replace(day=1)
    newer: set[str] = set()
    for part in _parts([each.point for each in points]):
        mine = group_table.c
        connection.execute(delete(group_table).where(mine.month == month, mine.point.in_(part)))
        table = profile_table.c
        later = select(table.point).where(table.point.in_(part), table.month > month)
        newer.update(connection.scalars(later))
        gone = [point for point in part if point not in newer]
        connection.execute(delete(profile_table).where(table.point.in_(gone)))
    common = {
        "area": area,
        "month": month,
        "version": shapes.VERSION,
        "at": at,
        "inputs": inputs,
        "last": last,
    }
    profiles = [common | _profile(each, start) for each in points if each.point not in newer]
    if profiles:
        connection.execute(insert(profile_table), profiles)
    if points:
        connection.execute(insert(group_table), [_group(each, month) for each in points])


def known_shapes(connection: Connection, before: date) -> list[Known]:
    """Every shape with the centre of its last month before this one; `retired` where it left by then."""
    table = centre_table.c
    query = (
        select(shape_table, centre_table.c.centre, centre_table.c.month)
        .join(centre_table)
        .where(table.month < before)
        .order_by(table.code, table.month)
    )
    newest = {row.code: row for row in connection.execute(query)}
    last = max((row.month for row in newest.values()), default=None)
    return [
        Known(
            row.code,
            ShapeName(row.name, row.number, row.peak_slot),
            np.frombuffer(row.centre, "<f4").astype(np.float32),
            row.month != last,
        )
        for row in newest.values()
    ]


def coding(connection: Connection, month: date | None = None) -> Coding | None:
    """The newest dictionary up to this month (its first day), or of all."""
    fits = select(fit_table.c.month).order_by(fit_table.c.month.desc()).limit(1)
    found = connection.scalar(fits if month is None else fits.where(fit_table.c.month <= month))
    if found is None:
        return None
    table = centre_table.c
    query = select(table.code, table.centre).where(table.month == found).order_by(table.code)
    rows = connection.execute(query).all()
    centres = np.stack([np.frombuffer(row.centre, "<f4") for row in rows]).astype(np.float32)
    return Coding(found, tuple(row.code for row in rows), centres)


def _profile(each: PointMonth, start: date) -> dict[str, object]:
    return {
        "point": each.point,
        "first": start + timedelta(days=each.first),
        "valid_days": each.valid_days,
        "coverage": each.coverage,
        "estimated": each.estimated,
        "work_day": _day(start, each.work),
        "work_kw": each.work_kw,
        "off_day": _day(start, each.off),
        "off_kw": each.off_kw,
        "max_day": _day(start, each.max_day),
        "mean_day": _day(start, each.mean_day),
        "base_kw": each.base_kw,
        "peak_kw": each.peak_kw,
        "temperature": asdict(each.temperature),
    }


def _group(each: PointMonth, month: date) -> dict[str, object]:
    own = each.habits
    return {
        "point": each.point,
        "month": month,
        "code": own.code,
        "share": own.share,
        "entropy": own.entropy,
        "days": own.days,
        "shares": {str(code): share for code, share in own.shares.items()},
    }


def _day(start: date, index: int) -> date | None:
    return None if index < 0 else start + timedelta(days=index)


def _parts(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE))
