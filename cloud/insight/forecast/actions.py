"""Makes the forecasts of a night and scores those of days that have come; it reads the archive alone."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Connection

from cloud.fleet import history as facts
from cloud.fleet import topology
from cloud.fleet.history import area_facts
from cloud.insight.curves import Source, sources
from cloud.insight.engine import Engine, Lost
from cloud.insight.forecast import learning, store
from cloud.insight.forecast.policy import ForecastPolicy
from cloud.kit.calendar import Calendar, DayType
from cloud.kit.clock import Clock
from cloud.kit.days import DAY, bounds, days
from cloud.kit.db import Database
from cloud.metering.archive import manifest
from cloud.metering.archive.layout import Layer

if TYPE_CHECKING:
    from cloud.analysis.forecast.night import Days, Rules
    from cloud.insight.forecast.compute import AreaNight, AreaTask, Task
    from cloud.insight.forecast.sums import Sums

HISTORY_DAYS = 91
"""Thirteen weeks: similar days of the oldest day that intervals are drawn from have their own."""
POINTS_AT_ONCE = 600
"""In one task: few enough for memory, many enough that arrays are worth it."""
TYPES = (DayType.WORK, DayType.SATURDAY, DayType.OFF)
Of = Callable[[Connection, date], Mapping[str, float]]
ClassesOf = Callable[[Connection, datetime], Mapping[str, str]]
Tell = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Made:
    """How many were forecast; `scored`: whether anything was forecast for that day before."""

    points: int
    areas: int
    feeders: int
    scored: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """An area as it was on the day: its customers' points, its own meter, its transformer."""

    area: str
    feeder: str
    points: tuple[str, ...]
    meter: str | None
    capacity_kva: float | None


class Forecasts:
    """`folder` is the archive's. `power_factors` of areas as last measured and `classes` of points (tariff
    class) come from whoever knows them; without, the policy's power factor and one class for all serve."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        zone: tzinfo,
        clock: Clock,
        policy: ForecastPolicy,
        calendar: Calendar,
        engine: Engine,
        *,
        power_factors: Of | None = None,
        classes: ClassesOf | None = None,
    ) -> None:
        self._database, self._folder, self._zone, self._clock = database, folder, zone, clock
        self._policy, self._calendar, self._engine = policy, calendar, engine
        self._power_factors, self._classes = power_factors, classes

    def run_day(self, closed: date, tell: Tell = lambda _: None) -> Made:
        """Score what was forecast for `closed`, the last archived local day, and forecast those after it.

        The first night rehearses: it makes those of four weeks before as well, so that methods can be chosen.
        Of a large station it does so for some of its areas, with one model for all these nights; the others
        choose when they have nights enough.
        Days that are over keep the forecast they had. `tell` is called with how many more tasks are done.
        Lost: a file of the archive is damaged; the areas of all others are forecast, sums are not.
        """
        if rehearsed := self._unrehearsed(closed):
            some = self._rehearsing(closed)
            for day in rehearsed:
                self._night(day, tell, some)
        return self._night(closed, tell)

    def _unrehearsed(self, closed: date) -> list[date]:
        """The days of the backtest before `closed`, on the first night that has them in the archive."""
        limits = self._policy.backtest
        first = closed - DAY * limits.days
        with self._database.read() as connection:
            if not limits.rehearse or store.scored(connection):
                return []
            begun = manifest.live(connection, Layer.FINAL, first, closed)
        oldest = min((each.first for each in begun), default=closed)
        return [day for day in days(first, closed - DAY) if day >= oldest]

    def _rehearsing(self, closed: date) -> frozenset[str] | None:
        """Whole areas, evenly over the station, of about so many customers as the policy says; None: all."""
        with self._database.read() as connection:
            places = self._places(connection, closed)
        every, most = sum(len(each.points) for each in places), self._policy.backtest.points
        if every <= most:
            return None
        return frozenset(each.area for each in places[:: -(-every // most)])

    def _night(self, closed: date, tell: Tell, some: Collection[str] | None = None) -> Made:
        """Of `some` areas, or of all; feeders only where all their areas are in the sum."""
        self._learn(closed, self._policy.model.again_days if some is None else self._policy.backtest.days)
        with self._database.read() as connection:
            tasks = list(self._tasks(connection, closed, some))
            kept = store.over(connection, closed)
        found, lost = self._computed(tasks, tell)
        made = Made(0, 0, 0, scored=False)
        if found:
            whole = some is None and lost is None  # a sum without one of its areas is none
            made = self._keep(closed, found, kept, tasks[0].rules, whole=whole)
        if lost is not None:
            raise lost
        return made

    def _computed(self, tasks: "Sequence[Task]", tell: Tell) -> "tuple[list[AreaNight], Lost | None]":
        """By area; what fails is tried again area by area, and what then fails is lost."""
        from cloud.insight.forecast.compute import alone, compute

        found: list[AreaNight] = []
        lost: Lost | None = None
        try:
            found += (each for _, part in self._engine.map(compute, tasks, tell=tell) for each in part)
        except Lost as some:
            singly = [one for each in some.failed for one in alone(each.task)]
            try:
                found += (each for _, part in self._engine.map(compute, singly) for each in part)
            except Lost as for_good:
                lost = for_good
        return sorted(found, key=lambda each: each.area), lost

    def days(self, closed: date) -> "Days":
        """The kinds of the history's days and of those ahead."""
        from cloud.analysis.forecast.night import Days
        from cloud.analysis.forecast.similar import HOLIDAY

        first = closed - DAY * (HISTORY_DAYS - 1)
        every = [first + DAY * n for n in range(HISTORY_DAYS + self._policy.days_ahead)]
        kinds = [
            HOLIDAY if self._calendar.holiday(day) else TYPES.index(self._calendar.day_type(day))
            for day in every
        ]
        return Days(np.array(kinds, np.int8), np.array([day.weekday() for day in every], np.int8))

    def _learn(self, closed: date, again_days: int) -> None:
        """A new model when the last one is so old; a station too small to learn from goes without."""
        limits = self._policy.model
        if not limits.enabled:
            return
        with self._database.read() as connection:
            newest = learning.newest(connection, closed)
            if newest is not None and (closed - newest.last).days < again_days:
                return
            places = self._places(connection, closed)
            found = sources(
                connection, self._folder, closed - DAY * (HISTORY_DAYS - 1), closed, zone=self._zone
            )
        sample = learning.sample([(each.points, found.get(each.area)) for each in places], limits.series)
        learned = learning.learn(
            sample, self.days(closed), rules(self._policy), limits.rows, self._policy.days_ahead
        )
        if learned is not None:
            with self._database.write() as connection:
                learning.keep(
                    connection, learned, closed - DAY * (HISTORY_DAYS - 1), closed, self._clock.now()
                )

    def _tasks(self, connection: Connection, closed: date, only: Collection[str] | None) -> Iterator["Task"]:
        from cloud.analysis.forecast.outlook import Limits
        from cloud.insight.forecast.compute import Task

        limits = self._policy.outlook
        first = closed - DAY * (HISTORY_DAYS - 1)
        found = sources(connection, self._folder, first, closed, zone=self._zone, areas=only)
        places = [each for each in self._places(connection, closed) if each.area in found]
        places = places if only is None else [each for each in places if each.area in only]
        trees = learning.trees(connection, closed) if self._policy.model.enabled else None
        shared = (self.days(closed), rules(self._policy), trees, self._policy.days_ahead)
        outlook = (Limits(limits.heavy, limits.over, limits.hours), limits.power_factor)
        areas = self._area_tasks(connection, places, closed)
        for some in _chunks(areas):
            yield Task(tuple(some), _together([found[each.area] for each in some]), *shared, *outlook)

    def _area_tasks(self, connection: Connection, places: Sequence[_Place], closed: date) -> "list[AreaTask]":
        from cloud.insight.forecast.compute import AreaTask
        from cloud.insight.forecast.past import Pasts

        window = self._policy.backtest.days
        of = {
            kind: Pasts(connection, kind, closed, window)
            for kind in ("point", "area", "transformer", "parts")
        }
        factors = self._power_factors(connection, closed) if self._power_factors else {}
        classes = self._classes(connection, bounds(closed, self._zone)[1]) if self._classes else {}
        codes = {name: code for code, name in enumerate(sorted(set(classes.values())))}
        return [
            AreaTask(
                each.area, each.feeder, each.points,
                tuple(codes.get(classes.get(point, ""), -2) for point in each.points),
                each.meter, each.capacity_kva, factors.get(each.area), of["point"].of(each.area, each.points),
                *(of[kind].of("", (each.area,)) for kind in ("area", "transformer", "parts")),
            )
            for each in places
        ]  # fmt: skip

    def _places(self, connection: Connection, day: date) -> list[_Place]:
        capacity = {
            area: spans[-1].values.get("capacity_kva")
            for area, spans in facts.load(connection, area_facts).items()
        }
        points: dict[str, list[str]] = {}
        meters: dict[str, str] = {}
        feeders: dict[str, str] = {}
        for each in topology.in_service(connection, *bounds(day, self._zone)):
            feeders[each.area] = each.feeder
            if each.role == "customer":
                points.setdefault(each.area, []).append(each.point)
            elif each.role == "area":
                meters[each.area] = each.point
        return [
            _Place(area, feeder, tuple(sorted(points.get(area, []))), meters.get(area), capacity.get(area))
            for area, feeder in sorted(feeders.items())
        ]

    def _keep(
        self, closed: date, found: "Sequence[AreaNight]", kept: date | None, rules: "Rules", *, whole: bool
    ) -> Made:
        from cloud.insight.forecast import keeping

        sums = self._sums(closed, found, rules) if whole else {}
        now, limits = self._clock.now(), self._policy.keep
        made = [
            row for row in keeping.forecasts(found, sums, closed, now) if kept is None or row["day"] > kept
        ]
        scored = list(keeping.scores(found, sums, closed, now))
        with self._database.write() as connection:  # all is packed by now: the one writer is wanted by others
            store.put(connection, made)
            store.put_scores(connection, scored)
            store.forget(
                connection, closed - timedelta(days=limits.points_days), closed - timedelta(days=limits.days)
            )
        return Made(
            sum(len(each.points) for each in found),
            len(found),
            len(sums["feeder"].names) if sums else 0,
            scored=bool(scored),
        )

    def _sums(self, closed: date, found: "Sequence[AreaNight]", rules: "Rules") -> "dict[str, Sums]":
        """Of each kind of sum."""
        from cloud.insight.forecast import sums
        from cloud.insight.forecast.past import Pasts

        window, areas = self._policy.backtest.days, [each.area for each in found]
        with self._database.read() as connection:
            fed = Pasts(connection, "transformer", closed, 1).of("", areas).issued.p50
            before = {kind: Pasts(connection, kind, closed, window) for kind in ("feeder", "station")}
        said = dict(zip(areas, fed, strict=True))
        return {
            "feeder": sums.sums(sums.by_feeder(found), before["feeder"], said, rules),
            "station": sums.sums(sums.whole_station(found), before["station"], said, rules),
        }


def rules(policy: ForecastPolicy) -> "Rules":
    from cloud.analysis.forecast.intervals import Levels
    from cloud.analysis.forecast.night import Rules
    from cloud.analysis.forecast.similar import Alike

    like = policy.similar
    return Rules(
        alike=Alike(like.days, like.within_days, like.holidays_from),
        missing_share=like.missing_share,
        unsure_share=like.estimated_share,
        margin=policy.model.margin,
        least_days=policy.model.least_days,
        error_days=policy.intervals.days,
        levels=Levels(policy.intervals.low, policy.intervals.high),
    )


def _together(found: Sequence[Source]) -> Source:
    return replace(
        found[0],
        final=tuple(piece for each in found for piece in each.final),
        method=tuple(piece for each in found for piece in each.method),
    )


def _chunks(areas: "Sequence[AreaTask]") -> "Iterator[list[AreaTask]]":
    some: list[AreaTask] = []
    for each in areas:
        some.append(each)
        if sum(len(one.points) for one in some) >= POINTS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some
