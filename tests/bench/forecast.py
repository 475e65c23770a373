"""The day-ahead forecast: how fast similar days are for 30,000 series, and how good it is on SimBench's year.

Speed: eight weeks of 96 float32 points each, one forecast day, one thread; peers with fewer series are scaled
to 30,000, which grow in proportion. Quality: 25 single profiles and 16 aggregates, the last 86 days, day by
day as the station does it, profiles held out whole (tests/simbench_forecast.py): WAPE is the mean over
profiles; `worse_share` of them are forecast worse than by similar days; coverage is that of P10 to P90.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.peer_environments import peer_python

SERIES, DAYS, SLOTS, ROUNDS = 30_000, 56, 96, 5
PEERS = ("numpy", "pandas", "statsforecast SeasonalNaive", "statsforecast SeasonalWindowAverage")
_PEER = Path(__file__).parent / "peers" / "analysis" / "forecast.py"
KINDS = np.array([0, 0, 0, 0, 0, 1, 2] * (DAYS // 7) + [0], np.int8)


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("WATTPOST_BENCH_DIR")) as name:
        kw, file = _curves(), Path(name, "kw.npy")
        np.save(file, kw)
        say(f"{SERIES:,} series, {ROUNDS} rounds")
        ours = _similar(kw)
        yield {"what": "similar days", "tool": "numba", "seconds": ours, "series": SERIES, "load": _load()}
        for tool in PEERS:
            say(tool)
            yield {"what": "similar days"} | _against(tool, file, ours)
    say("SimBench, profiles held out whole: some minutes")
    yield from _quality()


def _curves() -> NDArray[np.float32]:
    kw = np.random.default_rng(5).standard_normal((SERIES, DAYS, SLOTS), np.float32)
    np.square(kw, out=kw)
    return kw


def _similar(kw: NDArray[np.float32]) -> float:
    from cloud.analysis.forecast.similar import similar

    usable = np.ones(kw.shape[:2], np.bool_)
    similar(kw[:10], usable[:10], KINDS, [DAYS])
    seconds = []
    for _ in range(ROUNDS):
        start = perf_counter()
        found, _used = similar(kw, usable, KINDS, [DAYS])
        seconds.append(perf_counter() - start)
    days = np.flatnonzero(KINDS[:DAYS] == 0)[::-1][:5]
    if not np.allclose(found[:100, 0], kw[:100, days].mean(axis=1), rtol=1e-5):
        raise SystemExit("forecast: the kernel and NumPy do not agree")
    return median(seconds)


def _against(tool: str, file: Path, ours: float) -> dict[str, Any]:
    digits = "".join(map(str, KINDS[:DAYS]))
    command = [str(peer_python("analysis")), str(_PEER), tool, str(file), digits]
    told = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
    seconds = told["seconds"] * SERIES / told["series"]
    return {
        "tool": tool, "seconds": seconds, "series": told["series"], "ratio": seconds / ours, "load": _load(),
    }  # fmt: skip


def _quality() -> Iterator[dict[str, Any]]:
    from tests import simbench_forecast

    start = perf_counter()
    found = simbench_forecast.outcome()
    took = perf_counter() - start
    parts = (("customers", simbench_forecast.SINGLE), ("aggregates", simbench_forecast.AGGREGATES))
    for name, which in parts:
        chosen, similar, alone = (
            found.wapes(each)[which] for each in (found.chosen, found.similar, found.alone)
        )
        yield {
            "what": f"SimBench {name}", "wape": float(chosen.mean()), "wape_similar": float(similar.mean()),
            "wape_model": float(alone.mean()), "coverage": found.coverage(which),
            "worse_share": found.worse_share(which), "seconds": took, "load": _load(),
        }  # fmt: skip


def _load() -> float:
    return os.getloadavg()[0]
