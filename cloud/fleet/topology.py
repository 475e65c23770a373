"""Which meter measured which metering point, where, with which ratio, and when: the registry over time.

Whatever counts, validates, archives or sums readings asks here; nobody takes today's registry for the past.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from cloud.fleet import history
from cloud.fleet.history import area_facts, line_facts, point_facts, point_meter
from cloud.fleet.spans import BEGINNING, Span
from cloud.fleet.tables import meter_table

__all__ = [
    "BEGINNING",
    "InService",
    "Installation",
    "RatioSpan",
    "at",
    "in_service",
    "installations",
    "points",
    "ratios",
]


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
    phase: str | None = None
    side: str | None = None
    parent: str | None = None


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


def installations(
    connection: Connection,
    start: datetime,
    end: datetime,
    *,
    points: Collection[str] | None = None,
    areas: Collection[str] | None = None,
) -> Sequence[Installation]:
    """Those that overlap [start, end), in order of point and start; `points`, `areas` None are all."""
    hung = history.load(connection, point_meter, points)
    places = history.load(connection, point_facts, points)
    wanted = None if areas is None else set(areas)
    if wanted is not None:
        hung = {point: spans for point, spans in hung.items() if _ever_in(places.get(point, ()), wanted)}
    makers = _Makers(connection, hung, None if points is None and areas is None else hung)
    return [
        each
        for point, spans in sorted(hung.items())
        for each in makers.of(point, spans, places.get(point, ()))
        if each.start < end
        and (each.end is None or each.end > start)
        and (wanted is None or each.area in wanted)
    ]


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
            start, until = max(row.start, row.since), min(_until(row.end), _until(row.to))
            span = RatioSpan(start, None if until == _LATEST else until, row.ct_ratio, row.pt_ratio)
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


_LATEST = datetime.max.replace(tzinfo=UTC)


def _until(end: datetime | None) -> datetime:
    return end or _LATEST


def _ever_in(places: Iterable[Span], areas: Collection[str]) -> bool:
    return any(span.values["area"] in areas for span in places)


class _Makers:
    """Puts together what the tables say of one point, from changes of meter, place, line and feeder."""

    def __init__(
        self, connection: Connection, hung: Mapping[str, Sequence[Span]], only: object | None
    ) -> None:
        names = {span.values["meter"] for spans in hung.values() for span in spans}
        asked = names if only is not None else None
        self._lines = history.load(connection, line_facts, asked)
        self._areas = history.load(connection, area_facts)
        query = select(meter_table.c.id, meter_table.c.model)
        self._models = {
            row.id: row.model
            for part in history.among(query, meter_table.c.id, asked)
            for row in connection.execute(part)
        }
        self._ratios: dict[float, Decimal] = {}

    def of(self, point: str, hung: Iterable[Span], places: Sequence[Span]) -> list[Installation]:
        """In order of start; what differs in nothing that counts here is one."""
        found: list[Installation] = []
        for each in self._parts(point, hung, places):
            last = found[-1] if found else None
            if last is not None and last.end == each.start and _same(last, each):
                found[-1] = replace(last, end=each.end)
            else:
                found.append(each)
        return found

    def _parts(self, point: str, hung: Iterable[Span], places: Sequence[Span]) -> Iterator[Installation]:
        for one in hung:
            meter = one.values["meter"]
            for place in _within(places, one):
                for line in _within(self._lines.get(meter, ()), place):
                    for area in _within(self._areas.get(place.values["area"], ()), line):
                        yield self._made(point, meter, place.values, line.values, area)

    def _made(
        self, point: str, meter: str, place: Mapping[str, Any], line: Mapping[str, Any], area: Span
    ) -> Installation:
        return Installation(
            point=point,
            meter=meter,
            area=place["area"],
            feeder=area.values["feeder"],
            gateway=line["gateway"],
            line=line["line"],
            role=place["role"],
            model=self._models[meter],
            interval_s=line["interval_s"],
            ct_ratio=self._ratio(place["ct_ratio"]),
            pt_ratio=self._ratio(place["pt_ratio"]),
            start=area.start,
            end=area.end,
            phase=place["phase"],
            side=place["side"],
            parent=place["parent"],
        )

    def _ratio(self, value: float) -> Decimal:
        found = self._ratios.get(value)
        if found is None:
            found = self._ratios[value] = Decimal(repr(value))
        return found


def _within(spans: Iterable[Span], outer: Span) -> Iterator[Span]:
    """The parts of spans inside of another, with their own values."""
    for span in spans:
        start, until = max(span.start, outer.start), min(span.until, outer.until)
        if start < until:
            end = outer.end if outer.until <= span.until else span.end
            yield span if (start, end) == (span.start, span.end) else Span(start, end, span.values)


def _same(one: Installation, other: Installation) -> bool:
    return replace(one, start=other.start, end=other.end) == other


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
