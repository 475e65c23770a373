"""A real cluster of two worker processes: the same bits as threads, and a killed worker is no loss."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloud.analysis.indicators import daily
from cloud.insight.bands import station_bands
from cloud.insight.cluster import Cluster
from cloud.insight.engine import Engine, Lost, Threads
from cloud.insight.indicators import store
from cloud.insight.indicators.actions import Indicators
from cloud.kit.calendar import station_calendar
from cloud.kit.errors import Conflict
from tests.cloud.metering.archive.conftest import village as archived_village
from tests.cloud.metering.archive.village import DAY, POINTS, Village

village = archived_village


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    import dask

    config = {
        "distributed.worker.daemon": True,
        "distributed.scheduler.allowed-failures": 1,
        "distributed.scheduler.worker-saturation": 1.0,  # what waits at a worker that dies is blamed with it
    }
    with (
        dask.config.set(config),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as cluster,
    ):
        yield cluster.scheduler_address


@dataclass(frozen=True)
class Deadly:
    """`marks` is a folder; `times` workers die of it."""

    area: str
    marks: Path
    times: int
    first: str = "2026-03-01"
    last: str = "2026-03-01"


def kill(task: Deadly) -> int:
    """Ends its own worker as a machine ends that loses power."""
    tried = len(list(task.marks.iterdir()))
    if tried < task.times:
        (task.marks / str(tried)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def indicators(village: Village, engine: Engine) -> Indicators:
    folder, bands, calendar = village.archive.folder, station_bands(), station_calendar()
    return Indicators(village.database, folder, village.zone, village.clock, bands, calendar, engine)


def rows(village: Village) -> list[Any]:
    with village.database.read() as connection:
        found = list(store.area_days(connection, DAY, DAY))
    return [(each.area, each.points, each.values.tobytes(), each.inputs) for each in found]


def test_results_are_those_of_threads_to_the_bit(village: Village, address: str) -> None:
    random = np.random.default_rng(7)
    for point in POINTS:
        village.validate(point, DAY, random.gamma(2.0, 300.0, 96))
    village.archive_days(DAY)
    indicators(village, Threads(2)).run_day(DAY)
    by_threads = rows(village)
    with village.database.write() as connection:
        store.replace(connection, [("A01", DAY, DAY), ("A02", DAY, DAY)], [], village.clock.now())
    cluster = Cluster(address)
    assert cluster.warm(daily.warm) == 2
    indicators(village, cluster).run_day(DAY)
    assert rows(village) == by_threads
    assert len(by_threads) == 2


def test_a_killed_workers_partition_is_done_elsewhere(address: str, tmp_path: Path) -> None:
    found = dict(Cluster(address).map(kill, [Deadly("A01", tmp_path, times=1)]))
    assert len(found) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_partition_that_kills_every_worker_is_told_and_the_others_are_done(
    address: str, tmp_path: Path
) -> None:
    quiet, deadly = tmp_path / "quiet", tmp_path / "deadly"
    quiet.mkdir()
    deadly.mkdir()
    tasks = [Deadly("A01", quiet, times=0), Deadly("A02", deadly, times=99), Deadly("A03", quiet, times=0)]
    done = Cluster(address).map(kill, tasks)
    assert {next(done)[0].area, next(done)[0].area} == {"A01", "A03"}
    with pytest.raises(Lost, match="A02 2026-03-01: its worker ended"):
        next(done)


def test_a_scheduler_that_does_not_answer_is_told_by_its_address() -> None:
    with pytest.raises(Conflict, match=r"analysis\.scheduler: tcp://127\.0\.0\.1:9 does not answer"):
        list(Cluster("tcp://127.0.0.1:9", timeout_s=0.5).map(abs, [1]))
