"""Which closed days have to be validated again, for readings of them came late.

A day is marked in the transaction that books the readings, after they are in the store, and unmarked only
if nothing came since it was read: so none is forgotten, whatever dies in between.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache, lru_cache

from sqlalchemy import (
    Column,
    Connection,
    Date,
    Executable,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from cloud.kit.clock import Clock
from cloud.kit.db import metadata
from protocols.readings import Reading

REACH = timedelta(minutes=105)
"""So far from midnight a reading may still bear on the register at midnight, and so on both days."""
_QUARTER_MS = 900_000
_QUARTER = timedelta(milliseconds=_QUARTER_MS)
_REACH = REACH // _QUARTER
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK = 400
LONGEST = timedelta(days=400)

dirty_table = Table(
    "vee_dirty_day",
    metadata,
    Column("meter", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("times", Integer, nullable=False),
)
"""`times` counts the marks: a day that was marked again while it was validated stays marked."""

Mark = tuple[str, date, int]
"""(meter, day, times) as it was read."""


class DirtyDays:
    """Marks closed days of the station's `zone` as readings of them come in, `grace` after their midnight.

    Until then the day is still to be validated, so that a live reading costs one comparison and no row.
    """

    def __init__(self, zone: tzinfo, clock: Clock, grace: timedelta) -> None:
        self._clock, self._zone, self._grace = clock, zone, grace
        self._day = lru_cache(maxsize=100_000)(self._day_of)

    def on_stored(self, connection: Connection, _: object, readings: Sequence[Reading]) -> None:
        """One look at each reading, and one row for each meter and closed day among them; mostly none."""
        mark(connection, self.touched(readings))

    def touched(self, readings: Sequence[Reading]) -> set[tuple[str, date]]:
        """The (meter, closed day) on which these readings bear."""
        open_day = self._day((self._clock.now() - self._grace - _EPOCH) // _QUARTER)
        closed = {
            quarter: days
            for quarter in {each.at_ms // _QUARTER_MS for each in readings}
            if (days := self._around(quarter, open_day))
        }
        if not closed:
            return set()
        meters: dict[tuple[date, ...], set[str]] = {}
        for each in readings:
            if touched := closed.get(each.at_ms // _QUARTER_MS):
                meters.setdefault(touched, set()).add(each.meter)
        return {(meter, day) for days, mine in meters.items() for meter in mine for day in days}

    def _around(self, quarter: int, open_day: date) -> tuple[date, ...]:
        """The closed days whose registers a reading of this quarter-hour bears on."""
        near = {self._day(quarter - _REACH), self._day(quarter), self._day(quarter + _REACH)}
        return tuple(sorted(day for day in near if day < open_day))

    def _day_of(self, quarter: int) -> date:
        return (_EPOCH + quarter * _QUARTER).astimezone(self._zone).date()


def mark(connection: Connection, touched: Iterable[tuple[str, date]]) -> None:
    """These (meter, day) are to be validated again: of imports, of a changed registry."""
    rows: dict[date, list[str]] = {}
    for meter, day in sorted(set(touched)):
        rows.setdefault(day, []).append(meter)
    if rows:
        lists = [{"the_day": day, "meters": json.dumps(meters)} for day, meters in sorted(rows.items())]
        connection.execute(_marking(connection.dialect.name), lists)


@cache
def _marking(dialect: str) -> Executable:
    """One statement for all meters of a day: a row each by itself would cost ingest five times as much."""
    many = {"sqlite": "json_each", "postgresql": "json_array_elements_text"}[dialect]
    given = (
        cast(bindparam("meters", type_=Text), postgresql.JSON)
        if dialect == "postgresql"
        else bindparam("meters")
    )
    meter = getattr(func, many)(given).table_valued("value").c.value
    listed = select(meter, bindparam("the_day", type_=Date), literal(1)).where(true())
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    added = insert(dirty_table).from_select(["meter", "day", "times"], listed)
    more = {"times": dirty_table.c.times + 1}
    marking: Executable = added.on_conflict_do_update(index_elements=["meter", "day"], set_=more)
    return marking


def mark_since(
    connection: Connection, meters: Iterable[str], since: datetime, now: datetime, zone: tzinfo
) -> None:
    """Every day of these meters since an instant, at most `LONGEST` back: their registry was changed."""
    today = now.astimezone(zone).date()
    first = max(since.astimezone(zone).date(), today - LONGEST)
    days = [first + timedelta(days=n) for n in range((today - first).days)]
    mark(connection, [(meter, day) for meter in set(meters) for day in days])


def marks(connection: Connection, before: date) -> list[Mark]:
    """Those of days before `before`, in order of day and meter."""
    query = select(dirty_table).where(dirty_table.c.day < before)
    found = connection.execute(query.order_by(dirty_table.c.day, dirty_table.c.meter))
    return [(row.meter, row.day, row.times) for row in found]


def unmark(connection: Connection, done: Sequence[Mark]) -> None:
    """Those that were not marked again since they were read."""
    for at in range(0, len(done), _CHUNK):
        table = dirty_table.c
        keys = tuple_(table.meter, table.day, table.times).in_(list(done[at : at + _CHUNK]))
        connection.execute(delete(dirty_table).where(keys))
