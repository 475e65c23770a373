"""Brings stored energies up to date: each month of the archive's reach whose files, plans or cuts changed.

The open month is reckoned to the newest archived day; what has the same inputs is not reckoned again.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from itertools import pairwise
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, func, select

from cloud.analysis.grid import day_grid
from cloud.insight.curves import QUARTER_S, Partition, Source, curves, sources
from cloud.insight.energies import store
from cloud.insight.energies.plans import Marks, Span, Wanted, key_of, span_of
from cloud.insight.energies.store import Block
from cloud.insight.engine import Engine
from cloud.insight.tasks import Tell, silent
from cloud.kit.bands import Band
from cloud.kit.calendar import Calendar
from cloud.kit.clock import Clock
from cloud.kit.days import DAY
from cloud.kit.db import Database
from cloud.metering.archive import reader
from cloud.metering.archive.layout import UNPLACED, Layer, month_of
from cloud.metering.archive.manifest import State, file_table
from cloud.tariffs.catalogue import Catalogue
from cloud.tariffs.usage import Part

MONTHS = 14
"""So many are kept up to date: a year, the month before it, and the open one."""
AT_ONCE = 40
"""So many areas' months go into one transaction."""
MarksOf = Callable[[Connection, date, date], Marks]


@dataclass(frozen=True, slots=True)
class Brought:
    """`areas`: area-months that were reckoned, `same` were so already; `last`: the newest day, if any."""

    areas: int
    same: int
    last: date | None


def no_marks(_: Connection, first: date, last: date) -> Marks:  # noqa: ARG001
    return {}


class Energies:
    """`folder` is the archive's; `marks` gives the days of temperature events."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        zone: tzinfo,
        clock: Clock,
        calendar: Calendar,
        engine: Engine,
        marks: MarksOf = no_marks,
    ) -> None:
        self._database, self._folder, self._zone, self._clock = database, folder, zone, clock
        self._calendar, self._engine, self._marks = calendar, engine, marks

    def bring(
        self, catalogue: Catalogue, wanted: Wanted, months: int = MONTHS, tell: Tell = silent
    ) -> Brought:
        """The last so many months of the archive. Lost: of some areas there is nothing new, and why."""
        with self._database.read() as connection:
            newest = newest_day(connection)
        if newest is None:
            return Brought(0, 0, None)
        areas = same = 0
        for first, last in _months(newest, months):
            done, kept = self._month(catalogue, wanted, first, last, tell)
            areas, same = areas + done, same + kept
        return Brought(areas, same, newest)

    def parts(
        self, connection: Connection, catalogue: Catalogue, point: str, tariff: str, plan: str, month: date
    ) -> tuple[Part, ...] | None:
        """A point's whole month under any plan, straight out of the archive; a hole adds nothing. None where
        no document has the plan on all of its days."""
        from cloud.insight.pricing import months, part  # they load the kernels

        first, last = month_of(month)
        key = key_of(catalogue, tariff, plan, first, last)
        if key is None:
            return None
        seen = curves(connection, self._folder, [point], first, last, zone=self._zone)
        span = span_of(catalogue, [tariff], seen.grid, self._calendar, self._marks(connection, first, last))
        bands = span.bands.get(key, np.full(len(seen.grid.day), Band.FLAT, np.int8))
        edges = [first, *sorted(span.cuts), last + DAY]
        found = []
        for low, high in pairwise(edges):
            slots = slice(*(int(seen.grid.first_slot[(day - first).days]) for day in (low, high)))
            grid = replace(
                seen.grid,
                days=seen.grid.days[(low - first).days : (high - first).days],
                first_slot=seen.grid.first_slot[(low - first).days : (high - first).days + 1] - slots.start,
            )
            (energies,) = months(seen.wh[:, slots], grid, bands[slots])
            found.append(part(energies, 0))
        return tuple(found)

    def _month(
        self, catalogue: Catalogue, wanted: Wanted, first: date, last: date, tell: Tell
    ) -> tuple[int, int]:
        from cloud.insight.energies.compute import VERSION, Task, compute  # it loads the kernels

        with self._database.read() as connection:
            found = sources(connection, self._folder, first, last, zone=self._zone)
            known = store.inputs(connection, first, first)
            marks = self._marks(connection, first, last)
        found.pop(UNPLACED, None)
        if not found:
            return 0, 0
        starts_ms = reader.index((), first, last, self._zone, QUARTER_S).starts_ms
        grid = day_grid(starts_ms, QUARTER_S, self._zone)
        span = span_of(catalogue, wanted.tariffs, grid, self._calendar, marks)
        mine = {
            point: inside
            for point, days in wanted.cuts.items()
            if (inside := frozenset(day for day in days if first < day <= last))
        }
        told = _digest(span, mine)
        due = {
            area: inputs
            for area, each in found.items()
            if known.get((first, area)) != ((inputs := _inputs(each, told)), VERSION)
        }
        tasks = (
            Task(Partition(area, first, last, ()), found[area], span.plans, span.bands, span.cuts, mine)
            for area in sorted(due)
        )
        waiting: list[Block] = []
        try:
            for task, made in self._engine.map(compute, tasks, tell=tell):
                area = task.partition.area
                waiting.append(Block(first, area, span.plans, made.points, made.content, due[area], VERSION))
                if len(waiting) >= AT_ONCE:
                    self._keep(waiting)
                    waiting = []
        finally:
            self._keep(waiting)
        return len(due), len(found) - len(due)

    def _keep(self, made: list[Block]) -> None:
        if made:
            with self._database.write() as connection:
                store.replace(connection, made, self._clock.now())


def newest_day(connection: Connection) -> date | None:
    """The last day that the archive has validated slots of."""
    table = file_table.c
    query = select(func.max(table.last)).where(table.layer == Layer.FINAL, table.state == State.LIVE)
    newest: date | None = connection.scalar(query)
    return newest


def _months(newest: date, number: int) -> Iterator[tuple[date, date]]:
    """Oldest first; the newest ends with the newest day."""
    first = newest.replace(day=1)
    for _ in range(number - 1):
        first = (first - DAY).replace(day=1)
    while first <= newest:
        end = month_of(first)[1]
        yield first, min(end, newest)
        first = end + DAY


def _digest(span: Span, cuts: Mapping[str, frozenset[date]]) -> str:
    own = "".join(f"{point} {sorted(days)}" for point, days in sorted(cuts.items()))
    return f"{span.digest} {hashlib.blake2b(own.encode(), digest_size=8).hexdigest()}"


def _inputs(found: Source, told: str) -> str:
    return hashlib.blake2b(f"{found.inputs} {found.last} {told}".encode(), digest_size=16).hexdigest()
