"""What is reckoned each night of the days that the archive has anew: part after part, each by itself.

A part that fails stops no other: it is logged, stands in the ledger of runs, and is due again the next time.
Where many days are due, a run does some of them, and the next one goes on: the newest day waits for none.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection, func, select

from cloud.insight import runs
from cloud.insight.runs import WHOLE, Night, Outcome, Run, Work
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from cloud.metering.archive import manifest
from cloud.metering.archive.layout import UNPLACED, Layer
from cloud.metering.archive.manifest import day_table

log = logging.getLogger(__name__)

REACH = timedelta(days=62)
"""Days that changed are reckoned again so far back by themselves; older ones by the verb."""
WITHIN = timedelta(minutes=4)
"""A run begins no further day after so long; what is left is due again the next time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is reckoned of a night; `version` is its rule's: another makes days due again.

    `again`: also of days that changed afterwards; without it only of the newest day there is. `monthly`: of
    several days of a month that are due, once, on the last of them, for the areas of all. `alone`: it needs
    nothing that is reckoned of other days, so that the newest one goes before all older ones.
    """

    name: str
    work: Callable[[Night], object]
    version: int = 1
    again: bool = True
    monthly: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Took:
    """A part of one day: how long it took; `failure` is None when it went well."""

    part: str
    day: date
    areas: int
    seconds: float
    failure: str | None


@dataclass(frozen=True, slots=True)
class _Turn:
    """One call of a part, and all that is done with it."""

    part: Part
    night: Night
    works: tuple[Work, ...]

    @property
    def first(self) -> bool:
        return self.part.alone and self.night.newest


class Nightly:
    """The job: `parts` in their order, for each archived day that is due to any of them, oldest first.

    Before all, parts that are `alone` of the newest day. Of the others a run does one day at least and begins
    no further one after `within`; time spent on what failed does not count: it would keep others waiting.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        parts: Sequence[Part],
        reach: timedelta = REACH,
        within: timedelta = WITHIN,
    ) -> None:
        self._database, self._clock, self._reach, self._within = database, clock, reach, within
        self.parts = tuple(parts)

    def run(self) -> list[Took]:
        """Do what is due, or a part of it. Conflict, at the end: some part failed, and is due again."""
        with self._database.read() as connection:
            due = self._due(connection)
        took = [self._turn(each) for each in due if each.first]
        took += self._in_turn([each for each in due if not each.first])
        if failed := [each for each in took if each.failure is not None]:
            first = failed[0]
            raise Conflict(
                f"{len(failed)} of {len(took)} parts failed: {first.part} of {first.day}: {first.failure}"
            )
        return took

    def _in_turn(self, due: Sequence[_Turn]) -> list[Took]:
        took: list[Took] = []
        for day, turns in groupby(due, lambda turn: turn.night.day):
            well = [each.seconds for each in took if each.failure is None]
            if well and sum(well) >= self._within.total_seconds():
                log.info("the days from %s on are left for the next run", day)
                break
            took += [self._turn(each) for each in turns]
        return took

    def _turn(self, turn: _Turn) -> Took:
        name, night, outcome = turn.part.name, turn.night, Outcome()
        try:
            with runs.booked(self._database, self._clock, *turn.works) as outcome:
                turn.part.work(night)
        except Exception as error:
            log.exception("%s of %s failed", name, night.day)
            outcome.failure = f"{type(error).__name__}: {error}"
        else:
            log.info("%s of %s: %d areas, %.1f s", name, night.day, len(night.areas), outcome.took_s)
        return Took(name, night.day, len(night.areas), outcome.took_s, outcome.failure)

    def _due(self, connection: Connection) -> list[_Turn]:
        """By day, and of a day in the order of the parts."""
        archived = _archived(connection, self._reach)
        found = [turn for part in self.parts for turn in _turns(connection, part, archived)]
        return sorted(found, key=lambda turn: turn.night.day)


def _turns(connection: Connection, part: Part, archived: dict[date, datetime]) -> list[_Turn]:
    if not archived:
        return []
    newest = max(archived)
    known = {run.first: run for run in runs.of(connection, part.name, min(archived), newest)}
    found = []
    for day, at in sorted(archived.items()):
        work = Work(part.name, WHOLE, day, day, at.isoformat(), part.version)
        if (part.again or day == newest) and not runs.is_done(known.get(day), work):
            areas = _areas(connection, day, _since(known.get(day), work))
            found.append(_Turn(part, Night(day, areas, newest=day == newest), (work,)))
    return _by_month(found) if part.monthly else found


def _archived(connection: Connection, reach: timedelta) -> dict[date, datetime]:
    """When each day within reach of the newest was archived last."""
    table = day_table.c
    newest = connection.scalar(select(func.max(table.day)))
    if newest is None:
        return {}
    query = select(table.day, table.archived_at).where(table.day > newest - reach)
    return {row.day: row.archived_at for row in connection.execute(query)}


def _since(known: Run | None, work: Work) -> datetime | None:
    """Files that are older were in the part's last run of the day; None: all are new to it."""
    if known is None or known.state is runs.State.FAILED or known.version != work.version:
        return None
    return known.at


def _areas(connection: Connection, day: date, since: datetime | None) -> tuple[str, ...]:
    files = manifest.live(connection, Layer.FINAL, day, day)
    found = {each.area for each in files if since is None or each.changed_at >= since}
    return tuple(sorted(found - {UNPLACED}))


def _by_month(found: Sequence[_Turn]) -> list[_Turn]:
    """One for each month: on its last day that is due, for the areas of all."""
    together: dict[date, list[_Turn]] = {}
    for turn in found:
        together.setdefault(turn.night.day.replace(day=1), []).append(turn)
    return [_joined(turns) for turns in together.values()]


def _joined(turns: Sequence[_Turn]) -> _Turn:
    last = turns[-1]
    areas = tuple(sorted({area for turn in turns for area in turn.night.areas}))
    works = tuple(work for turn in turns for work in turn.works)
    return _Turn(last.part, replace(last.night, areas=areas), works)
