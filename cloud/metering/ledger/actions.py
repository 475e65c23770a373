"""The ledger at work: what a job does every few minutes, and what operators declare.

Today is counted at every turn, yesterday once an hour, any day of which something came late at once and only
where it came. The store itself is looked through once when the process begins and once after a day's end.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from threading import Lock

from sqlalchemy import Connection, delete, func, select

from cloud.fleet.commands import Commands
from cloud.kit.clock import Clock
from cloud.kit.days import DAY, local_day, midnight
from cloud.metering.ledger import count, exclusions, sheets
from cloud.metering.ledger.count import DayCount, Station
from cloud.metering.ledger.exclusions import LeftOut
from cloud.metering.ledger.inbox import Inbox, Mark
from cloud.metering.ledger.rereads import Rereads
from cloud.metering.ledger.tables import day_table, gap_table, total_table
from cloud.metering.store import instant

log = logging.getLogger(__name__)

HISTORY = 30
"""So many days back a station is counted that is older than its ledger, down to its first reading."""
HISTORY_METERS = 500
"""Of these so many are counted at a turn: a second and less."""
YESTERDAY_EVERY = timedelta(hours=1)
LOOK_AT = time(1, 0)
"""Local time from which a closed day is looked through in the store: its last batches are in."""


class Ledger:
    """`inbox.note` is called by ingest; `tick` by the job."""

    def __init__(self, station: Station, commands: Commands, clock: Clock) -> None:
        self.station, self._clock = station, clock
        self.inbox = Inbox(clock)
        self.rereads = Rereads(station.database, commands, station.policy.reread, station.zone)
        self._turn = Lock()
        self._looked: set[date] = set()
        self._ended = False

    def tick(self) -> int:
        """Count what is due, then order what is missing; how many re-reads were ordered."""
        with self._turn:
            now = self._clock.now()
            marks, spilled = self.inbox.take()
            if spilled:
                self._looked.clear()
            try:
                self._count(now, _by_day(marks, self.station))
            except BaseException:
                self.inbox.give_back(marks)
                raise
            self._history(now)
            return self.rereads.tick(now)

    def merge(self) -> None:
        """Only count what this process took in, where another one counts the days and orders re-reads.

        A day that nobody has counted yet is looked through in the store when it is.
        """
        with self._turn:
            marks, spilled = self.inbox.take()
            now = self._clock.now()
            today = local_day(now, self.station.zone)
            try:
                for day, mine in _by_day(marks, self.station).items():
                    self._count_marked(day, now, mine)
                for day in (today, today - DAY) if spilled else ():
                    DayCount(self.station, day, now).run(look=True)
            except BaseException:
                self.inbox.give_back(marks)
                raise

    def _count_marked(self, day: date, now: datetime, mine: Mapping[str, list[Mark]]) -> None:
        with self.station.database.read() as connection:
            areas = sheets.areas_of(connection, day, mine)
        DayCount(self.station, day, now, mine).run(areas=areas)

    def recount(self, day: date) -> int:
        """Look one day through in the store, whatever is known of it; how many meters were in service."""
        with self._turn:
            return DayCount(self.station, day, self._clock.now()).run(look=True)

    def _count(self, now: datetime, marks: Mapping[date, Mapping[str, list[Mark]]]) -> None:
        today = local_day(now, self.station.zone)
        whole = {today, *self._due(today, now)}
        for day in sorted(whole | {day for day in marks if day <= today}, reverse=True):
            mine = marks.get(day, {})
            if day in whole or self._is_new(day, today):
                look = self._must_look(day, today, now)
                DayCount(self.station, day, now, mine).run(look=look)
                if look:
                    self._looked.add(day)
            elif day > today - timedelta(days=self.station.policy.keep.meter_days):
                self._count_marked(day, now, mine)

    def _due(self, today: date, now: datetime) -> set[date]:
        """Days before today that are counted whole now: yesterday in its turn, and those gone stale."""
        with self.station.database.read() as connection:
            found = set(connection.scalars(select(day_table.c.day).where(day_table.c.stale == 1)))
            known = count.state(connection, today - DAY)
        if known is not None:  # else it is history, and counted as such
            in_turn = now - known.counted_at >= YESTERDAY_EVERY
            if in_turn or self._must_look(today - DAY, today, now):
                found.add(today - DAY)
        return {day for day in found if day < today}

    def _must_look(self, day: date, today: date, now: datetime) -> bool:
        """Once when the process begins, and once after the day has ended."""
        if day in (today, today - DAY) and day not in self._looked:
            return True
        if day != today and self._is_new(day, today):
            return True
        ready = datetime.combine(day + DAY, LOOK_AT, self.station.zone)
        with self.station.database.read() as connection:
            known = count.state(connection, day)
        looked = None if known is None else known.scanned_at
        return day < today and now >= ready and (looked is None or looked < ready)

    def _is_new(self, day: date, today: date) -> bool:
        """A recent day that was never counted, because nobody was here that day."""
        if day <= today - timedelta(days=HISTORY):
            return False
        with self.station.database.read() as connection:
            return count.state(connection, day) is None

    def _history(self, now: datetime) -> None:
        """Older days, the newest first, down to the station's first readings: at least one at a turn.

        A small station has its past in one turn, a large one does not hold up the present for it.
        """
        counted = 0
        while not self._ended and counted < HISTORY_METERS:
            counted += self._older_day(now)

    def _older_day(self, now: datetime) -> int:
        """The newest day that was never counted; how many meters it had."""
        today = local_day(now, self.station.zone)
        with self.station.database.read() as connection:
            query = select(day_table.c.day).where(day_table.c.day >= today - timedelta(days=HISTORY))
            known = set(connection.scalars(query))
        day = next((day for day in _back(today) if day not in known), None)
        if day is None:
            self._ended = True
            return 0
        meters = DayCount(self.station, day, now).run(look=True)
        if self._nothing_came(day) and not any(each < day for each in known):
            self._forget(day)
        return max(meters, 1)

    def _nothing_came(self, day: date) -> bool:
        with self.station.database.read() as connection:
            query = select(func.sum(total_table.c.received)).where(total_table.c.day == day)
            return not connection.scalar(query)

    def _forget(self, day: date) -> None:
        """A day before the station's first reading is no day of missing readings."""
        self._ended = True
        with self.station.database.write() as connection:
            for table in (total_table, gap_table):
                connection.execute(delete(table).where(table.c.day == day))
            sheets.forget_areas(connection, day, ())
            connection.execute(delete(day_table).where(day_table.c.day == day))

    def sweep(self) -> None:
        """Forget single meters' rows and gaps of long ago; the totals stay."""
        today = local_day(self._clock.now(), self.station.zone)
        before = today - timedelta(days=self.station.policy.keep.meter_days)
        with self.station.database.write() as connection:
            sheets.keep_until(connection, before)
            connection.execute(delete(gap_table).where(gap_table.c.day < before))

    # what operators declare, in the caller's transaction

    def leave_out(self, connection: Connection, what: LeftOut, why: str, by: str) -> int:
        """The exclusion's number; its days are counted anew at the next turn."""
        row = exclusions.declare(connection, what, why, by, self._clock.now())
        self._stale(connection, what.start, what.end)
        return int(row.id)

    def count_again(self, connection: Connection, exclusion: int, by: str) -> None:
        row = exclusions.withdraw(connection, exclusion, by, self._clock.now())
        self._stale(connection, row.start, row.end)

    def changed_since(self, connection: Connection, since: datetime) -> None:
        """Who was in service is known otherwise from `since` on: those days are counted anew."""
        self._stale(connection, since, None)

    def _stale(self, connection: Connection, start: datetime, end: datetime | None) -> None:
        zone = self.station.zone
        last = local_day(end or self._clock.now(), zone)
        count.set_stale(connection, local_day(start, zone), last)


def _back(today: date) -> list[date]:
    return [today - timedelta(days=number) for number in range(1, HISTORY + 1)]


def _by_day(marks: Sequence[Mark], station: Station) -> dict[date, dict[str, list[Mark]]]:
    """The marks by local day and meter; a day's bounds are found once for all of its marks."""
    found: dict[date, dict[str, list[Mark]]] = {}
    start_ms = end_ms = 0
    current: dict[str, list[Mark]] = {}
    for mark in sorted(marks, key=lambda each: each.at_ms):
        if not start_ms <= mark.at_ms < end_ms:
            day = local_day(instant(mark.at_ms), station.zone)
            start_ms = round(midnight(day, station.zone).timestamp() * 1000)
            end_ms = round(midnight(day + DAY, station.zone).timestamp() * 1000)
            current = found.setdefault(day, defaultdict(list))
        current[mark.meter].append(mark)
    return found
