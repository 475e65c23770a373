"""Puts together which meter measured which point where, from changes of meter, place, line and feeder."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, func, select, union

from cloud.fleet import history
from cloud.fleet.history import area_facts, line_facts, point_facts, point_meter
from cloud.fleet.spans import Span
from cloud.fleet.tables import meter_table


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


def installations(
    connection: Connection,
    start: datetime,
    end: datetime,
    *,
    points: Collection[str] | None = None,
    areas: Collection[str] | None = None,
) -> Sequence[Installation]:
    """Those that overlap [start, end), in order of point and start; `points`, `areas` None are all.

    Most points never changed: one question tells all of them, and only the others are put together by span.
    """
    changed = _changed(connection)
    found = list(_plain(connection, start, end, points, areas, changed))
    rest = changed if points is None else changed.intersection(points)
    if rest:
        found += put_together(connection, start, end, rest, areas)
        found.sort(key=lambda each: (each.point, each.start))
    return found


def _changed(connection: Connection) -> set[str]:
    """The points of which more than one thing was ever so: another meter, place, line or feeder."""
    areas = select(point_facts.c.point).where(point_facts.c.withdrawn_at.is_(None))
    meters = select(point_meter.c.point).where(point_meter.c.withdrawn_at.is_(None))
    query = union(
        _several(point_meter, point_meter.c.point),
        _several(point_facts, point_facts.c.point),
        meters.where(point_meter.c.meter.in_(_several(line_facts, line_facts.c.meter))),
        areas.where(point_facts.c.area.in_(_several(area_facts, area_facts.c.area))),
    )
    return set(connection.scalars(query))


def _several(table: Table, key: Column[Any]) -> Select[Any]:
    return select(key).where(table.c.withdrawn_at.is_(None)).group_by(key).having(func.count() > 1)


def _plain(
    connection: Connection,
    start: datetime,
    end: datetime,
    points: Collection[str] | None,
    areas: Collection[str] | None,
    changed: Collection[str],
) -> Iterator[Installation]:
    """Those of points of which just one thing was ever so; in order of point."""
    ratios: dict[float, Decimal] = {}
    query = _joined(start, end)
    if areas is not None:
        query = query.where(point_facts.c.area.in_(sorted(set(areas))))
    for part in history.among(query, point_meter.c.point, points):
        for point, meter, *facts, ct_ratio, pt_ratio, s1, s2, s3, s4, e1, e2, e3, e4 in connection.execute(
            part
        ):
            since = max(s1, s2, s3, s4)
            until = min(as_until(e1), as_until(e2), as_until(e3), as_until(e4))
            if point in changed or not (since < until and since < end and until > start):
                continue
            area, feeder, gateway, line, role, model, interval_s, phase, side, parent = facts
            yield Installation(
                point,
                meter,
                area,
                feeder,
                gateway,
                line,
                role,
                model,
                interval_s,
                _ratio(ratios, ct_ratio),
                _ratio(ratios, pt_ratio),
                since,
                None if until == LATEST else until,
                phase,
                side,
                parent,
            )


def _joined(start: datetime, end: datetime) -> Select[Any]:
    hung, place, line, area = tables = (point_meter, point_facts, line_facts, area_facts)
    query = (
        select(
            *(hung.c.point, hung.c.meter, place.c.area, area.c.feeder, line.c.gateway, line.c.line),
            *(place.c.role, meter_table.c.model, line.c.interval_s, place.c.phase, place.c.side),
            *(place.c.parent, place.c.ct_ratio, place.c.pt_ratio),
            *(table.c.start for table in tables),
            *(table.c.end for table in tables),
        )
        .select_from(hung)
        .join(place, place.c.point == hung.c.point)
        .join(line, line.c.meter == hung.c.meter)
        .join(area, area.c.area == place.c.area)
        .join(meter_table, meter_table.c.id == hung.c.meter)
        .order_by(hung.c.point)
    )
    for table in tables:
        query = query.where(
            table.c.withdrawn_at.is_(None),
            table.c.start < end,
            table.c.end.is_(None) | (table.c.end > start),
        )
    return query


def put_together(
    connection: Connection,
    start: datetime,
    end: datetime,
    points: Collection[str],
    areas: Collection[str] | None = None,
) -> list[Installation]:
    """As `installations` of these points, span by span: slower, and right whatever changed."""
    hung = history.load(connection, point_meter, points)
    places = history.load(connection, point_facts, points)
    wanted = None if areas is None else set(areas)
    if wanted is not None:
        hung = {point: spans for point, spans in hung.items() if _ever_in(places.get(point, ()), wanted)}
    makers = _Makers(connection, hung)
    return [
        each
        for point, spans in hung.items()
        for each in makers.of(point, spans, places.get(point, ()))
        if each.start < end
        and (each.end is None or each.end > start)
        and (wanted is None or each.area in wanted)
    ]


LATEST = datetime.max.replace(tzinfo=UTC)


def as_until(end: datetime | None) -> datetime:
    return end or LATEST


def _ever_in(places: Iterable[Span], areas: Collection[str]) -> bool:
    return any(span.values["area"] in areas for span in places)


class _Makers:
    """Puts together what the tables say of one point, from changes of meter, place, line and feeder."""

    def __init__(self, connection: Connection, hung: Mapping[str, Sequence[Span]]) -> None:
        asked = {span.values["meter"] for spans in hung.values() for span in spans}
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
            ct_ratio=_ratio(self._ratios, place["ct_ratio"]),
            pt_ratio=_ratio(self._ratios, place["pt_ratio"]),
            start=area.start,
            end=area.end,
            phase=place["phase"],
            side=place["side"],
            parent=place["parent"],
        )


def _ratio(known: dict[float, Decimal], value: float) -> Decimal:
    found = known.get(value)
    if found is None:
        found = known[value] = Decimal(repr(value))
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
