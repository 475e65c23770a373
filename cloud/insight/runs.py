"""What was run over which partition with which inputs: done once with the same, it is not done again.

A revision in the archive changes the inputs, a new rule its version; either makes the partition due again.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from time import perf_counter

from sqlalchemy import Column, Connection, Date, Index, Integer, String, Table, delete, insert, select

from cloud.kit.clock import Clock
from cloud.kit.db import Database, Instant, metadata

WHOLE = ""
"""Stands for the area of what is run over the whole station; no area can be called so."""


class State(StrEnum):
    DONE = "done"
    FAILED = "failed"


run_table = Table(
    "analysis_run",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("area", String(64), primary_key=True),
    Column("first", Date, primary_key=True),
    Column("last", Date, primary_key=True),
    Column("inputs", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("failure", String(500)),
    Column("took_ms", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "kind", "first"),
)
"""The last run of each partition; `inputs` tells what was read, `version` the rule, `at` when it began."""


@dataclass(frozen=True, slots=True)
class Night:
    """One archived day; `areas`: those whose readings are new or changed; `newest`: no later day is there."""

    day: date
    areas: tuple[str, ...]
    newest: bool


@dataclass(frozen=True, slots=True)
class Run:
    """`area` is WHOLE for the whole station; `failure` says why it gave no result."""

    kind: str
    area: str
    first: date
    last: date
    inputs: str
    version: int
    state: State
    failure: str | None
    took_ms: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to do: of this kind, over this partition, with these inputs."""

    kind: str
    area: str
    first: date
    last: date
    inputs: str = ""
    version: int = 1


def of(connection: Connection, kind: str, first: date, last: date) -> list[Run]:
    """The runs of a kind that lie within these days, by first day and area."""
    table = run_table.c
    query = select(run_table).where(table.kind == kind, table.first >= first, table.last <= last)
    return [_run(row._asdict()) for row in connection.execute(query.order_by(table.first, table.area))]


def newest(connection: Connection, number: int = 200) -> list[Run]:
    """What ran last, newest first: for a page and for whoever asks why a figure is not there."""
    query = select(run_table).order_by(run_table.c.at.desc(), run_table.c.kind).limit(number)
    return [_run(row._asdict()) for row in connection.execute(query)]


def is_done(known: Run | None, work: Work) -> bool:
    """Whether the last run of the partition had these inputs and this rule, and went well."""
    return (
        known is not None
        and known.state is State.DONE
        and (known.inputs, known.version) == (work.inputs, work.version)
    )


def due(connection: Connection, wanted: Collection[Work]) -> list[Work]:
    """Of these, in their order, the ones that are not done with these inputs by this rule."""
    if not wanted:
        return []
    kinds = {each.kind for each in wanted}
    first, last = min(each.first for each in wanted), max(each.last for each in wanted)
    known = {
        (run.kind, run.area, run.first, run.last): run
        for kind in kinds
        for run in of(connection, kind, first, last)
    }
    return [
        each for each in wanted if not is_done(known.get((each.kind, each.area, each.first, each.last)), each)
    ]


def save(connection: Connection, runs: Collection[Run]) -> None:
    """Each in place of the run that its partition had before."""
    table = run_table.c
    for run in runs:
        mine = (table.kind == run.kind, table.area == run.area)
        connection.execute(delete(run_table).where(*mine, table.first == run.first, table.last == run.last))
    rows = [{name: getattr(run, name) for name in run_table.c.keys()} for run in runs]  # noqa: SIM118
    if rows:
        connection.execute(insert(run_table), rows)


@dataclass(slots=True)
class Outcome:
    """What a `booked` block may say of itself: a failure that it went on after, the inputs it found."""

    failure: str | None = None
    inputs: str | None = None
    took_s: float = 0.0


@contextmanager
def booked(database: Database, clock: Clock, *works: Work) -> Iterator[Outcome]:
    """Write down what becomes of the block, whatever becomes of it; what it raises is raised on."""
    at, started, outcome = clock.now(), perf_counter(), Outcome()
    try:
        yield outcome
    except Exception as error:
        outcome.failure = f"{type(error).__name__}: {error}"
        raise
    finally:
        outcome.took_s = perf_counter() - started
        with database.write() as connection:
            save(connection, [run_of(work, at, outcome) for work in works])


def run_of(work: Work, at: datetime, outcome: Outcome) -> Run:
    state = State.DONE if outcome.failure is None else State.FAILED
    failure = None if outcome.failure is None else " ".join(outcome.failure.split())[:500]
    inputs = work.inputs if outcome.inputs is None else outcome.inputs
    took_ms = round(outcome.took_s * 1000)
    return Run(work.kind, work.area, work.first, work.last, inputs, work.version, state, failure, took_ms, at)


def _run(values: dict[str, object]) -> Run:
    make: Callable[..., Run] = Run
    return make(**values | {"state": State(str(values["state"]))})
