"""Background jobs: one table of them, one thread to run them, one ledger of what became of each run."""

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
    """A job that fails is logged, goes into the ledger and is run again at its next turn."""

    def __init__(self, jobs: Sequence[Job], database: Database, clock: Clock) -> None:
        self._jobs = tuple(jobs)
        self._database = database
        self._clock = clock
        self._last = self._ledger()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let the job that runs now end, and start no other."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def run_due(self) -> list[str]:
        """Run the jobs whose turn has come; their names."""
        return [job.name for job in self._jobs if self._is_due(job) and self._run_one(job)]

    def _run(self) -> None:
        while not self._ended.wait(_TICK_S):
            self.run_due()

    def _is_due(self, job: Job) -> bool:
        last, now = self._last.get(job.name), self._clock.now()
        # a clock set back must not hold a job until the old time comes round again
        return not self._ended.is_set() and (last is None or now - last >= job.every or now < last)

    def _run_one(self, job: Job) -> bool:
        started_at, started = self._clock.now(), time.monotonic()
        self._last[job.name] = started_at
        failure = None
        try:
            job.work()
        except Exception as error:
            log.exception("job %s failed", job.name)
            failure = f"{type(error).__name__}: {error}"[:500]
        row = {
            "job": job.name,
            "started_at": started_at,
            "took_ms": round((time.monotonic() - started) * 1000),
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
