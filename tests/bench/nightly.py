"""The night of a station: one new archived day through every part, on 2 threads, from archive to database.

Three months and a week are in the archive before. The first night there ever is learns: dictionary, model,
rehearsal; the night after it is as all others are. How it grows: 1,000 and 5,000 meters, and 30,000 with
`WATTPOST_BENCH_METERS=30000` (some minutes, 3 GB of disk). A year of 2,000 customers is reckoned as by the
verb. Validation of a day is measured from raw readings, on few points, and told apart.
"""

import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from cloud.analysis.indicators import daily
from cloud.insight.loss.actions import LineLoss
from cloud.insight.loss.policy import loss_policy
from cloud.insight.nightly import Nightly, Part, Took
from cloud.insight.parts import indicators_of, nightly_of
from cloud.insight.runs import Night
from cloud.kit.days import DAY
from cloud.metering.archive.layout import month_of
from tests.bench.archived_station import ZONE, Archived
from tests.bench.validated_day import validated

METERS = (1_000, 5_000)
STATION = 30_000
FIRST, MONTHS_END, NIGHT = date(2025, 12, 1), date(2026, 2, 28), date(2026, 3, 8)
YEAR = (date(2025, 1, 1), date(2025, 12, 31))
CUSTOMERS = 2_000
GOAL_S = 60.0
REACH = DAY
"""A night is of the newest day alone: of the days before there are indicators, as nights would have left."""


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    daily.warm()
    yield from validated(say)
    yield _year(say)
    for meters in _asked():
        yield from _station(meters, say)


def _asked() -> tuple[int, ...]:
    """All, or those that WATTPOST_BENCH_METERS names."""
    told = os.environ.get("WATTPOST_BENCH_METERS")
    return tuple(int(each) for each in told.split(",")) if told else METERS


def _station(meters: int, say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("WATTPOST_BENCH_DIR")) as name:
        began, made = perf_counter(), Archived(Path(name), meters)
        for first, last in _written():
            made.months(first, last) if first != last else made.day(first)
            say(f"{meters:,} meters: archived up to {last} after {perf_counter() - began:.0f} s")
        indicators_of(made.station).backfill(MONTHS_END + DAY, NIGHT - DAY)
        cpu_s: dict[str, float] = {}
        night = _nightly(made, cpu_s)
        say(f"{meters:,} meters: the first night begins after {perf_counter() - began:.0f} s")
        yield from _told(meters, "first", night.run(), cpu_s)
        made.day(NIGHT)
        cpu_s.clear()
        yield from _told(meters, "steady", night.run(), cpu_s)
        made.database.close()


def _written() -> Iterator[tuple[date, date]]:
    """Whole months, then days, as they stand in an archive."""
    first = FIRST
    while first <= MONTHS_END:
        last = month_of(first)[1]
        yield first, last
        first = last + DAY
    while first < NIGHT:
        yield first, first
        first += DAY


def _nightly(made: Archived, cpu_s: dict[str, float]) -> Nightly:
    """`cpu_s` has, once it ran, what each part took of all threads: the machine may have others to serve."""
    loss = LineLoss(made.database, made.folder, loss_policy(None), ZONE, made.clock)
    night = nightly_of(made.station, loss, REACH)
    return Nightly(made.database, made.clock, [_timed(part, cpu_s) for part in night.parts], REACH)


def _timed(part: Part, cpu_s: dict[str, float]) -> Part:
    def work(night: Night) -> None:
        began = process_time()
        part.work(night)
        cpu_s[part.name] = process_time() - began

    return replace(part, work=work)


def _told(meters: int, night: str, took: list[Took], cpu_s: dict[str, float]) -> Iterator[dict[str, Any]]:
    """`night`: the first, which learns, or one in the steady state, of which the goal is."""
    for each in took:
        yield {
            "what": each.part,
            "meters": meters,
            "night": night,
            "seconds": each.seconds,
            "cpu_seconds": cpu_s[each.part],
            "load": os.getloadavg()[0],
        }
    yield {
        "what": "night",
        "meters": meters,
        "night": night,
        "threads": 2,
        "seconds": sum(each.seconds for each in took),
        "cpu_seconds": sum(cpu_s.values()),
        "goal_seconds": GOAL_S if (meters, night) == (STATION, "steady") else None,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "load": os.getloadavg()[0],
    }


def _year(say: Callable[[str], None]) -> dict[str, Any]:
    """Indicators of days and months, from files of months."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("WATTPOST_BENCH_DIR")) as name:
        made = Archived(Path(name), CUSTOMERS)
        made.months(*YEAR)
        say(f"a year of {CUSTOMERS:,} customers is archived")
        work = indicators_of(made.station)
        began, cpu = perf_counter(), process_time()
        done = work.backfill(*YEAR)
        seconds, cpu = perf_counter() - began, process_time() - cpu
        made.database.close()
    return {
        "what": "back-fill of a year",
        "customers": CUSTOMERS,
        "point_days": done.point_days,
        "threads": 2,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "goal_seconds": GOAL_S,
        "load": os.getloadavg()[0],
    }
