"""Which meter measured which metering point, where, with which ratio, and when: the registry over time.

Whatever counts, validates, archives or sums readings asks here; nobody takes the registry of today for the past.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from cloud.fleet.registry import area_table, meter_table

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Installation:
    """One meter at one metering point from `start` up to and without `end` (None: still), nothing changing.

    A change of ratio, area or line ends one and begins the next. `point` stays when the meter is exchanged.
    """

    point: str
    meter: str
    area: str
    feeder: str
    gateway: str
    line: str
    role: str
    model: str
    interval_s: int
    ct_ratio: Decimal
    pt_ratio: Decimal
    start: datetime
    end: datetime | None


def installations(
    connection: Connection,
    start: datetime,
    end: datetime,
    *,
    points: Collection[str] | None = None,
    areas: Collection[str] | None = None,
) -> Sequence[Installation]:
    """Those that overlap [start, end), in order of point and start; `points`, `areas` None are all."""
    query = select(meter_table, area_table.c.feeder).join(area_table).order_by(meter_table.c.id)
    if points is not None:
        query = query.where(meter_table.c.id.in_(sorted(points)))
    if areas is not None:
        query = query.where(meter_table.c.area.in_(sorted(areas)))
    return [
        Installation(
            row.id,
            row.id,
            row.area,
            row.feeder,
            row.gateway,
            row.line,
            row.role,
            row.model,
            row.interval_s,
            Decimal(repr(row.ct_ratio)),
            Decimal(repr(row.pt_ratio)),
            BEGINNING,
            None,
        )
        for row in connection.execute(query)
    ]
