"""Work for a meter besides its regular reading: by priority, each told its end exactly once.

A job of more right goes before all of less, also in the middle of their work: between two of their exchanges.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from threading import Lock
from typing import Any

from edge.drivers import MeterTalk


class Priority(IntEnum):
    """A lower number has more right. Regular readings run as PROFILE, looks at a doubtful meter as OUTAGE."""

    COMMAND = 0
    OUTAGE = 1
    EVENT = 2
    ON_DEMAND = 3
    PROFILE = 4
    BACKLOG = 5


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


class JobQueue:
    """The jobs of one line that wait; any thread may put, the line's thread takes."""

    def __init__(self) -> None:
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

    def take_expired(self, now_s: float) -> list[Job]:
        return self._take_if(lambda job: job.until_s is not None and job.until_s <= now_s)

    def take_up_to(self, least: Priority) -> list[Job]:
        """All jobs that have at least this right."""
        return self._take_if(lambda job: job.priority <= least)

    def close(self) -> list[Job]:
        """What is left; nothing is taken in any more."""
        with self._lock:
            self._closed = True
        return self._take_if(lambda _: True)

    def expiry_s(self) -> float | None:
        """When the next job expires."""
        with self._lock:
            return min((job.until_s for *_, job in self._heap if job.until_s is not None), default=None)

    def backlog_since_s(self) -> float | None:
        """Since when the oldest job of least right waits."""
        with self._lock:
            waiting = (put_s for priority, _, put_s, _ in self._heap if priority is Priority.BACKLOG)
            return min(waiting, default=None)

    def _take_if(self, wanted: Callable[[Job], bool]) -> list[Job]:
        with self._lock:
            taken = sorted(each for each in self._heap if wanted(each[3]))
            if taken:
                self._heap = [each for each in self._heap if not wanted(each[3])]
                heapq.heapify(self._heap)
        return [job for *_, job in taken]
