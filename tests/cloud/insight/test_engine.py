"""The tasks of an analysis in threads: each once, a failure is told, the rest is not begun."""

import pytest

from cloud.insight.engine import Threads


def test_each_task_comes_back_with_its_own_result() -> None:
    assert sorted(Threads(3).map(lambda task: task * task, [1, 2, 3, 4])) == [(1, 1), (2, 4), (3, 9), (4, 16)]


def test_what_a_task_raises_is_raised_and_what_was_not_begun_is_left() -> None:
    begun: list[int] = []

    def work(task: int) -> int:
        begun.append(task)
        raise ValueError(f"task {task}")

    with pytest.raises(ValueError, match="task"):
        list(Threads(1).map(work, range(1000)))
    assert len(begun) < 1000
