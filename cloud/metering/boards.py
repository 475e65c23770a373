"""Keeps the boards' own measurements in the store of readings: `meter_info`, `area_15min`, `collection_day`.

They are drawn, never reckoned with. A quarter-hour is written again when readings of it come late, a day when
it was counted anew; each point replaces itself, so writing twice is writing once.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from threading import Lock

from sqlalchemy import Connection, select

from cloud.fleet.topology import installations
from cloud.kit.clock import Clock
from cloud.kit.days import midnight
from cloud.kit.db import Database
from cloud.kit.scope import Scope
from cloud.metering import board_rows
from cloud.metering.ledger.rates import totals
from cloud.metering.ledger.tables import day_table
from cloud.metering.points import Point, PointSink
from cloud.metering.quarters import QUANTITIES, QUARTER, QUARTER_MS, Quarters, Readings
from cloud.metering.store import ReadingStore, instant, ms
from protocols.readings import Reading

EVERY = timedelta(minutes=5)
SETTLE = timedelta(minutes=1)
"""So long after its end a quarter-hour is first written."""
AT_START = timedelta(hours=12)
"""So far back a process begins: what an earlier one had noted and not yet written lies there as a rule."""
DAYS_AT_START = 62
MOST_AT_ONCE = 16
"""Of 30,000 meters some 70 MB."""
MOST_IN_A_RUN = 96
"""Quarter-hours of one run, the newest first: a month that drains shall not keep the newest waiting."""
_AROUND = 2
"""A reading bears on the registers at the edges so many quarter-hours around it."""
_ALL = Scope(None)


class Touched:
    """The quarter-hours that readings came for since they were last written; ingest's threads note them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._slots: set[int] = set()

    def note(self, connection: Connection, batch: object, readings: Sequence[Reading]) -> None:  # noqa: ARG002
        """After a batch has been stored."""
        self.add({each.at_ms // QUARTER_MS for each in readings})

    def add(self, slots: Iterable[int]) -> None:
        near = {slot + by for slot in slots for by in range(-_AROUND, _AROUND + 1)}
        with self._lock:
            self._slots |= near

    def take(self, before: int, most: int) -> list[int]:
        """At most so many of those before `before`, the newest of them, in order; they are forgotten."""
        with self._lock:
            found = sorted(slot for slot in self._slots if slot < before)[-most:]
            self._slots -= set(found)
        return found

    def give_back(self, slots: Iterable[int]) -> None:
        with self._lock:
            self._slots |= set(slots)


class Boards:
    """The job: `run` writes what changed since the last run. StoreFault: the next run tries it again."""

    def __init__(
        self, database: Database, store: ReadingStore, sink: PointSink, zone: tzinfo, clock: Clock
    ) -> None:
        self._database, self._store, self._sink = database, store, sink
        self._zone, self._clock = zone, clock
        self.touched = Touched()
        self._counted: dict[date, datetime] = {}
        self._listed: list[Point] = []
        now = clock.now()
        self.touched.give_back(range(_slot(now - AT_START), _slot(now)))

    def run(self) -> None:
        self.write_info()
        self.write_days()
        self.write_quarters()

    def write_info(self) -> None:
        """Who hangs where, once a local day and whenever that has changed."""
        now = self._clock.now()
        with self._database.read() as connection:
            installed = installations(connection, now, now + timedelta(milliseconds=1))
        # all of a day's points stand at its midnight: a second start does not add a second set
        rows = board_rows.info_points(installed, midnight(now.astimezone(self._zone).date(), self._zone))
        if rows != self._listed:
            self._sink.write_points("meter_info", rows)
            self._listed = rows

    def write_days(self) -> None:
        """The days that were counted, or counted anew, since the last run; only such as have ended."""
        today = self._clock.now().astimezone(self._zone).date()
        first = today - timedelta(days=DAYS_AT_START)
        with self._database.read() as connection:
            known = select(day_table.c.day, day_table.c.counted_at)
            known = known.where(day_table.c.day >= first, day_table.c.day < today)
            counted = {row.day: row.counted_at for row in connection.execute(known)}
            fresh = sorted(day for day, at in counted.items() if self._counted.get(day) != at)
            rows = [row for day in fresh for row in totals(connection, day, day)]
        if not fresh:
            return
        self._sink.write_points(
            "collection_day",
            [
                board_rows.day_point(
                    {"feeder": row.feeder, "area": row.area, "gateway": row.gateway},
                    midnight(row.day, self._zone),
                    dict(row._mapping),
                )
                for row in rows
            ],
        )
        self._counted.update((day, counted[day]) for day in fresh)

    def write_quarters(self) -> None:
        """The quarter-hours that have ended and that readings came for."""
        slots = self.touched.take(_slot(self._clock.now() - SETTLE), MOST_IN_A_RUN)
        for run in runs(slots):
            try:
                self._sink.write_points("area_15min", self.quarters(run))
            except BaseException:
                self.touched.give_back(slots)
                raise

    def write_since(self, start: datetime, done: Callable[[int], object] = lambda _: None) -> int:
        """Everything from `start` on, of readings that were imported or copied; how many quarter-hours.

        `done` is told after every day how many more there are.
        """
        self.write_info()
        self.write_days()
        slots = range(_slot(start), _slot(self._clock.now() - SETTLE))
        for run in runs(slots):
            self._sink.write_points("area_15min", self.quarters(run))
            done(run.count)
        return len(slots)

    def quarters(self, quarters: Quarters) -> list[Point]:
        """The points of some quarter-hours, from what the store has now."""
        start, end = instant(quarters.start_ms), instant(quarters.end_ms)
        with self._database.read() as connection:
            installed = installations(connection, start, end)
        meters = sorted({one.meter for one in installed})
        around = _AROUND * QUARTER
        columns = self._store.columns(_ALL, meters, QUANTITIES, start - around, end + around)
        return board_rows.area_points(installed, Readings(meters, columns), quarters)


def boards_of(database: Database, store: ReadingStore, zone: tzinfo, clock: Clock) -> Boards | None:
    """The job for a store that boards can ask; None for readings.db, which has no boards."""
    return Boards(database, store, store, zone, clock) if isinstance(store, PointSink) else None


def runs(slots: Sequence[int]) -> list[Quarters]:
    """Numbers of quarter-hours, rising, as stretches without a hole, each small enough to be read at once."""
    found: list[list[int]] = []
    for slot in slots:
        if found and slot == found[-1][-1] + 1 and len(found[-1]) < MOST_AT_ONCE:
            found[-1].append(slot)
        else:
            found.append([slot])
    return [Quarters(run[0] * QUARTER_MS, len(run)) for run in found]


def _slot(at: datetime) -> int:
    """The quarter-hour of UTC that `at` lies in."""
    return ms(at) // QUARTER_MS
