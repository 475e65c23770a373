"""Keeps the list of inspections in step with what a search found; what people said of a place counts.

A place that was inspected is not listed again on evidence of before; what is not found any more lapses.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, select

from cloud.analysis.loss.evidence import Fact, Item, Kind, Line
from cloud.fleet.events import EventKind
from cloud.fleet.events import event_table as point_event_table
from cloud.insight.loss.rules import WAITING, Event, State
from cloud.insight.loss.store import INSPECTIONS, Inspection
from cloud.kit.days import DAY, local_day, midnight
from cloud.kit.worklist import Changes, Worklist
from cloud.metering.vee.exception_store import exception_table

LIST = Worklist(INSPECTIONS, State.OPEN, Event.FOUND_AGAIN, Event.GONE)
RULES = ("V06", "V07", "V13", "V15")
"""Of validation: long zero, frozen, register fall, phases that contradict one another."""
_FAULT_DAYS = 3
_CHUNK = 400


@dataclass(frozen=True, slots=True)
class Span:
    """What the evidence is of: whole days, both included."""

    first: date
    last: date
    zone: tzinfo


def inspected_on(known: Iterable[Inspection], zone: tzinfo) -> dict[str, date]:
    """The last day on which each place was looked at: by point, or by area for the area itself."""
    found: dict[str, date] = {}
    for each in known:
        if each.inspected_at is not None:
            place = each.point or each.area
            found[place] = max(found.get(place, date.min), local_day(each.inspected_at, zone))
    return found


def events(connection: Connection, points: Collection[str], span: Span) -> dict[str, list[Line]]:
    """What validation had against the meters of these points, a line for each rule."""
    table = exception_table.c
    days: dict[tuple[str, str], set[date]] = {}
    names = sorted(points)
    for start in range(0, len(names), _CHUNK):
        query = select(table.point, table.code, table.day).where(
            table.point.in_(names[start : start + _CHUNK]),
            table.code.in_(RULES),
            table.day.between(span.first, span.last),
        )
        for point, code, day in connection.execute(query):
            days.setdefault((point, code), set()).add(day)
    found: dict[str, list[Line]] = {}
    for (point, code), on in sorted(days.items()):
        numbers: dict[str, float | int | str | None] = {
            "rule": code,
            "days": len(on),
            "last": max(on).isoformat(),
        }
        found.setdefault(point, []).append(Line(Fact.EVENTS, numbers))
    return found


def visits(connection: Connection, points: Collection[str], span: Span) -> list[tuple[date, list[str]]]:
    """Days on which the meters of several of these points were exchanged, by the local day."""
    table, wanted = point_event_table.c, set(points)
    start, end = midnight(span.first, span.zone), midnight(span.last + DAY, span.zone)
    query = select(table.point, table.at).where(
        table.kind == EventKind.EXCHANGE.value, table.at >= start, table.at < end
    )
    found: dict[date, set[str]] = {}
    for point, at in connection.execute(query):
        if point in wanted:
            found.setdefault(local_day(at, span.zone), set()).add(point)
    return [(day, sorted(names)) for day, names in sorted(found.items()) if len(names) > 1]


def with_events(items: Iterable[Item], told: dict[str, list[Line]]) -> list[Item]:
    """Each item with what its meter said itself."""
    return [
        replace(item, lines=(*item.lines, *told[item.point])) if item.point in told else item
        for item in items
    ]


def faults(area_of: dict[str, str], told: dict[str, list[Line]]) -> list[Item]:
    """Meters whose own phases contradict one another on several days: worth a look without any loss."""
    return [
        Item(Kind.METER_FAULT, area_of[point], point, None, None, None, None, 0.6, tuple(lines))
        for point, lines in told.items()
        if any(line.numbers["rule"] == "V15" and _days(line) >= _FAULT_DAYS for line in lines)
    ]


def _days(line: Line) -> int:
    return int(line.numbers["days"] or 0)


def keep(
    connection: Connection,
    items: Sequence[Item],
    known: Sequence[Inspection],
    span: Span,
    now: datetime,
    *,
    whole: bool,
) -> Changes:
    """Bring one area's part of the list in step, an item a place; `known` is every inspection of it ever.

    Only a `whole` search, one of enough days, lets anything lapse.
    """
    inspected = inspected_on(known, span.zone)
    waiting = {(each.point, each.area): each for each in known if State(each.state) in WAITING}
    lapsed = {(each.point, each.area, each.kind): each for each in known if State(each.state) is State.LAPSED}
    found = {}
    for item in items:
        last = inspected.get(item.point or item.area)
        if last is not None and last >= span.first:
            continue
        place = (item.point, item.area)
        before = waiting.get(place) or lapsed.get((*place, item.kind.value))
        found[place] = (before, _row(_seen(item, known, span.zone), span, now))
    gone = [each for place, each in waiting.items() if place not in found] if whole else []
    return LIST.keep(connection, found.values(), gone, now)


def _seen(item: Item, known: Iterable[Inspection], zone: tzinfo) -> Item:
    """With what an inspection of before the evidence found at the same place."""
    mine = [
        each
        for each in known
        if each.inspected_at is not None and (each.point, each.area) == (item.point, item.area)
    ]
    if not mine:
        return item
    last = max(mine, key=lambda each: each.id)
    assert last.inspected_at is not None
    on = local_day(last.inspected_at, zone).isoformat()
    return replace(item, lines=(*item.lines, Line(Fact.SEEN_BEFORE, {"result": last.result, "on": on})))


def _row(item: Item, span: Span, now: datetime) -> dict[str, Any]:
    return {
        "kind": item.kind.value,
        "area": item.area,
        "point": item.point,
        "other": item.other,
        "expected_kwh": item.kwh_month,
        "low_kwh": item.low,
        "high_kwh": item.high,
        "strength": item.strength,
        "evidence": [line.plain() for line in item.lines],
        "checks": [check.value for check in item.checks],
        "from_day": span.first,
        "to_day": span.last,
        "changed_at": now,
    }
