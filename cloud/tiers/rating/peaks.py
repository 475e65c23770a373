"""How much of a customer's own highest load falls on the hours at which their area peaks.

The typical working day of the profile, at the quarter-hours of the area's three highest days of the month: a
figure for comparing customers, not a measurement of one day.
"""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo

import numpy as np
from sqlalchemy import Connection, select

from cloud.insight.areas.store import Kind
from cloud.insight.areas.tables import day_table
from cloud.insight.profile.tables import profile_table
from cloud.kit.days import DAY
from cloud.tiers.rating.facts import Floats
from cloud.tiers.rating.months import back

DAYS = 3
_CHUNK = 400


def coincidence(connection: Connection, month: date, points: Sequence[str | None], zone: tzinfo) -> Floats:
    """(n,) in [0, 1] by main point; NaN without a profile or without the area's peaks."""
    found = np.full(len(points), np.nan)
    parts = _parts_of_day(connection, month, zone)
    if not parts:
        return found
    table = profile_table.c
    of_point: dict[str, float] = {}
    query = select(table.point, table.area, table.work_kw).where(table.work_kw.is_not(None))
    for row in connection.execute(query):
        if (at := parts.get(row.area)) is not None:
            of_point[row.point] = _share(np.frombuffer(row.work_kw, np.float32), at)
    for number, point in enumerate(points):
        if point is not None and point in of_point:
            found[number] = of_point[point]
    return found


def _share(kw: np.ndarray[tuple[int], np.dtype[np.float32]], at: Floats) -> float:
    """Of the day's highest load, at these parts of a day; unknown where nothing is drawn."""
    there = kw[~np.isnan(kw)]
    highest = float(there.max()) if len(there) else 0.0
    if highest <= 0:
        return float("nan")
    wanted = kw[(at * len(kw)).astype(np.int64)]
    known = wanted[~np.isnan(wanted)]
    return float(np.clip(known.mean() / highest, 0, 1)) if len(known) else float("nan")


def _parts_of_day(connection: Connection, month: date, zone: tzinfo) -> dict[str, Floats]:
    """By area when its highest days of the month peaked, as parts of a day."""
    table = day_table.c
    days = table.day.between(month, back(month, -1) - DAY)
    query = select(table.subject, table.day, table.peak_kw).where(table.kind == Kind.AREA.value, days)
    of_area: dict[str, list[tuple[float, date]]] = {}
    for row in connection.execute(query.where(table.peak_kw.is_not(None))):
        of_area.setdefault(row.subject, []).append((row.peak_kw, row.day))
    highest = {area: {day for _, day in sorted(found)[-DAYS:]} for area, found in of_area.items()}
    wanted: dict[date, list[str]] = {}
    for area, chosen in highest.items():
        for day in chosen:
            wanted.setdefault(day, []).append(area)
    peaks: dict[str, list[float]] = {}
    for day, areas in wanted.items():
        for low in range(0, len(areas), _CHUNK):
            mine = table.subject.in_(areas[low : low + _CHUNK])
            details = select(table.subject, table.detail).where(
                table.kind == Kind.AREA.value, table.day == day, mine
            )
            for area, detail in connection.execute(details):
                if (at := detail.get("peak_at")) is not None:
                    peaks.setdefault(area, []).append(_part(at, zone))
    return {area: np.array(found) for area, found in peaks.items()}


def _part(at: str | datetime, zone: tzinfo) -> float:
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    local = instant.astimezone(zone)
    return (local.hour * 60 + local.minute) / (24 * 60)
