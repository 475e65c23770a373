"""Background jobs: one table of them, a thread for each, one ledger of what became of each run."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Index, Integer, String, Table, delete, func, insert, select

from cloud.kit.clock import Clock
from cloud.kit.db import Database, Instant, metadata

log = logging.getLogger(__name__)

KEPT_RUNS = 50
RESTS = 2
"""A job rests for so many times what it took, so that a dear one leaves the machine to others."""
FAREWELL_S = 10.0
_TICK_S = 0.5

job_run_table = Table(
    "job_run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String(64), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("failure", String(500)),
    Index(None, "job", "id"),
)


@dataclass(frozen=True, slots=True)
class Job:
    """`work` is run every `every`, counted from start to start, also over a restart."""

    name: str
    every: timedelta
    work: Callable[[], object]


class Schedule:
    """A job that fails is logged, goes into the ledger and is run again at its next turn.

    None waits for another: an hour's usage of a large station takes longer than an outage may go unseen.
    """

    def __init__(self, jobs: Sequence[Job], database: Database, clock: Clock) -> None:
        self._jobs = tuple(jobs)
        self._database = database
        self._clock = clock
        self._last = self._ledger()
        self._ended = threading.Event()
        self._took: dict[str, timedelta] = {}
        self._threads = [
            threading.Thread(target=self._run, args=(job,), name=job.name, daemon=True) for job in jobs
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the jobs that run now end, for a while, and start no other; what is cut off is done again."""
        self._ended.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(FAREWELL_S)

    def run_due(self) -> list[str]:
        """Run the jobs whose turn has come; their names."""
        return [job.name for job in self._jobs if self._is_due(job) and self._run_one(job)]

    def _run(self, job: Job) -> None:
        while not self._ended.wait(_TICK_S):
            if self._is_due(job):
                self._run_one(job)

    def _is_due(self, job: Job) -> bool:
        last, now = self._last.get(job.name), self._clock.now()
        every = max(job.every, (1 + RESTS) * self._took.get(job.name, timedelta(0)))
        # a clock set back must not hold a job until the old time comes round again
        return not self._ended.is_set() and (last is None or now - last >= every or now < last)

    def _run_one(self, job: Job) -> bool:
        started_at, started = self._clock.now(), time.monotonic()
        self._last[job.name] = started_at
        failure = None
        try:
            job.work()
        except Exception as error:
            log.exception("job %s failed", job.name)
            failure = f"{type(error).__name__}: {error}"[:500]
        took = self._took[job.name] = timedelta(seconds=time.monotonic() - started)
        row = {
            "job": job.name,
            "started_at": started_at,
            "took_ms": round(took.total_seconds() * 1000),
            "failure": failure,
        }
        self._note(row)
        return True

    def _note(self, row: dict[str, object]) -> None:
        runs = job_run_table.c
        try:
            with self._database.write() as connection:
                connection.execute(insert(job_run_table).values(row))
                kept = select(runs.id).where(runs.job == row["job"]).order_by(runs.id.desc())
                oldest = connection.scalar(kept.offset(KEPT_RUNS - 1).limit(1))
                if oldest is not None:
                    connection.execute(delete(job_run_table).where(runs.job == row["job"], runs.id < oldest))
        except Exception:
            log.exception("the run of job %s could not be written down", row["job"])

    def _ledger(self) -> dict[str, datetime]:
        runs = job_run_table.c
        with self._database.read() as connection:
            query = select(runs.job, func.max(runs.started_at).label("last")).group_by(runs.job)
            return {row.job: row.last for row in connection.execute(query)}
