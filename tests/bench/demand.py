"""Points a second on one core through the sliding maximum demand, against the same by NumPy in two ways.

Minutes of a month of 500 meters, float32, window of 15 min, slip of 1 min; with a hole in a thousand besides.
Where other things run, the processor's seconds tell more than the clock's: both stand there, with the load.
"""

import os
from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter, thread_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

METERS, MINUTES, WIDTH = 500, 43_200, 15
FEW, ROUNDS = 50, 9
GOAL = 1e9

Floats = NDArray[np.float32]


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    from cloud.analysis.indicators import demand

    wh = np.random.default_rng(3).gamma(2, 10, (METERS, MINUTES)).astype(np.float32)
    holed = np.where(np.random.default_rng(4).random(wh.shape) < 0.001, np.float32(np.nan), wh)
    began = perf_counter()
    demand.sliding(wh[:1])
    say(f"compiled or loaded in {perf_counter() - began:.1f} s; {wh.size:,} minutes, {ROUNDS} rounds")
    few = wh[:FEW]
    _agree(demand.sliding(few).kw, _strided(few))
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "numba": (lambda: demand.sliding(wh), wh.size),
        "numba, holes": (lambda: demand.sliding(holed), wh.size),
        "numpy cumsum": (lambda: _summed(few), few.size),
        "numpy windows": (lambda: _strided(few), few.size),
    }
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (work, _points) in ways.items():
            took[name].append(_seconds(work))
    rates = {name: ways[name][1] / median(clock for clock, _ in each) for name, each in took.items()}
    for name, rate in rates.items():
        yield {
            "tool": name,
            "points_per_second": rate,
            "points_per_cpu_second": ways[name][1] / median(cpu for _, cpu in took[name]),
            "ratio": rates["numba"] / rate,
            "threads": 1,
            "load": os.getloadavg()[0],
        } | ({"goal": GOAL} if name == "numba" else {})


def _summed(wh: Floats) -> Floats:
    """Differences of running sums; in float64, or they drift."""
    sums = np.cumsum(wh, axis=1, dtype=np.float64)
    sums[:, WIDTH:] -= sums[:, :-WIDTH].copy()
    found: Floats = (sums[:, WIDTH - 1 :].max(axis=1) * 0.004).astype(np.float32)
    return found


def _strided(wh: Floats) -> Floats:
    windows = np.lib.stride_tricks.sliding_window_view(wh, WIDTH, axis=1)
    found: Floats = windows.sum(axis=2).max(axis=1) * np.float32(0.004)
    return found


def _agree(ours: Floats, theirs: Floats) -> None:
    if not np.allclose(ours, theirs, rtol=1e-5):
        raise SystemExit("demand: the kernel and NumPy do not agree")


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of this thread's processor."""
    start, cpu = perf_counter(), thread_time()
    work()
    return perf_counter() - start, thread_time() - cpu
