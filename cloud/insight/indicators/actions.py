"""Brings the indicators up to date: of a day each night, of months that are in the archive by a verb.

What was reckoned from the same files by the same rule is not reckoned again.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cloud.analysis.grid import day_grid
from cloud.analysis.indicators.bands import BandsOfDays
from cloud.insight import runs
from cloud.insight.curves import QUARTER_S, Partition, Source, sources
from cloud.insight.engine import Engine
from cloud.insight.indicators import monthly, store
from cloud.insight.indicators.compute import Computed, Task, compute
from cloud.insight.indicators.store import AreaDay
from cloud.insight.runs import Outcome, Work
from cloud.insight.tasks import Failed, Lost
from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import DAY
from cloud.kit.db import Database
from cloud.metering.archive import reader
from cloud.metering.archive.layout import UNPLACED, month_of
from cloud.metering.vee.point_day import Channel

KIND = "indicators"
AT_ONCE = 120
"""So many rows of an area and day go into one transaction: the one writer is wanted by others, too."""
Tell = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Made:
    """`areas` or area-months were reckoned, `same` were so already; `point_days` rows came of it."""

    areas: int = 0
    same: int = 0
    point_days: int = 0


class Indicators:
    """`folder` is the archive's; `bands` as the station's tariff has them; `engine` does the reckoning."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        zone: tzinfo,
        clock: Clock,
        bands: BandsOfDays,
        calendar: Calendar,
        engine: Engine,
    ) -> None:
        self._database, self._folder, self._zone, self._clock = database, folder, zone, clock
        self._bands, self._calendar, self._engine = bands, calendar, engine

    def run_day(self, day: date, areas: Collection[str] | None = None) -> Made:
        """An archived day of these areas, or of all, where its files or the rule are others than before.

        Lost: of some areas there is nothing new, and why; the others are kept.
        """
        version = daily_version()
        with self._database.read() as connection:
            found = self._sources(connection, day, day, areas)
            known = store.inputs(connection, day, day)
        due = {
            area: each
            for area, each in found.items()
            if known.get((area, day)) != (each.days().get(day), version)
        }
        points = self._reckon(due, day, day)
        return Made(len(due), len(found) - len(due), points)

    def run_month(self, month: date, areas: Collection[str] | None = None) -> int:
        """The month that has this day, as far as its days were reckoned; how many points of these areas."""
        first, last = month_of(month)
        return monthly.run(self._database, self._calendar, self._clock.now(), first, last, areas)

    def due(self, first: date, last: date) -> list[Work]:
        """The area-months, cut to these days, that `backfill` has still to do."""
        return [work for work, _ in self._due(first, last)]

    def backfill(self, first: date, last: date, tell: Tell = lambda _: None) -> Made:
        """All these days, both included, a task for each area and month; what is done stays done.

        `tell` is called with how many more area-months are done. Lost: as `run_day`.
        """
        made = Made()
        of_month: dict[tuple[date, date], dict[str, Source]] = {}
        for work, found in self._due(first, last):
            of_month.setdefault((work.first, work.last), {})[work.area] = found
        lost: list[Failed[Any]] = []
        for (start, end), mine in of_month.items():
            try:
                points = self._reckon(mine, start, end, tell, book=True)
                made = Made(made.areas + len(mine), 0, made.point_days + points)
            except Lost as error:  # other areas and months are not lost with it
                lost += error.failed
            self.run_month(start)
        if lost:
            raise Lost(lost)
        return made

    def _due(self, first: date, last: date) -> list[tuple[Work, Source]]:
        version = daily_version()
        with self._database.read() as connection:
            wanted = [
                (Work(KIND, area, start, end, found.inputs, version), found)
                for start, end in _months(first, last)
                for area, found in self._sources(connection, start, end).items()
            ]
            due = set(runs.due(connection, [work for work, _ in wanted]))
        return [each for each in wanted if each[0] in due]

    def _sources(
        self, connection: Connection, first: date, last: date, areas: Collection[str] | None = None
    ) -> dict[str, Source]:
        found = sources(connection, self._folder, first, last, zone=self._zone, areas=areas)
        return {area: each for area, each in found.items() if area != UNPLACED}

    def _reckon(
        self,
        found: Mapping[str, Source],
        first: date,
        last: date,
        tell: Tell = lambda _: None,
        *,
        book: bool = False,
    ) -> int:
        """Reckon and keep, some areas at a time; what came before a failure is kept.

        `book`: as runs of area-months; a single day is known by its own rows.
        """
        if not found:
            return 0
        starts_ms = reader.index((), first, last, self._zone, QUARTER_S).starts_ms
        bands = self._bands.slots(day_grid(starts_ms, QUARTER_S, self._zone))
        tasks = (Task(Partition(area, first, last, ()), each, bands) for area, each in sorted(found.items()))
        points, waiting = 0, _Waiting()
        try:
            for task, computed in self._engine.map(compute, tasks, tell=tell):
                waiting.add(task, computed)
                if waiting.rows >= AT_ONCE:
                    points, waiting = points + self._keep(waiting, book=book), _Waiting()
        finally:
            points += self._keep(waiting, book=book)
        return points

    def _keep(self, waiting: "_Waiting", *, book: bool) -> int:
        """Write all in one transaction; how many days of points."""
        now, version = self._clock.now(), daily_version()
        if not waiting.results:
            return 0
        with self._database.write() as connection:
            parts = [each.partition for each, _ in waiting.results]
            store.replace(
                connection, [(each.area, each.first, each.last) for each in parts], waiting.days(version), now
            )
            if book:
                runs.save(connection, [_run(*each, now, version) for each in waiting.results])
        return sum(
            len(day.points)
            for _, computed in waiting.results
            for day in computed.days
            if day.channel is Channel.IMPORT
        )


class _Waiting:
    """Results that are to be written together."""

    def __init__(self) -> None:
        self.results: list[tuple[Task, Computed]] = []
        self.rows = 0

    def add(self, task: Task, computed: Computed) -> None:
        self.results.append((task, computed))
        self.rows += len(computed.days)

    def days(self, version: int) -> Iterator[AreaDay]:
        for task, computed in self.results:
            inputs = task.source.days()
            for each in computed.days:
                yield AreaDay(
                    task.partition.area,
                    each.day,
                    each.channel,
                    each.points,
                    each.values,
                    each.slots,
                    inputs[each.day],
                    version,
                )


def daily_version() -> int:
    from cloud.analysis.indicators.daily import VERSION  # it loads the kernels

    return VERSION


def _run(task: Task, computed: Computed, now: datetime, version: int) -> runs.Run:
    part = task.partition
    work = Work(KIND, part.area, part.first, part.last, task.source.inputs, version)
    return runs.run_of(work, now, Outcome(took_s=computed.took_s))


def _months(first: date, last: date) -> Sequence[tuple[date, date]]:
    """The months of these days, the outer ones cut."""
    found = []
    while first <= last:
        end = min(last, month_of(first)[1])
        found.append((first, end))
        first = end + DAY
    return found
