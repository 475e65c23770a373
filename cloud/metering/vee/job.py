"""Validates the closed days of the station, area by area, and those again of which readings came late.

A few points at a time: memory is bounded by their readings of one day, whatever the size of the station.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import numpy as np
from sqlalchemy import Connection

from cloud.fleet import topology
from cloud.fleet.topology import Installation
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.metering.store import ReadingStore, ms
from cloud.metering.vee import days, dirty, exception_store, exceptions, gather
from cloud.metering.vee.exceptions import JOB, Where
from cloud.metering.vee.gather import AHEAD, BACK, Gathered, Place
from cloud.metering.vee.judge import Edit, Judged, judge
from cloud.metering.vee.point_day import Channel, PointDay
from cloud.metering.vee.policy import VeePolicy
from cloud.metering.vee.rules_context import past
from cloud.metering.vee.subjects import Known, Setting, Wanted, subjects
from cloud.metering.vee.surroundings import Surroundings, wide
from cloud.metering.vee.usual import usual_days

log = logging.getLogger(__name__)

READINGS = 60_000
"""About so many readings are in memory: some 600 points that are read each quarter of an hour."""
AT_ONCE = 200
"""Points whose days are written in one transaction: the one writer is wanted by others, too."""
CATCH_UP = timedelta(days=62)
"""A station that stood still validates so many days back by itself; older ones by the verb."""
ANSWER_WITHIN = ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Done:
    """`written` are the days that are new or changed, by channel and point; `opened` the exceptions.

    `let_go`: days left as they are, for the store no longer holds all that was measured then.
    """

    points: int = 0
    written: int = 0
    opened: int = 0
    let_go: int = 0

    def __add__(self, other: "Done") -> "Done":
        return Done(
            self.points + other.points,
            self.written + other.written,
            self.opened + other.opened,
            self.let_go + other.let_go,
        )


class Validation:
    """The job "validate", and the same work for a verb; `zone` is the station's."""

    def __init__(
        self,
        database: Database,
        store: ReadingStore,
        policy: VeePolicy,
        zone: tzinfo,
        clock: Clock,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._database, self._store, self._policy = database, store, policy
        self._zone, self._clock = zone, clock
        self._around = surroundings or Surroundings()

    def run(self) -> None:
        """Every closed day that is not done, in order, and then those that late readings made dirty."""
        now = self._clock.now()
        closed = self._last_closed(now)
        for day, areas in sorted(self._due(closed).items()):
            done = self.day(day, areas, book=True)
            log.info("%s: %d points, %d days written, %d opened", day, done.points, done.written, done.opened)
        self._again(closed)
        with self._database.write() as connection:
            exceptions.give_back(connection, now - ANSWER_WITHIN, now)

    def refuse_open(self, day: date) -> None:
        """Invalid for a day that has not ended, or only just: its readings are still coming in."""
        closed = self._last_closed(self._clock.now())
        if day > closed:
            raise Invalid(f"{day} is not closed yet: the newest day that can be validated is {closed}")

    def _last_closed(self, now: datetime) -> date:
        grace = timedelta(minutes=self._policy.grace_min)
        return (now - grace).astimezone(self._zone).date() - timedelta(days=1)

    def _due(self, closed: date) -> dict[date, set[str]]:
        """The areas whose turn has come, by day; an area that is new begins with the newest day."""
        with self._database.read() as connection:
            done = exception_store.done(connection)
            areas = {each.area for each in self._installations(connection, closed)}
        due: dict[date, set[str]] = {}
        for area in areas:
            first = max(done.get(area, closed - timedelta(days=1)) + timedelta(days=1), closed - CATCH_UP)
            for number in range((closed - first).days + 1):
                due.setdefault(first + timedelta(days=number), set()).add(area)
        return due

    def _again(self, closed: date) -> None:
        """Days that were marked, each once; one that is marked meanwhile waits for the next run."""
        seen: set[date] = set()
        while True:
            with self._database.read() as connection:
                marks = dirty.marks(connection, closed + timedelta(days=1))
            marks = [mark for mark in marks if mark[1] not in seen]
            if not marks:
                return
            day = marks[0][1]
            mine = [mark for mark in marks if mark[1] == day]
            self.day(day, meters={meter for meter, _, _ in mine})
            with self._database.write() as connection:
                dirty.unmark(connection, mine)
            seen.add(day)

    def day(
        self,
        day: date,
        areas: Collection[str] | None = None,
        *,
        meters: Collection[str] | None = None,
        book: bool = False,
        tell: Callable[[int], object] = lambda _: None,
    ) -> Done:
        """Validate a local day of these areas, or of all; with `meters` only the points they served.

        `book`: the job need not come back to it.
        `tell` is called with how many more points are done.
        """
        with self._database.read() as connection:
            if self._around.let_go(connection, day - ONE, day + ONE):  # midnight is bridged from both sides
                log.warning("%s stays as it is: its raw readings are in the archive only", day)
                return Done(let_go=1)
            rows = self._installations(connection, day)
        feeders = {row.area: row.feeder for row in rows}
        places = gather.places(rows, day, self._zone, self._policy)
        wanted = sorted(places if areas is None else set(areas) & set(places))
        done = Done()
        for part, mine in _parts([places[area] for area in wanted]):
            only = _served(mine, meters)
            if only:
                done += self._part(day, part, only, feeders)
                tell(len(only))
        if book:
            with self._database.write() as connection:
                for area in sorted(set(feeders) if areas is None else set(areas) & set(feeders)):
                    exception_store.save_done(connection, area, day)
        return done

    def _installations(self, connection: Connection, day: date) -> Sequence[Installation]:
        noon = datetime.combine(day, time(12), UTC)
        return topology.installations(connection, noon - BACK, noon + AHEAD)

    def _part(
        self, day: date, some: Sequence[Place], only: Collection[str], feeders: Mapping[str, str]
    ) -> Done:
        """Validate `only` these points; `some` are all that they are held against."""
        with self._database.read() as connection:
            found = gather.gather(connection, self._store, some, self._policy)
            histories = {
                channel: gather.history(connection, day, channel, raw, only)
                for channel, raw in found.raw.items()
            }
            known = self._known(connection, day, some, found, feeders)
            newest = days.of_day(connection, day, only)
            only = self._were_there(connection, day, some, only, found)
        setting = Setting(self._zone, self._policy)
        judged = [
            judge(each, self._policy) for each in subjects(some, found, histories, known, setting, only)
        ]
        mine = [each for each in some if each.point in only]
        result = Done()
        for points in days.chunks(mine, AT_ONCE):
            names = {each.point for each in points}
            result += self._keep([each for each in judged if each.content.point in names], points, newest)
        return result

    def _were_there(
        self, connection: Connection, day: date, some: Sequence[Place], only: Collection[str], found: Gathered
    ) -> set[str]:
        """Without those of whom nothing came on a day before the registry knew them."""
        raw = found.raw[Channel.IMPORT]
        silent = {
            each.point: each.meters[0]
            for each in some
            if each.point in only
            and each.today[0].start <= topology.BEGINNING
            and (each.point not in raw or bool(np.isnan(raw[each.point].at_bounds[:, :-1]).all()))
        }
        if not silent:
            return set(only)
        known = topology.known_since(connection, list(silent.values()))
        early = [name for name, meter in silent.items() if day < known[meter].astimezone(self._zone).date()]
        before = {point for point, _ in days.had(connection, day - ONE, early)}
        return set(only) - (set(early) - before)

    def _known(
        self,
        connection: Connection,
        day: date,
        some: Sequence[Place],
        found: Gathered,
        feeders: Mapping[str, str],
    ) -> Known:
        start, end = _around(some[0])
        points = [each.point for each in some]
        out = self._around.areas_out(connection, start, end)
        edits: dict[Wanted, Sequence[Edit]] = {
            (point, Channel(channel)): [Edit(row.id, row.slot, row.value_wh, row.raw_wh) for row in rows]
            for (point, channel, _), rows in exception_store.edits(connection, points, [day]).items()
        }
        areas = {each.today[-1].area for each in some}
        return Known(
            self._around.dark(connection, list(found.meters), start, end),
            {area: wide(area, feeders, out, self._policy.wide_areas) for area in areas},
            self._around.supplied(connection, points),
            usual_days(connection, day, found.raw, self._policy),
            edits,
            days.had(connection, day - ONE, points),
            ms(self._clock.now()),
        )

    def _keep(
        self, judged: Sequence[Judged], some: Sequence[Place], newest: Mapping[Wanted, PointDay]
    ) -> Done:
        now = self._clock.now()
        judged = [self._late(each, newest.get(_wanted(each.content)), now) for each in judged]
        changed = [each.content for each in judged if not _is_known(each.content, newest)]
        where = {each.point: Where(each.today[-1].area, each.today[-1].meter) for each in some}
        again = [(where[each.content.point].meter, day) for each in judged for day in each.again]
        with self._database.write() as connection:
            days.put(connection, changed, by=JOB, why=self._policy.version, at=now)
            opened = exceptions.sync(connection, judged, where, now)
            dirty.mark(connection, again)
        return Done(len(some), len(changed), opened)

    def _late(self, judged: Judged, before: PointDay | None, now: datetime) -> Judged:
        """V20: a day so old that it may be billed, and says something else now."""
        if before is None:
            return judged
        content = judged.content
        age = (now.astimezone(self._zone).date() - content.day).days
        changed = not np.array_equal(content.final_wh, before.final_wh, equal_nan=True)
        found = past(age, changed=changed, slots=content.slots, policy=self._policy)
        return replace(judged, findings=[*judged.findings, *found]) if found else judged


def _around(place: Place) -> tuple[datetime, datetime]:
    return place.day.start - AHEAD, place.day.start + AHEAD


def _wanted(content: PointDay) -> Wanted:
    return content.point, content.channel


def _is_known(content: PointDay, newest: Mapping[Wanted, PointDay]) -> bool:
    before = newest.get(_wanted(content))
    return before is not None and days.same(before, content)


_Part = tuple[list[Place], list[Place]]


def _parts(areas: Iterable[Sequence[Place]]) -> Iterator[_Part]:
    """Whole areas together, and pieces of one too large: (what is looked at, those whose turn it is)."""
    part: list[Place] = []
    for places in areas:
        if part and _readings(part) + _readings(places) > READINGS:
            yield part, part
            part = []
        if _readings(places) > READINGS:
            yield from _pieces(places)
        else:
            part = [*part, *places]
    if part:
        yield part, part


def _pieces(places: Sequence[Place]) -> Iterator[_Part]:
    """The area's own meters are looked at with each piece."""
    own = [each for each in places if each.today[-1].role == "area"]
    mine = list(own)
    for each in places:
        if each.today[-1].role != "area":
            mine.append(each)
            if _readings(mine) > READINGS:
                yield [*own, *(each for each in mine if each not in own)], mine
                mine = []
    if mine:
        yield [*own, *(each for each in mine if each not in own)], mine


def _readings(places: Iterable[Place]) -> int:
    """About so many come of them in a day."""
    return sum(86_400 // max(1, min(row.interval_s for row in each.today)) for each in places)


def _served(places: Sequence[Place], meters: Collection[str] | None) -> set[str]:
    wanted = None if meters is None else set(meters)
    return {each.point for each in places if wanted is None or wanted.intersection(each.meters)}
