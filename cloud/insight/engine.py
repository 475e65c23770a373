"""Tasks over partitions: here in threads, on a cluster by `cluster.py`; the results are the same bit for bit.

A task is one partition and one function: it reads its own files and gives back plain data. A partition that
is lost is done again alone; nothing is shared between tasks.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    def map(self, work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Each task with its result, in order of completion; what a task raises is raised here."""
        ...


class Threads:
    """`workers` threads of this process: kernels and file reads let go of the GIL."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(self, work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[T, R]]:
        with ThreadPoolExecutor(self._workers, thread_name_prefix="analysis") as pool:
            begun: dict[Future[R], T] = {pool.submit(work, task): task for task in tasks}
            try:
                for done in as_completed(begun):
                    yield begun[done], done.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
