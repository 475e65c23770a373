"""Load profiles: days encoded nightly; dictionary, groups and typical days reckoned monthly."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from cloud.analysis.profile.dictionary import renew
from cloud.analysis.profile.shapes import Wanted
from cloud.fleet import topology
from cloud.fleet.history import point_facts
from cloud.insight import weather
from cloud.insight.curves import Source, source, sources
from cloud.insight.engine import Engine, Lost
from cloud.insight.profile import store, tasks, writing
from cloud.insight.profile.policy import ProfilePolicy
from cloud.insight.runs import Night
from cloud.kit.calendar import Calendar, DayType
from cloud.kit.clock import Clock
from cloud.kit.days import bounds, days, midnight
from cloud.kit.db import Database
from cloud.metering.archive.layout import UNPLACED, month_of

log = logging.getLogger(__name__)

KIND = "profile"
VERSION = 1
_ONE = timedelta(days=1)
_AT_ONCE = 40
"""Areas whose results go into one transaction: the one writer is wanted by others, too."""
_DAYS_EACH = 10
"""About so many days of a point go into a sample: fewer days of more points say more, at more reading."""
Tell = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Done:
    """`points` with a code, or a profile, of those `seen`; `month` of the dictionary, None without one."""

    seen: int = 0
    points: int = 0
    month: date | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """The customers' points whose area this was at last, and every area in which they stood."""

    points: tuple[str, ...]
    areas: frozenset[str]


class Profiles:
    """Of one station: `folder` is the archive's; only tables of profiles are written."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        zone: tzinfo,
        clock: Clock,
        calendar: Calendar,
        policy: ProfilePolicy,
        engine: Engine,
    ) -> None:
        self._database, self._folder, self._zone, self._clock = database, folder, zone, clock
        self._calendar, self._policy, self._engine = calendar, policy, engine

    def night(self, night: Night) -> Done:
        """What a night wants: the day encoded; at a month's end, or where one was missed, that month."""
        if (last := self._month_due(night)) is not None:
            self.run_month(last)
        return self.run_day(night.day, night.areas)

    def run_day(self, day: date, areas: Collection[str] | None = None) -> Done:
        """Encode that archived day of these areas, or of all, by the dictionary there is; again replaces.

        Lost: of some areas there is nothing new, and why; the others are kept.
        """
        with self._database.read() as connection:
            coding = writing.coding(connection, day.replace(day=1))
            found = {} if coding is None else self._sources(connection, day, areas)
            without = _area_meters(connection)
        if coding is None:
            return Done()
        asked = (
            tasks.EncodeTask(area, without, each, coding, self._policy)
            for area, each in sorted(found.items())
        )
        seen = points = 0
        waiting: list[tuple[str, date, str, tasks.Encoded]] = []
        try:
            for task, done in self._engine.map(tasks.encode, asked):
                waiting.append((task.area, day, task.source.inputs, done))
                seen, points = seen + len(done.points), points + int((done.codes >= 0).sum())
        finally:
            if waiting:
                with self._database.write() as connection:
                    writing.save_days(connection, waiting, coding.month)
        return Done(seen, points, coding.month)

    def run_month(self, last: date, tell: Tell = lambda _: None) -> Done:
        """The month of `last` up to that day: its dictionary, then codes, groups, typical days, temperature.

        `tell` is called with how many more areas are done. Lost: as `run_day`. Without enough days for a
        dictionary there are typical days and what a degree costs all the same.
        """
        policy, month = self._policy, last.replace(day=1)
        first = last - (max(policy.window_days, policy.temperature_days) - 1) * _ONE
        with self._database.read() as connection:
            places = self._places(connection, last - (policy.window_days - 1) * _ONE, last)
            celsius = weather.daily(connection, first, last, self._zone)
        self._dictionary(places, last)
        with self._database.read() as connection:
            coding = writing.coding(connection, month)
        coding = coding if coding is not None and coding.month == month else None
        working = np.array([each is DayType.WORK for each in self._calendar.day_types(days(first, last))])
        known: NDArray[np.float64] | None = celsius if np.isfinite(celsius).any() else None

        def asked() -> Iterator[tasks.MonthTask]:
            for area, place in places.items():
                with self._database.read() as connection:
                    where = self._source(connection, place, first, last)
                yield tasks.MonthTask(area, place.points, where, coding, policy, working, known, last.day)

        groups: Counter[int] = Counter()
        seen = points = 0
        waiting: list[tuple[tasks.MonthTask, tasks.MonthDone]] = []
        try:
            for task, done in self._engine.map(tasks.month, asked(), tell=tell):
                seen, points = seen + len(task.points), points + len(done.points)
                groups.update(each.habits.code for each in done.points if each.habits.code is not None)
                waiting.append((task, done))
                if len(waiting) >= _AT_ONCE:
                    self._keep(waiting, first, last, coding)
                    waiting = []
        finally:
            self._keep(waiting, first, last, coding)
            with self._database.write() as connection:
                writing.count_customers(connection, month, dict(groups))
        return Done(seen, points, None if coding is None else coding.month)

    def _dictionary(self, places: dict[str, _Place], last: date) -> None:
        """Of a sample of the window's days: of all there are for the first one, and not of too few."""
        policy, month = self._policy, last.replace(day=1)
        wanted = Wanted(policy.shapes.theta, policy.shapes.least, policy.shapes.most, policy.shapes.refits)
        with self._database.read() as connection:
            before = writing.known_shapes(connection, month)
        reach = policy.window_days if before else max(policy.window_days, policy.temperature_days)
        first = last - (reach - 1) * _ONE
        sizes = {area: len(place.points) for area, place in places.items()}
        chosen = {area: places[area] for area in evenly(sizes, policy.shapes.sample // _DAYS_EACH)}
        every = sum(sizes[area] for area in chosen)

        def asked() -> Iterator[tasks.SampleTask]:
            for area, place in chosen.items():
                share = -(-policy.shapes.sample * len(place.points) // max(every, 1))
                with self._database.read() as connection:
                    where = self._source(connection, place, first, last)
                yield tasks.SampleTask(area, place.points, where, policy, share, month.toordinal())

        parts = {}
        try:
            for task, sampled in self._engine.map(tasks.sample, asked()):
                parts[task.area] = sampled
        except Lost as lost:  # the month reads the same files, and tells of them when all else is done
            log.warning("shapes without some areas: %s", lost)
        rows = [parts[area] for area in sorted(parts)]
        sample = np.concatenate(rows) if rows else np.empty((0, 96), np.float32)
        if len(sample) < 10 * wanted.most:
            return
        made = renew(sample, before, wanted)
        with self._database.write() as connection:
            writing.save_dictionary(
                connection,
                month,
                made,
                days=len(sample),
                points=every,
                theta=wanted.theta,
                at=self._clock.now(),
            )

    def _keep(
        self,
        waiting: Sequence[tuple[tasks.MonthTask, tasks.MonthDone]],
        first: date,
        last: date,
        coding: tasks.Coding | None,
    ) -> None:
        if not waiting:
            return
        now, start = self._clock.now(), last.replace(day=1)
        with self._database.write() as connection:
            for task, done in waiting:
                writing.save_points(connection, task.area, task.source.inputs, first, last, done.points, now)
            if coding is not None:
                rows = [(task.area, start, task.source.inputs, done.encoded) for task, done in waiting]
                writing.save_days(connection, rows, start)

    def _month_due(self, night: Night) -> date | None:
        """The last day of the month to reckon: of this one at its end, of the one before where it was missed,
        and of this one so far where there was never any."""
        first, end = month_of(night.day)
        with self._database.read() as connection:
            newest = store.newest_month(connection)
        if night.day == end and (newest is None or newest <= first):
            return end
        if not night.newest:
            return None
        before = first - _ONE
        if newest is not None:
            return before if newest < before.replace(day=1) else None
        return night.day

    def _sources(self, connection: Connection, day: date, areas: Collection[str] | None) -> dict[str, Source]:
        found = sources(connection, self._folder, day, day, zone=self._zone, areas=areas)
        return {area: each for area, each in found.items() if area != UNPLACED}

    def _source(self, connection: Connection, place: _Place, first: date, last: date) -> Source:
        return source(connection, self._folder, first, last, zone=self._zone, areas=place.areas)

    def _places(self, connection: Connection, first: date, last: date) -> dict[str, _Place]:
        """Customers' points by the area in which they stood last, in order."""
        start, end = midnight(first, self._zone), bounds(last, self._zone)[1]
        found: dict[str, _Place] = {}
        for each in topology.in_service(connection, start, end):
            if each.role != "customer" or not each.area:
                continue
            place = found.get(each.area, _Place((), frozenset()))
            stood = place.areas | {part.area for part in each.installations}
            found[each.area] = replace(place, points=(*place.points, each.point), areas=stood)
        return {
            area: replace(found[area], points=tuple(sorted(found[area].points))) for area in sorted(found)
        }


def evenly(points: Mapping[str, int], most: int) -> list[str]:
    """Areas, evenly over the station, of about `most` of its `points`: a file is read whole or not at all."""
    return list(points)[:: max(1, -(-sum(points.values()) // max(most, 1)))]


def _area_meters(connection: Connection) -> frozenset[str]:
    place = point_facts.c
    query = select(place.point).where(place.role == "area", place.withdrawn_at.is_(None)).distinct()
    return frozenset(connection.scalars(query))
