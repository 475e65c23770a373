"""The tasks of an analysis in threads: each once."""

from cloud.insight.engine import Threads


def test_each_task_comes_back_with_its_own_result() -> None:
    assert sorted(Threads(3).map(lambda task: task * task, [1, 2, 3, 4])) == [(1, 1), (2, 4), (3, 9), (4, 16)]
