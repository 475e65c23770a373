"""Tasks over partitions: here in threads, on a cluster by `cluster.py`; the results are the same bit for bit.

A task is one partition and one function: it reads its own files and gives back plain data. A partition that
is lost is done again, alone; what is lost twice is told at the end, and all others stay done.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from cloud.insight.tasks import AHEAD, Failed, Lost, Tell, again, silent, upto
from cloud.settings import AnalysisSettings

__all__ = ["Engine", "Lost", "Threads", "engine_of"]
T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    def map(self, work: Callable[[T], R], tasks: Iterable[T], *, tell: Tell = ...) -> Iterator[tuple[T, R]]:
        """Each task with its result, in order of completion; `tell` is called with how many more are done.

        Lost, after all others: tasks that failed, those by OSError, MemoryError or a lost worker twice.
        """
        ...


class Threads:
    """`workers` threads of this process: kernels and file reads let go of the GIL."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(
        self, work: Callable[[T], R], tasks: Iterable[T], *, tell: Tell = silent
    ) -> Iterator[tuple[T, R]]:
        failed: list[Failed[T]] = []
        rest = iter(tasks)
        begun: dict[Future[R], T] = {}
        with ThreadPoolExecutor(self._workers, thread_name_prefix="analysis") as pool:
            try:
                while True:
                    for task in upto(rest, AHEAD * self._workers - len(begun)):
                        begun[pool.submit(work, task)] = task
                    if not begun:
                        break
                    done, _ = wait(begun, return_when=FIRST_COMPLETED)
                    for future in done:
                        task, why = begun.pop(future), future.exception()
                        if isinstance(why, Exception):
                            failed.append(Failed(task, why))
                            continue
                        yield task, future.result()
                        tell(1)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        yield from again(failed, work, tell)


def engine_of(settings: AnalysisSettings) -> Engine:
    """As the station wants it. Invalid: a cluster without its extra, or without an address."""
    if settings.engine == "dask":
        from cloud.insight.cluster import Cluster

        return Cluster(settings.scheduler)
    return Threads(settings.workers or os.cpu_count() or 1)
