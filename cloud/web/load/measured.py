"""What really came on a day, by quarter-hour, from register values: to hold beside what was forecast."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.fleet import topology
from cloud.kit.days import bounds
from cloud.kit.scope import Scope
from cloud.metering.primary import PrimaryReadings
from cloud.metering.store import ms
from cloud.web import usage

QUARTER = timedelta(minutes=15)
LABELS = 96
REGISTER = "energy_import_wh"
BEFORE = timedelta(hours=1)


def area_meters(connection: Connection, day: date, zone: ZoneInfo, areas: Collection[str]) -> list[str]:
    """The meters that measured these areas on that day, or on part of it."""
    start, end = bounds(day, zone)
    found = topology.installations(connection, start, end, areas=areas)
    return sorted({each.meter for each in found if each.role == "area"})


def archived_kw(
    connection: Connection, folder: Path, day: date, zone: ZoneInfo, areas: Collection[str]
) -> NDArray[np.float64]:
    """(96,) kW by the wall clock of a closed day, of these areas' meters together, out of the archive.

    NaN where one of them is not known. Conflict: a file is damaged.
    """
    from cloud.analysis.grid import by_wall
    from cloud.insight import curves

    start, end = bounds(day, zone)
    found = topology.installations(connection, start, end, areas=areas)
    points = sorted({each.point for each in found if each.role == "area"})
    drawn = curves.curves(connection, folder, points, day, day, zone=zone, areas=areas)
    total = drawn.wh.astype(np.float64).sum(axis=0, keepdims=True) * (3600 / drawn.interval_s) / 1000
    kw: NDArray[np.float64] = by_wall(total, drawn.grid)[0, 0]
    return kw


def point_meters(connection: Connection, day: date, zone: ZoneInfo, point: str) -> list[str]:
    start, end = bounds(day, zone)
    return sorted({each.meter for each in topology.installations(connection, start, end, points=[point])})


def kw_of_day(
    store: PrimaryReadings, scope: Scope, meters: Collection[str], day: date, zone: ZoneInfo, now: datetime
) -> NDArray[np.float64]:
    """(96,) kW by the wall clock, of all these meters together; NaN where one of them is not known.

    A repeated hour holds the mean of both, as forecasts do; what a meter measured elsewhere is left out by
    the scope and, at an exchange, by the register that begins anew.
    """
    start, end = bounds(day, zone)
    edges = [ms(start + number * QUARTER) for number in range(round((end - start) / QUARTER) + 1)]
    parts = []
    for meter in sorted(meters):
        windows = [(ms(first), ms(last)) for first, last in scope.clip(meter, start, end)]
        series = store.advances(scope, meter, REGISTER, start - BEFORE, min(end, now) + QUARTER)
        readings = [
            (at, int(value)) for at, value in zip(series.at_ms, series.values, strict=True) if at <= ms(now)
        ]
        parts.append(usage.slots(readings, edges, windows, ms(now)))
    return _by_label(usage.add(parts) if parts else [], zone)


def _by_label(slots: list[usage.Slot | None], zone: ZoneInfo) -> NDArray[np.float64]:
    total, count = np.zeros(LABELS), np.zeros(LABELS)
    for slot in slots:
        if slot is None or slot.wh is None or slot.open or slot.ahead:
            continue
        wall = datetime.fromtimestamp(slot.start_ms / 1000, zone)
        label = (wall.hour * 60 + wall.minute) // 15
        total[label] += slot.wh / 250
        count[label] += 1
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
