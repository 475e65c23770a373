"""Keeps the registry of today and its history in step: a change goes into both, or into neither."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from cloud.fleet import history
from cloud.fleet.history import (
    Book,
    area_facts,
    feeder_table,
    line_facts,
    point_facts,
    point_meter,
    point_table,
)
from cloud.fleet.spans import BEGINNING, Span
from cloud.fleet.tables import area_table, meter_table
from cloud.kit.errors import Conflict

NO_AREA_FACTS = {"section": None, "kind": None, "capacity_kva": None, "manager": None, "deputy": None}
NO_POINT_FACTS = {
    "box": None,
    "role": "customer",
    "side": None,
    "phase": None,
    "parent": None,
    "ct_ratio": 1.0,
    "pt_ratio": 1.0,
}
_PLACE = ("area", "role", "phase", "ct_ratio", "pt_ratio")
_LINE = ("gateway", "line", "interval_s")
Rows = Sequence[Mapping[str, Any]]


def put(
    book: Book,
    table: Table,
    key: str,
    values: Mapping[str, Any],
    since: datetime | None,
    fresh: Mapping[str, Any],
    new_since: datetime = BEGINNING,
) -> None:
    """These hold from `since` (None: as long as what stands now); a new key has them from `new_since`."""
    known = book.spans(table, key)
    if not known:
        book.patch(table, key, new_since, None, values, fresh)
    elif any(known[-1].values[name] != value for name, value in values.items()):
        book.patch(table, key, since or known[-1].start, known[-1].end, values)


def take_in(book: Book, connection: Connection, areas: Rows, meters: Rows, since: datetime | None) -> None:
    """What a document of today's registry says; a meter that is new to the history is its own point."""
    book.read(area_facts, [row["id"] for row in areas])
    add_missing(connection, feeder_table, [{"id": row["feeder"], "name": row["feeder"]} for row in areas])
    for row in areas:
        put(book, area_facts, row["id"], {"feeder": row["feeder"]}, since, NO_AREA_FACTS)
    names = [row["id"] for row in meters]
    hung = history.at_points(connection, names)
    new = [row for row in meters if row["id"] not in hung]
    _own_points(book, connection, new)
    book.read(point_facts, [row["id"] for row in new] + [point(spans[-1]) for spans in hung.values()])
    book.read(line_facts, names)
    for row in meters:
        spans = hung.get(row["id"])
        if spans is not None and spans[-1].end is not None:
            continue  # taken off since: what a document still says of it concerns nothing that hangs
        key = row["id"] if spans is None else point(spans[-1])
        put(book, point_facts, key, {name: row[name] for name in _PLACE}, since, NO_POINT_FACTS)
        put(book, line_facts, row["id"], {name: row[name] for name in _LINE}, since, {})


def _own_points(book: Book, connection: Connection, new: Rows) -> None:
    names = [row["id"] for row in new]
    book.read(point_meter, names)
    for name in names:
        if book.spans(point_meter, name):
            raise Conflict(f"meter {name!r}: a metering point of that name has another meter")
        book.patch(point_meter, name, BEGINNING, None, {"meter": name}, {})
    add_missing(connection, point_table, [{"id": name, "name": None} for name in names])


def point(span: Span) -> str:
    return str(span.values["point"])


def add_missing(connection: Connection, table: Table, rows: Rows) -> None:
    """Add the rows whose id is not there; the others stay as they are."""
    found: set[str] = set()
    for query in history.among(select(table.c.id), table.c.id, [row["id"] for row in rows]):
        found |= set(connection.scalars(query))
    new = {row["id"]: row for row in rows if row["id"] not in found}
    if new:
        connection.execute(insert(table), list(new.values()))


def refresh(connection: Connection, meters: Iterable[str], areas: Iterable[str] = ()) -> None:
    """Set the rows of today to what the history says holds now; call it after every `Book.write`."""
    names = sorted(set(meters))
    hung = history.at_points(connection, names)
    now = {name: point(spans[-1]) for name, spans in hung.items() if spans[-1].end is None}
    places = history.load(connection, point_facts, now.values())
    lines = history.load(connection, line_facts, names)
    changed: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for query in history.among(select(meter_table), meter_table.c.id, names):
        for row in connection.execute(query).mappings().all():
            wanted: dict[str, Any] = {"installed": row["id"] in now}
            if row["id"] in now:
                wanted |= _some(places[now[row["id"]]][-1], _PLACE)
            if row["id"] in lines:
                wanted |= _some(lines[row["id"]][-1], _LINE)
            if any(row[name] != value for name, value in wanted.items()):
                changed.setdefault(tuple(wanted), []).append({"_id": row["id"], **wanted})
    for rows in changed.values():
        connection.execute(update(meter_table).where(meter_table.c.id == bindparam("_id")), rows)
    feeders = history.load(connection, area_facts, areas)
    for name, spans in feeders.items():
        mine = select(area_table).where(area_table.c.id == name)
        feeder = spans[-1].values["feeder"]
        if connection.execute(mine).one().feeder != feeder:
            connection.execute(update(area_table).where(area_table.c.id == name).values(feeder=feeder))


def _some(span: Span, names: Iterable[str]) -> dict[str, Any]:
    return {name: span.values[name] for name in names}
