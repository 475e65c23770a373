"""Intervals a second on one core through the vectorised rules (V01, V05 to V10), against the same in NumPy.

A subset of 2,000 points × 365 days × 96 slots that fits into memory, float32; cold is with compilation.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from tests.cloud.analysis.twins import Limits, Rows, scan

POINTS, DAYS, SLOTS = 2000, 60, 96
TWIN_ROWS = 4000
ROUNDS = 7
LIMITS: Limits = (96, 8, 1.8, 0.05, 1.2, 5.0, 0.05)
_COLD = """
import sys, tempfile, os, time
os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp()
sys.path.insert(0, sys.argv[1])
from tests.bench.vee import compiled, rows
some = rows(10)
start = time.perf_counter()
compiled(some)
print(time.perf_counter() - start)
"""


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    cold_s = float(subprocess.check_output([sys.executable, "-c", _COLD, "."], text=True))
    say(f"compiled in {cold_s:.1f} s; {POINTS * DAYS:,} days of {SLOTS} slots, {ROUNDS} rounds")
    some, few = rows(POINTS * DAYS), rows(TWIN_ROWS)
    if not np.array_equal(compiled(few), scan(few, LIMITS)[0]):
        raise SystemExit("vee: the kernel and its twin do not agree")
    seconds, twin = [], []
    for _ in range(ROUNDS):
        seconds.append(_seconds(lambda: compiled(some)))
        twin.append(_seconds(lambda: scan(few, LIMITS)))
    rate, twin_rate = some.energy.size / median(seconds), few.energy.size / median(twin)
    yield {
        "tool": "numba",
        "intervals_per_second": rate,
        "rules": 7,
        "threads": 1,
        "seconds": median(seconds),
        "cold_seconds": cold_s,
        "ratio": rate / twin_rate,
    }
    yield {"tool": "numpy", "intervals_per_second": twin_rate, "rules": 7, "threads": 1}


def rows(count: int) -> Rows:
    """Days with a hole in a hundred slots and a zero in twenty."""
    rng = np.random.default_rng(11)
    energy = rng.gamma(2, 60, (count, SLOTS)).astype(np.float32)
    energy[rng.random(energy.shape, np.float32) < 0.05] = 0
    energy[rng.random(energy.shape, np.float32) < 0.01] = np.nan
    none = np.zeros(count, np.bool_)
    return Rows(energy, np.full(count, 3300.0), none, none, np.zeros(count, np.int32))


def compiled(some: Rows) -> np.ndarray:
    from cloud.analysis.kernels.intervals import scan_intervals

    flags, zeros = np.empty(some.energy.shape, np.uint32), np.empty(len(some.energy), np.int32)
    scan_intervals(
        some.energy, some.capacity, some.may_be_negative, some.may_be_frozen, some.zeros_before, LIMITS,
        flags, zeros,
    )  # fmt: skip
    return flags


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start
