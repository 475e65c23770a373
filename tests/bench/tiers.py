"""All accounts re-tiered with reasons, from the records database and into it; how it grows; how steady it is.

`seconds` are of a month that was not judged yet, with all reads and writes; the machine's load stands beside
them. The share of it that is processor time of ours tells what others took.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

from cloud import app  # it knows every table
from cloud.kit.db import Database
from cloud.policies.current import fixed
from cloud.tariffs import catalogue
from cloud.tiers.rating import policy, store
from cloud.tiers.rating.actions import Ratings
from tests.clocks import ManualClock
from tests.cloud.tiers.station import NOW, STATION_MIX, ZONE, made

SIZES = (1_000, 10_000, 30_000)
MONTHS = (date(2026, 8, 1), date(2026, 9, 1), date(2026, 10, 1))
BUDGET_S = 10.0


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    assert app
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="wattpost-tiers-") as folder:
            yield _station(Path(folder), size, say)
    yield from _steadiness(say)


def _station(folder: Path, size: int, say: Callable[[str], None]) -> dict[str, Any]:
    database = Database(f"sqlite:///{folder / 'records.db'}")
    try:
        database.migrate()
        say(f"a station of {size:,} accounts, 26 months")
        made(database, size, 26, mix=STATION_MIX)
        ratings = Ratings(
            database, ZONE, ManualClock(NOW), fixed(policy.read(None)), fixed(catalogue.read(None))
        )
        took, mine = [], []
        for month in MONTHS:
            began, own = perf_counter(), process_time()
            report = ratings.run(month)
            took.append(perf_counter() - began)
            mine.append(process_time() - own)
        began = perf_counter()
        with database.read() as connection:
            found = store.standings(connection, NOW.date(), told=False)
        listed = perf_counter() - began
    finally:
        database.close()
    return {
        "accounts": size,
        "seconds": median(took),
        "best": min(took),
        "processor_s": median(mine),
        "accounts_per_second": size / median(took),
        "within_budget": median(took) <= BUDGET_S,
        "rated": report.rated,
        "all_standings_s": listed,
        "standing": len(found),
        "load": os.getloadavg()[0],
    }


def _steadiness(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    from tests.simbench_station import station
    from tests.simbench_tiers import lived, steadiness

    say("two years of SimBench, rated month by month")
    real = station(400, 5)
    for noise in (0.0, 0.05, 0.1):
        found = [steadiness(lived(real, noise, seed=seed)) for seed in range(5)]
        yield {
            "curves": "SimBench",
            "customers": found[0].customers,
            "noise": noise,
            "flips_a_month": median(each.flips for each in found),
            "worst_of_5": max(each.flips for each in found),
            "oscillation": median(each.oscillation for each in found),
        }
