"""Work for a meter besides its regular reading: by priority, each told its end exactly once.

A job of more right goes before all of less, also in the middle of their work: between two of their exchanges.
"""

import heapq
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from threading import Lock
from typing import Any, Final

from edge.drivers import MeterTalk
from edge.links import Interrupted
from edge.schedule import Ask

log = logging.getLogger(__name__)


class Priority(IntEnum):
    """A lower number has more right. Regular readings run as PROFILE, looks at a doubtful meter as OUTAGE."""

    COMMAND = 0
    OUTAGE = 1
    EVENT = 2
    ON_DEMAND = 3
    PROFILE = 4
    BACKLOG = 5


IDLE: Final = len(Priority)
"""Less right than any priority: nothing is being done."""


def right_of(ask: Ask | None) -> int:
    """A look at a meter that may have fallen silent goes before; the probe of a silent one does not."""
    if ask is None:
        return IDLE
    return Priority.OUTAGE if ask.urgent else Priority.PROFILE


class Expired(Exception):
    """The job's time was over before the line was free for it: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Job:
    """`work` runs in the line's thread and holds the line: a few exchanges, longer work is several jobs.

    `done` gets its result, or the exception it ended with (NoReply, FrameError, Refused, LinkDown, Expired,
    Interrupted at shutdown), in the line's thread. `until_s` is on Clock.monotonic_s: later it is not begun.
    """

    meter: str
    priority: Priority
    name: str
    work: Callable[[MeterTalk], Any]
    done: Callable[[Any], None]
    until_s: float | None = None


STARVED_S: Final = 900.0
"""A job of least right that has waited so long is told of: the line is full."""


def tell(job: Job, end: object) -> None:
    """Its end, to whoever waits for it; what goes wrong there must not end the line's thread."""
    try:
        job.done(end)
    except Exception:
        log.exception("nobody understood the end of job %s of meter %s", job.name, job.meter)


class JobQueue:
    """The jobs of one line that wait; any thread may put, the line's thread takes."""

    def __init__(self) -> None:
        self.passed_over = 0  # how often something else was done while a job of least right waited
        self._heap: list[tuple[Priority, int, float, Job]] = []
        self._order = count()
        self._lock = Lock()
        self._closed = False

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, job: Job, now_s: float) -> bool:
        """False once the queue is closed: nobody will come to take it."""
        with self._lock:
            if not self._closed:
                heapq.heappush(self._heap, (job.priority, next(self._order), now_s, job))
            return not self._closed

    def take(self, before: int) -> Job | None:
        """The oldest of the jobs with most right, if that is more than `before`."""
        with self._lock:
            if self._heap and self._heap[0][0] < before:
                return heapq.heappop(self._heap)[3]
            return None

    def expire(self, now_s: float) -> None:
        """Tell those whose time is over."""
        for job in self._take_if(lambda job: job.until_s is not None and job.until_s <= now_s):
            tell(job, Expired(f"{job.name}: the line was not free in time"))

    def take_up_to(self, least: Priority) -> list[Job]:
        """All jobs that have at least this right."""
        return self._take_if(lambda job: job.priority <= least)

    def end(self) -> None:
        """Nothing is taken in any more, and who is left is told."""
        with self._lock:
            self._closed = True
        for job in self._take_if(lambda _: True):
            tell(job, Interrupted("the line stops"))

    def expiry_s(self) -> float | None:
        """When the next job expires."""
        with self._lock:
            return min((job.until_s for *_, job in self._heap if job.until_s is not None), default=None)

    def pass_over_backlog(self, right: int, now_s: float) -> float:
        """Something of that right is done now: since how many seconds a job of least right waits for it."""
        if right >= Priority.BACKLOG:
            return 0.0
        with self._lock:
            waiting = [put_s for priority, _, put_s, _ in self._heap if priority is Priority.BACKLOG]
        self.passed_over += bool(waiting)
        return now_s - min(waiting, default=now_s)

    def _take_if(self, wanted: Callable[[Job], bool]) -> list[Job]:
        with self._lock:
            taken = sorted(each for each in self._heap if wanted(each[3]))
            if taken:
                self._heap = [each for each in self._heap if not wanted(each[3])]
                heapq.heapify(self._heap)
        return [job for *_, job in taken]
