"""What comes before a night: raw readings of a day validated and archived, measured on few points.

Both grow with the number of points alone (a few areas at a time), so that 30,000 are said as a multiple.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from cloud.fleet.registry import import_registry
from cloud.kit.days import bounds
from cloud.kit.db import Database
from cloud.metering.archive.writer import Archive
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings
from cloud.metering.vee.job import Validation
from cloud.metering.vee.policy import vee_policy
from protocols.readings import Quality, Reading, Source
from tests.bench.archived_station import ZONE, areas_of, registry_of
from tests.clocks import ManualClock

POINTS, STATION = 1_500, 30_000
DAY = date(2026, 3, 15)
QUARTER = timedelta(minutes=15)


def validated(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("WATTPOST_BENCH_DIR")) as name:
        folder, clock = Path(name), ManualClock(datetime(2026, 3, 17, tzinfo=UTC))
        database, store = Database(f"sqlite:///{folder / 'records.db'}"), SqliteStore(folder / "readings.db")
        database.migrate()
        areas = areas_of(POINTS)
        with database.write() as connection:
            import_registry(connection, registry_of(areas))
        for seq, points in enumerate(areas.values(), 1):
            for point in points:
                store.write(BatchOfReadings(f"gw-{point.lower()}", "e", seq, _readings(point)))
        say(f"{POINTS:,} points have {POINTS * 97:,} readings of a day")
        job = Validation(database, store, vee_policy(None), ZONE, clock)
        archive = Archive(database, store, folder / "archive", ZONE, clock)
        job.day(DAY - timedelta(days=5), ["A000"])  # kernels are loaded
        yield _told("validate a day", lambda: job.day(DAY))
        with archive.turn():
            yield _told("archive a day", lambda: archive.archive_day(DAY))
        store.close()
        database.close()


def _told(what: str, work: Callable[[], object]) -> dict[str, Any]:
    began, cpu = perf_counter(), process_time()
    work()
    seconds, cpu = perf_counter() - began, process_time() - cpu
    return {
        "what": what,
        "points": POINTS,
        "threads": 1,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "cpu_seconds_for_30000_reckoned": cpu * STATION / POINTS,
        "load": os.getloadavg()[0],
    }


def _readings(point: str) -> tuple[Reading, ...]:
    start, end = bounds(DAY, ZONE)
    number = (end - start) // QUARTER + 1
    rise = np.random.default_rng(int(point[1:4]) * 100 + int(point[-2:])).integers(5, 200, number).cumsum()
    return tuple(
        Reading(
            point,
            round((start + QUARTER * n).timestamp() * 1000),
            Source.POLLED,
            {"energy_import_wh": 1_000_000 + int(wh)},
            Quality.GOOD,
        )
        for n, wh in enumerate(rise)
    )
