"""Which days have to be archived, and which again: for late readings, and for new validated revisions.

A day is marked in the transaction that books its readings, after they are in the store, and unmarked only if
nothing came since they were read: so none is forgotten, whatever dies in between.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cloud.kit.clock import Clock
from cloud.kit.days import days
from cloud.metering.archive.manifest import day_table, due_table
from cloud.metering.vee.days import day_table as validated_table
from protocols.readings import Reading

PATIENCE = timedelta(days=7)
"""So long a day waits to be validated; then its raw readings are archived all the same."""
_QUARTER_MS = 900_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LateReadings:
    """Marks closed days of the station's `zone` as readings of them come in."""

    def __init__(self, zone: tzinfo, clock: Clock) -> None:
        self._zone, self._clock = zone, clock

    def on_stored(self, connection: Connection, _: object, readings: Sequence[Reading]) -> None:
        """Inside the transaction that books the batch; mostly there is nothing to mark."""
        if readings:
            mark(connection, closed_days(readings, self._zone, self._clock.now()))


def closed_days(readings: Sequence[Reading], zone: tzinfo, now: datetime) -> set[date]:
    """The local days of these readings that are over."""
    today = now.astimezone(zone).date()
    oldest = min(each.at_ms for each in readings)
    if _local(oldest // _QUARTER_MS, zone) >= today:
        return set()
    quarters = {each.at_ms // _QUARTER_MS for each in readings}
    return {day for day in (_local(quarter, zone) for quarter in quarters) if day < today}


def mark_since(connection: Connection, since: datetime, now: datetime, zone: tzinfo) -> None:
    """The registry says otherwise of meters from `since` on: their readings may belong to another area."""
    today = now.astimezone(zone).date()
    archived = select(day_table.c.day).where(day_table.c.day >= since.astimezone(zone).date())
    mark(connection, [day for day in connection.scalars(archived) if day < today])


def mark(connection: Connection, closed: Iterable[date]) -> None:
    rows = [{"day": day, "times": 1} for day in sorted(set(closed))]
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    more = {"times": due_table.c.times + 1}
    added = dialect.insert(due_table).on_conflict_do_update(index_elements=["day"], set_=more)
    connection.execute(added, rows)


def marks(connection: Connection) -> dict[date, int]:
    """How often each day was marked; hand it back to `done`."""
    return {row.day: row.times for row in connection.execute(select(due_table))}


def revisions(connection: Connection, first: date, last: date) -> dict[date, int]:
    """How many validated revisions each day has."""
    table = validated_table.c
    query = select(table.day, func.count().label("number")).where(table.day.between(first, last))
    return {row.day: row.number for row in connection.execute(query.group_by(table.day))}


def done(connection: Connection, day: date, times: int | None, number: int, now: datetime) -> None:
    """The day is archived as it was with `number` revisions, and when it was marked `times`."""
    if times is not None:
        connection.execute(delete(due_table).where(due_table.c.day == day, due_table.c.times == times))
    values = {"revisions": number, "archived_at": now}  # what was let go once is not back because more came
    if connection.execute(update(day_table).where(day_table.c.day == day).values(values)).rowcount == 0:
        connection.execute(insert(day_table).values(day=day, **values))


def due(connection: Connection, until: date) -> list[date]:
    """The days up to `until`, included, that are not in the archive as they are now, oldest first."""
    marked = {day for day in marks(connection) if day <= until}
    archived = {row.day: row.revisions for row in connection.execute(select(day_table))}
    validated = revisions(connection, date.min, until)
    changed = {day for day, number in validated.items() if archived.get(day, 0) != number}
    if archived:
        changed.update(day for day in days(min(archived), until) if day not in archived)
    waits = {day for day in marked | changed if not validated.get(day) and day > until - PATIENCE}
    return sorted((marked | changed) - waits)


def _local(quarter: int, zone: tzinfo) -> date:
    return (_EPOCH + timedelta(milliseconds=quarter * _QUARTER_MS)).astimezone(zone).date()
