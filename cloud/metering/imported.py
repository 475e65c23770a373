"""Tells validation and archive of the closed days that a file brings readings of, many at a time."""

from collections.abc import Sequence
from datetime import date, timedelta, tzinfo
from types import TracebackType
from typing import Self

from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.metering.archive import due
from cloud.metering.vee import dirty
from cloud.metering.vee.dirty import DirtyDays
from protocols.readings import Reading

_AT_ONCE = 20_000


class Imported:
    """`note` what was written to the store; all is marked when the block ends, however it ends.

    A process that dies before is told in its file alone: bringing that in again marks what it had.
    """

    def __init__(self, database: Database, zone: tzinfo, clock: Clock, grace: timedelta) -> None:
        self._database, self._zone, self._clock = database, zone, clock
        self._days = DirtyDays(zone, clock, grace)
        self._touched: set[tuple[str, date]] = set()
        self._closed: set[date] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mark()

    def note(self, readings: Sequence[Reading]) -> None:
        self._touched |= self._days.touched(readings)
        self._closed |= due.closed_days(readings, self._zone, self._clock.now())
        if len(self._touched) > _AT_ONCE:
            self._mark()

    def _mark(self) -> None:
        touched, self._touched = self._touched, set()
        closed, self._closed = self._closed, set()
        if touched or closed:
            with self._database.write() as connection:
                dirty.mark(connection, touched)
                due.mark(connection, closed)
