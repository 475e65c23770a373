"""The registry over time: what was so from when until when, who said it and why.

A row is never changed: what turns out otherwise is withdrawn, and the new fact stands beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Select,
    String,
    Table,
    and_,
    bindparam,
    insert,
    select,
    update,
)

from cloud.fleet import spans
from cloud.fleet.spans import Span
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import Conflict

CHUNK = 500
"""Of keys in one question: SQLite takes no more than so many thousand parameters."""

feeder_table = Table(
    "feeder",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("substation", String(120)),
)
section_table = Table(
    "section",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("feeder", ForeignKey("feeder.id"), nullable=False),
    Column("name", String(120), nullable=False),
    Column("switch", String(64)),
    Column("upstream", ForeignKey("section.id")),
)
"""A stretch of a feeder behind `switch`; `upstream` is the section that feeds it, null at the substation."""
box_table = Table(
    "meter_box",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(120), nullable=False),
)
point_table = Table(
    "point",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(120)),
)
"""A metering point (计量点): it stays when its meter is exchanged."""


def _over_time(name: str, key: Column[Any], *facts: Column[Any]) -> Table:
    """A table of facts over time; rows that are not withdrawn never overlap for one key."""
    table = Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        key,
        *facts,
        Column("start", Instant, nullable=False),
        Column("end", Instant),
        Column("by", String(64), nullable=False),
        Column("why", String(500), nullable=False),
        Column("recorded_at", Instant, nullable=False),
        Column("withdrawn_at", Instant),
        Column("withdrawn_by", String(64)),
        CheckConstraint('"end" IS NULL OR "end" > "start"', name="forward"),
        info={"key": key.name, "facts": tuple(fact.name for fact in facts)},
    )
    live = table.c.withdrawn_at.is_(None)
    still = and_(live, table.c.end.is_(None))
    begins = (table.c[key.name], table.c.start)
    Index(f"uq_{name}_start", *begins, unique=True, sqlite_where=live, postgresql_where=live)
    Index(f"uq_{name}_still", table.c[key.name], unique=True, sqlite_where=still, postgresql_where=still)
    return table


area_facts = _over_time(
    "area_over_time",
    Column("area", ForeignKey("area.id"), nullable=False),
    Column("feeder", String(64), nullable=False),
    Column("section", ForeignKey("section.id")),
    Column("kind", String(16)),
    Column("capacity_kva", Float),
    Column("manager", String(64)),
    Column("deputy", String(64)),
)
"""`kind`: public or dedicated; `manager` (台区经理) and `deputy`: a login or staff id, never a name."""
point_facts = _over_time(
    "point_over_time",
    Column("point", ForeignKey("point.id"), nullable=False),
    Column("area", ForeignKey("area.id"), nullable=False),
    Column("box", ForeignKey("meter_box.id")),
    Column("role", String(16), nullable=False),
    Column("side", String(8)),
    Column("phase", String(8)),
    Column("parent", ForeignKey("point.id")),
    Column("ct_ratio", Float, nullable=False),
    Column("pt_ratio", Float, nullable=False),
)
"""`side`: hv or lv; `parent`: the point from whose energy this one's is deducted (套扣)."""
line_facts = _over_time(
    "meter_over_time",
    Column("meter", ForeignKey("meter.id"), nullable=False),
    Column("gateway", ForeignKey("gateway.id"), nullable=False),
    Column("line", String(64), nullable=False),
    Column("interval_s", Integer, nullable=False),
)
point_meter = _over_time(
    "point_meter",
    Column("point", ForeignKey("point.id"), nullable=False),
    Column("meter", ForeignKey("meter.id"), nullable=False),
)
Index("ix_point_meter_meter", point_meter.c.meter)
_GAPLESS = {area_facts.name, point_facts.name, line_facts.name}


@dataclass(frozen=True, slots=True)
class Note:
    """Who said it, why, and when they said it; `why` may be empty for a document."""

    by: str
    why: str
    at: datetime


def live(table: Table) -> Select[Any]:
    """The rows that stand, in order of key and start."""
    return select(table).where(table.c.withdrawn_at.is_(None)).order_by(_key(table), table.c.start)


def among(query: Select[Any], column: Column[Any], values: Iterable[str] | None) -> list[Select[Any]]:
    """The query cut so that each asks for no more keys than a database takes; None is all."""
    if values is None:
        return [query]
    keys = sorted(set(values))
    return [query.where(column.in_(keys[n : n + CHUNK])) for n in range(0, len(keys), CHUNK)]


def load(connection: Connection, table: Table, keys: Iterable[str] | None = None) -> dict[str, list[Span]]:
    """The spans of each key, in order."""
    found: dict[str, list[Span]] = {}
    names = _facts(table)
    columns = (_key(table), table.c.start, table.c.end, *(table.c[name] for name in names))
    for query in among(live(table).with_only_columns(*columns), _key(table), keys):
        for key, start, end, *facts in connection.execute(query):
            span = Span(start, end, dict(zip(names, facts, strict=True)))
            found.setdefault(key, []).append(span)
    return found


class Book:
    """Changes to the history, gathered, then written at once; refused where two facts would overlap."""

    def __init__(self, connection: Connection, note: Note) -> None:
        self._connection, self._note = connection, note
        self._before: dict[tuple[str, str], list[Span]] = {}
        self._after: dict[tuple[str, str], list[Span]] = {}
        self._tables: dict[str, Table] = {}

    def read(self, table: Table, keys: Iterable[str]) -> None:
        """Take in the spans of these keys: one question for all of them."""
        self._tables[table.name] = table
        lacking = [key for key in keys if (table.name, key) not in self._before]
        known = load(self._connection, table, lacking)
        for key in lacking:
            self._before[table.name, key] = known.get(key, [])

    def spans(self, table: Table, key: str) -> list[Span]:
        if (table.name, key) not in self._before:
            self.read(table, [key])
        return self._after.get((table.name, key), self._before[table.name, key])

    def patch(
        self,
        table: Table,
        key: str,
        start: datetime,
        end: datetime | None,
        values: Mapping[str, Any],
        fresh: Mapping[str, Any] | None = None,
    ) -> None:
        """As `spans.patched`."""
        self._put(table, key, spans.patched(self.spans(table, key), start, end, values, fresh))

    def end(self, table: Table, key: str, start: datetime, end: datetime | None = None) -> None:
        """Nothing holds for the key in [start, end)."""
        self._put(table, key, spans.without(self.spans(table, key), start, end))

    def changed(self, table: Table) -> set[str]:
        """The keys of which something else is said than before."""
        return {
            key
            for (name, key), after in self._after.items()
            if name == table.name and after != self._before[name, key]
        }

    def _put(self, table: Table, key: str, wanted: list[Span]) -> None:
        self._after[table.name, key] = wanted

    def write(self) -> int:
        """Write what changed; how many facts are new or withdrawn. Conflict keeps nothing."""
        count = 0
        for name, table in self._tables.items():
            keys = [key for of, key in self._after if of == name]
            count += self._write_table(table, keys) if keys else 0
        if point_meter.name in self._tables:
            self._refuse_a_meter_at_two_points()
        return count

    def _write_table(self, table: Table, keys: list[str]) -> int:
        gone: list[dict[str, Any]] = []
        new: list[dict[str, Any]] = []
        for key in keys:
            before, after = self._before[table.name, key], self._after[table.name, key]
            told = spans.faults(after, gapless=table.name in _GAPLESS)
            if told:
                raise Conflict(f"{_key(table).name} {key!r}, {table.name.replace('_', ' ')}: {told[0]}")
            gone.extend({"k": key, "s": span.start} for span in before if span not in after)
            new.extend(self._row(table, key, span) for span in after if span not in before)
        if gone:
            self._connection.execute(self._withdrawal(table), gone)
        if new:
            self._connection.execute(insert(table), new)
        return len(gone) + len(new)

    def _withdrawal(self, table: Table) -> Any:
        mine = (_key(table) == bindparam("k")) & (table.c.start == bindparam("s"))
        values = {"withdrawn_at": self._note.at, "withdrawn_by": self._note.by}
        return update(table).where(mine, table.c.withdrawn_at.is_(None)).values(values)

    def _row(self, table: Table, key: str, span: Span) -> dict[str, Any]:
        told = {"by": self._note.by, "why": self._note.why, "recorded_at": self._note.at}
        return {_key(table).name: key, "start": span.start, "end": span.end, **span.values, **told}

    def _refuse_a_meter_at_two_points(self) -> None:
        """One meter hangs at one point at a time, whichever point it was that changed."""
        touched = {
            span.values["meter"]
            for (of, _), after in self._after.items()
            if of == point_meter.name
            for span in after
        }
        for meter, rows in at_points(self._connection, touched).items():
            told = spans.faults(rows, gapless=False)
            if told:
                raise Conflict(f"meter {meter!r} would hang at two points at once: {told[0]}")


def at_points(connection: Connection, meters: Iterable[str] | None = None) -> dict[str, list[Span]]:
    """Of each meter, the points where it hung, in order; the value is `point`."""
    found: dict[str, list[Span]] = {}
    query = live(point_meter).order_by(None).order_by(point_meter.c.meter, point_meter.c.start)
    for part in among(query, point_meter.c.meter, meters):
        for row in connection.execute(part):
            found.setdefault(row.meter, []).append(Span(row.start, row.end, {"point": row.point}))
    return found


def _key(table: Table) -> Column[Any]:
    return table.c[table.info["key"]]


def _facts(table: Table) -> tuple[str, ...]:
    facts: tuple[str, ...] = table.info["facts"]
    return facts
