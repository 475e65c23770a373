"""Tasks over partitions: here in threads, on a cluster by `cluster.py`; the results are the same bit for bit.

A task is one partition and one function: it reads its own files and gives back plain data. A partition that
is lost is done again, alone; what is lost twice is told at the end, and all others stay done.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from cloud.kit.errors import Conflict

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2
"""So many tasks for each worker wait or run; no other is made before its turn, and memory stays bounded."""
Tell = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Failed(Generic[T]):
    """A task that gave no result, and why."""

    task: T
    why: Exception


class Lost(Conflict):
    """Some tasks gave no result; every other one did, and was handed on."""

    def __init__(self, failed: Sequence[Failed[Any]]) -> None:
        self.failed = tuple(failed)
        first = self.failed[0]
        more = f"; {len(self.failed) - 1} more" if len(self.failed) > 1 else ""
        super().__init__(f"{named(first.task)}: {first.why or type(first.why).__name__}{more}")


class Engine(Protocol):
    def map(self, work: Callable[[T], R], tasks: Iterable[T], *, tell: Tell = ...) -> Iterator[tuple[T, R]]:
        """Each task with its result, in order of completion; `tell` is called with how many more are done.

        Lost, after all others: tasks that failed, those by OSError, MemoryError or a lost worker twice.
        """
        ...


def _silent(_: int) -> None:
    return None


class Threads:
    """`workers` threads of this process: kernels and file reads let go of the GIL."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def map(
        self, work: Callable[[T], R], tasks: Iterable[T], *, tell: Tell = _silent
    ) -> Iterator[tuple[T, R]]:
        failed: list[Failed[T]] = []
        rest = iter(tasks)
        begun: dict[Future[R], T] = {}
        with ThreadPoolExecutor(self._workers, thread_name_prefix="analysis") as pool:
            try:
                while True:
                    for task in _upto(rest, AHEAD * self._workers - len(begun)):
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


def again(failed: Iterable[Failed[T]], work: Callable[[T], R], tell: Tell) -> Iterator[tuple[T, R]]:
    """Those that were lost, one by one, with nothing else under way; Lost if any is lost for good."""
    lost: list[Failed[T]] = []
    for each in failed:
        if not is_loss(each.why):
            lost.append(each)
            continue
        try:
            result = work(each.task)
        except Exception as error:  # noqa: BLE001 - told with its task, once all others are done
            lost.append(Failed(each.task, error))
            continue
        yield each.task, result
        tell(1)
    if lost:
        raise Lost(lost) from lost[0].why


def is_loss(why: BaseException) -> bool:
    """Whether it may go well the next time: the machine failed, not the task."""
    return isinstance(why, OSError | MemoryError) or isinstance(why.__cause__, OSError)


def named(task: object) -> str:
    """A task in a sentence: its partition where it has one."""
    found = getattr(task, "partition", task)
    area, first, last = (getattr(found, name, None) for name in ("area", "first", "last"))
    return repr(task) if area is None else f"{area} {first}" + ("" if first == last else f" to {last}")


def _upto(rest: Iterator[T], number: int) -> Iterator[T]:
    for _, task in zip(range(number), rest, strict=False):
        yield task
