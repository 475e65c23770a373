"""Which meter measured which metering point, where, with which ratio, and when: the registry over time.

Whatever counts, validates, archives or sums readings asks here; nobody takes today's registry for the past.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from cloud.fleet import history
from cloud.fleet.history import point_facts, point_meter
from cloud.fleet.installed import LATEST, Installation, as_until, installations
from cloud.fleet.spans import BEGINNING
from cloud.fleet.tables import meter_table

__all__ = [
    "BEGINNING",
    "InService",
    "Installation",
    "RatioSpan",
    "at",
    "in_service",
    "installations",
    "known_since",
    "points",
    "ratios",
]


@dataclass(frozen=True, slots=True)
class InService:
    """A point that had a meter on a day; `partly` says why it had none, or not the same, all day long."""

    point: str
    area: str
    feeder: str
    role: str
    installations: tuple[Installation, ...]
    partly: str | None

    @property
    def whole(self) -> bool:
        return self.partly is None


@dataclass(frozen=True, slots=True)
class RatioSpan:
    """The ratios that a meter had behind it from `start` up to and without `end`."""

    start: datetime
    end: datetime | None
    ct_ratio: float
    pt_ratio: float


def ratios(
    connection: Connection, meters: Collection[str] | None = None
) -> dict[str, tuple[str, list[RatioSpan]]]:
    """Model and spans, in order, of each meter that ever hung behind transformers; few of a station's."""
    found: dict[str, tuple[str, list[RatioSpan]]] = {}
    for query in history.among(_behind(), point_meter.c.meter, meters):
        for row in connection.execute(query):
            start, until = max(row.start, row.since), min(as_until(row.end), as_until(row.to))
            span = RatioSpan(start, None if until == LATEST else until, row.ct_ratio, row.pt_ratio)
            if start < until:
                found.setdefault(row.meter, (row.model, []))[1].append(span)
    return found


def _behind() -> Select[Any]:
    hung, place = point_meter.c, point_facts.c
    columns = (hung.meter, hung.start, hung.end, meter_table.c.model, place.ct_ratio, place.pt_ratio)
    return (
        select(*columns, place.start.label("since"), place.end.label("to"))
        .select_from(point_meter)
        .join(point_facts, place.point == hung.point)
        .join(meter_table, meter_table.c.id == hung.meter)
        .where(hung.withdrawn_at.is_(None), place.withdrawn_at.is_(None))
        .where((place.ct_ratio != 1) | (place.pt_ratio != 1))
        .order_by(hung.meter, hung.start, place.start)
    )


def points(
    connection: Connection,
    *,
    area: str | None = None,
    after: str = "",
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """(point, area, box, role, side, phase, parent, ct_ratio, pt_ratio, start, end, meter) of each point.

    As they are now: `meter` is None where none hangs.
    """
    query = _points(ended=False).where(point_facts.c.point > after).limit(limit)
    return connection.execute(query if area is None else query.where(point_facts.c.area == area)).all()


def points_named(connection: Connection, names: Collection[str]) -> Sequence[Row[Any]]:
    """The rows of `points` of those named, ended ones too: what holds now, or held last."""
    found: dict[str, Row[Any]] = {}
    for query in history.among(_points(ended=True), point_facts.c.point, names):
        found.update({row.point: row for row in connection.execute(query.order_by(point_facts.c.start))})
    return [found[name] for name in sorted(found)]


def _points(*, ended: bool) -> Select[Any]:
    place, hung = point_facts.c, point_meter.c
    now = (hung.point == place.point) & hung.withdrawn_at.is_(None) & hung.end.is_(None)
    columns = (place.point, place.area, place.box, place.role, place.side, place.phase, place.parent)
    query: Select[Any] = (
        select(*columns, place.ct_ratio, place.pt_ratio, place.start, place.end, hung.meter)
        .outerjoin(point_meter, now)
        .where(place.withdrawn_at.is_(None))
        .order_by(place.point)
    )
    return query if ended else query.where(place.end.is_(None))


def known_since(connection: Connection, meters: Collection[str]) -> dict[str, datetime]:
    """When each of these meters was first written down; a document says of none since when it hangs."""
    table = point_meter.c
    query = select(table.meter, func.min(table.recorded_at)).group_by(table.meter)
    return {
        meter: at
        for part in history.among(query, table.meter, meters)
        for meter, at in connection.execute(part)
    }


def at(connection: Connection, point: str, instant: datetime) -> Installation | None:
    """What measured the point at an instant; None when nothing did."""
    found = installations(connection, instant, instant.max.replace(tzinfo=instant.tzinfo), points=[point])
    return next((each for each in found if each.start <= instant), None)


def in_service(
    connection: Connection,
    day_start: datetime,
    day_end: datetime,
    *,
    points: Collection[str] | None = None,
    areas: Collection[str] | None = None,
) -> list[InService]:
    """The points that had a meter for any part of [day_start, day_end): who should have been read."""
    by_point: dict[str, list[Installation]] = {}
    for each in installations(connection, day_start, day_end, points=points, areas=areas):
        by_point.setdefault(each.point, []).append(each)
    return [_in_service(point, parts, day_start, day_end) for point, parts in by_point.items()]


def _in_service(point: str, parts: list[Installation], start: datetime, end: datetime) -> InService:
    last = parts[-1]
    return InService(point, last.area, last.feeder, last.role, tuple(parts), _partly(parts, start, end))


def _partly(parts: list[Installation], start: datetime, end: datetime) -> str | None:
    if parts[0].start > start:
        return "installed"
    if parts[-1].end is not None and parts[-1].end < end:
        return "removed"
    if any(one.end != other.start for one, other in pairwise(parts)):
        return "without a meter for a while"
    if len({each.meter for each in parts}) > 1:
        return "exchanged"
    return None
