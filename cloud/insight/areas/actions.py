"""Reckons the load of areas and feeders of one archived day and keeps it; a task is one area's day."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from pathlib import Path

from cloud.insight.areas import plan, store, together
from cloud.insight.areas.compute import compute
from cloud.insight.areas.policy import QualityPolicy
from cloud.insight.areas.store import AreaDay
from cloud.insight.areas.task import AreaResult, AreaTask
from cloud.insight.engine import Engine
from cloud.kit.db import Database

VERSION = 1
"""Raise it when a rule changes."""


@dataclass(frozen=True, slots=True)
class Reckoned:
    """How many areas and feeders have a row of that day now."""

    areas: int
    feeders: int


def run_day(
    database: Database,
    folder: Path,
    day: date,
    *,
    zone: tzinfo,
    policy: QualityPolicy,
    engine: Engine,
    now: datetime,
    areas: Collection[str] | None = None,
    tell: Callable[[int], object] = bool,
) -> Reckoned:
    """Reckon all areas of a closed, archived local day, or those named and their feeders', and keep it.

    `folder` is the archive's. `tell` is called with how many areas more are done. Run again it replaces.
    Lost, at the end: areas whose files are damaged; all others are kept, and feeders that lack no area.
    """
    with database.read() as connection:
        todo = plan.tasks(connection, folder, day, zone=zone, policy=policy, areas=areas)
    done: list[tuple[AreaTask, AreaResult]] = []
    feeders: list[AreaDay] = []
    try:
        done.extend(engine.map(compute, todo, tell=tell))  # what came before a failure stays
    finally:
        feeders = _feeders(day, done, _lacking(todo, done), policy)
        _keep(database, done, feeders, now)
    return Reckoned(len(done), len(feeders))


def _lacking(todo: Sequence[AreaTask], done: Sequence[tuple[AreaTask, AreaResult]]) -> set[str]:
    """The feeders of which an area gave no result."""
    there = {task.area for task, _ in done}
    return {task.feeder for task in todo if task.area not in there}


def _feeders(
    day: date, done: Sequence[tuple[AreaTask, AreaResult]], lacking: Collection[str], policy: QualityPolicy
) -> list[AreaDay]:
    found: dict[str, list[AreaResult]] = {}
    for task, result in sorted(done, key=lambda each: each[0].area):
        found.setdefault(task.feeder, []).append(result)
    return [
        together.of_feeder(feeder, day, _of_one_interval(results), policy.publish)
        for feeder, results in sorted(found.items())
        if feeder not in lacking
    ]


def _of_one_interval(results: Sequence[AreaResult]) -> list[AreaResult]:
    """Those of the shortest interval: curves of others have no such instants."""
    shortest = min(each.interval_s for each in results)
    return [each for each in results if each.interval_s == shortest]


def _keep(
    database: Database,
    done: Sequence[tuple[AreaTask, AreaResult]],
    feeders: Sequence[AreaDay],
    now: datetime,
) -> None:
    inputs = {task.area: task.source.inputs for task, _ in done}
    rows = [result.row for _, result in done]
    if not rows:
        return
    with database.write() as connection:
        store.save(connection, rows, inputs=inputs, version=VERSION, now=now)
        store.save(connection, feeders, inputs={}, version=VERSION, now=now)
