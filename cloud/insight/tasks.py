"""What becomes of tasks that gave no result: done again where the machine failed, else told at the end."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
        super().__init__(f"{named(first.task)}: {str(first.why) or type(first.why).__name__}{more}")


def silent(_: int) -> None:
    return None


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


def upto(rest: Iterator[T], number: int) -> Iterator[T]:
    """At most so many more of them."""
    for _, task in zip(range(number), rest, strict=False):
        yield task
