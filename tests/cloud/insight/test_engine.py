"""The tasks of an analysis in threads: each once, a lost one again, and never all of them at a time."""

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cloud.insight.engine import Lost, Threads, engine_of
from cloud.kit.errors import Invalid
from cloud.settings import AnalysisSettings


def test_each_task_comes_back_with_its_own_result() -> None:
    assert sorted(Threads(3).map(lambda task: task * task, [1, 2, 3, 4])) == [(1, 1), (2, 4), (3, 9), (4, 16)]


def test_no_more_tasks_are_made_than_can_be_under_way() -> None:
    made, ahead = [], []

    def tasks() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    for done, _ in enumerate(Threads(2).map(lambda task: task, tasks()), 1):
        ahead.append(len(made) - done)
    assert len(made) == 100
    assert max(ahead) <= 2 * 2


def test_it_tells_as_many_as_are_done() -> None:
    told: list[int] = []
    list(Threads(2).map(lambda task: task, range(7), tell=told.append))
    assert sum(told) == 7


@pytest.mark.parametrize("error", [OSError("the disk"), MemoryError()])
def test_a_task_that_the_machine_lost_is_done_again_with_no_other_beside_it(error: Exception) -> None:
    tried, under_way, lock = dict[int, int](), list[int](), threading.Lock()
    beside = []

    def work(task: int) -> int:
        with lock:
            tried[task] = tried.get(task, 0) + 1
            under_way.append(task)
            if tried[task] == 2:
                beside.append(len(under_way))
        try:
            if task in (3, 5) and tried[task] == 1:
                raise error
            return -task
        finally:
            with lock:
                under_way.remove(task)

    assert sorted(Threads(3).map(work, range(9))) == [(n, -n) for n in range(9)]
    assert tried == {n: 2 if n in (3, 5) else 1 for n in range(9)}
    assert beside == [1, 1]


@dataclass(frozen=True)
class Area:
    area: str
    first: str = "2026-03-01"
    last: str = "2026-03-31"


def test_what_is_lost_twice_is_told_by_its_partition_after_all_others_are_done() -> None:
    def work(task: Area) -> str:
        if task.area == "A02":
            raise OSError("the disk is gone")
        if task.area == "A03":
            raise ValueError("no number")
        return task.area

    done = Threads(2).map(work, [Area("A01"), Area("A02"), Area("A03"), Area("A04")])
    assert {next(done)[1], next(done)[1]} == {"A01", "A04"}
    with pytest.raises(Lost, match=r"A0[23] 2026-03-01 to 2026-03-31: (the|no) .*; 1 more") as lost:
        next(done)
    assert {each.task.area for each in lost.value.failed} == {"A02", "A03"}


def test_the_station_chooses_its_engine() -> None:
    assert isinstance(engine_of(AnalysisSettings()), Threads)
    with pytest.raises(Invalid, match=r"analysis\.scheduler.*tcp://"):
        engine_of(AnalysisSettings(engine="dask"))


def test_a_cluster_without_its_extra_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Invalid, match=r'needs the extra `cluster`: pip install "wattpost\[cluster\]"'):
        engine_of(AnalysisSettings(engine="dask", scheduler="tcp://127.0.0.1:8786"))
