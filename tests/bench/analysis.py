"""The daily indicators of 2,000 customers × 365 days × 96 slots, float32, against memory itself and peers.

A share of memcpy is that of one thread in the same round; where others use the machine, look at what is
reckoned of the best round or of processor time. Peers are given the table that they like best, in memory, and
are spared what they are slow at; each round they and the kernel take turns. Of `outputs` 26, the marks of
estimated slots are read too; `gb_per_second` counts the loads alone. Results go to arrays already there.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.peer_environments import peer_python

CUSTOMERS, DAYS, SLOTS = 2000, 365, 96
ROUNDS, PEER_ROUNDS = 9, 3
TWIN_ROWS = 2000
BANDS = np.repeat(np.array([3, 3, 2, 1, 0, 1, 2, 3], np.int8), 12)
PEERS = (("numpy", 1), ("pandas", 1), ("polars", 1), ("polars tuned", 1), ("polars tuned", 2),
         ("polars wide", 1), ("duckdb", 1), ("duckdb", 2))  # fmt: skip
_PEER = Path(__file__).parent / "peers" / "analysis" / "indicators.py"


class Spent(NamedTuple):
    """Seconds by the clock, and seconds of processor: what others do on the machine is in the first alone."""

    wall: float
    cpu: float


_COLD = """
import time
start = time.perf_counter()
from cloud.analysis.indicators import daily
daily.warm()
print(time.perf_counter() - start)
"""
_MEMORY = """
import resource, sys
from tests.bench import analysis
print(analysis.extra_memory(sys.argv[1]))
"""


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        yield _cold(folder)
        say(f"{CUSTOMERS * DAYS:,} days of {SLOTS} slots from a seed")
        file = Path(folder) / "days.npy"
        wh = days()
        np.save(file, wh)
        yield {"tool": "numba", "extra_memory_share": float(_child(_MEMORY, str(file)))}
        for holes in (False, True):
            if holes:
                wh[np.random.default_rng(12).random(wh.shape, np.float32) < 0.001] = np.nan
            _agree_with_twin(wh[:TWIN_ROWS])
            yield from _against_memcpy(wh, holes=holes)
        wh = np.load(file)
        for tool, threads in PEERS:
            say(f"{tool}, {threads} thread{'s' * (threads > 1)}")
            yield _against(tool, threads, file, wh)


def days() -> NDArray[np.float32]:
    """Four families of shapes (home, office, works, street lights), each day with lognormal noise."""
    rng = np.random.default_rng(11)
    hour = np.arange(SLOTS) / 4
    home = 0.3 + np.exp(-((hour - 20) ** 2) / 6) + 0.4 * np.exp(-((hour - 7.5) ** 2) / 2)
    office = 0.2 + ((hour > 8) & (hour < 18)) * 1.0
    works = 0.8 + 0.2 * np.sin(hour / 24 * 6 * np.pi)
    lights = ((hour < 6) | (hour > 18)) * 1.0 + 0.02
    shapes = np.stack([home, office, works, lights]).astype(np.float32)
    of = np.repeat(rng.integers(0, 4, CUSTOMERS), DAYS)
    size = np.repeat(rng.lognormal(5, 1, CUSTOMERS), DAYS).astype(np.float32)
    wh = rng.standard_normal((CUSTOMERS * DAYS, SLOTS), np.float32)
    wh *= np.float32(0.2)
    np.exp(wh, out=wh)
    wh *= size[:, None]
    for family, shape in enumerate(shapes):
        wh[of == family] *= shape
    return wh


def extra_memory(file: str) -> float:
    """By how much the process grows at its peak beyond input and result, as a share of the input."""
    import resource

    from cloud.analysis.indicators.daily import daily, warm

    warm()
    wh = np.load(file)
    marks, out = np.zeros(wh.shape, np.bool_), np.zeros((len(wh), 26), np.float32)
    marks[:], out[:] = False, 0
    daily(wh[:64], interval_s=900, bands=BANDS, estimated=marks[:64], threads=2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    daily(wh, interval_s=900, bands=BANDS, estimated=marks, threads=2, out=out)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return float(more * 1024 / wh.nbytes)


def _cold(folder: str) -> dict[str, Any]:
    """Until the first result, imports included: with nothing compiled yet, and at the next start."""
    first, next_ = (float(_child(_COLD, NUMBA_CACHE_DIR=f"{folder}/cache")) for _ in range(2))
    return {"tool": "numba", "first_result_cold_seconds": first, "first_result_warm_seconds": next_}


def _child(code: str, *arguments: str, **environment: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.check_output(command, text=True, env=os.environ | environment, cwd=_PEER.parents[4])


def _agree_with_twin(wh: NDArray[np.float32]) -> None:
    from cloud.analysis.indicators.daily import INDICATORS, daily
    from tests.cloud.analysis.daily_twin import twin

    marks = np.zeros(wh.shape, np.bool_)
    marks[:, 3] = True
    found, wanted = daily(wh, interval_s=900, bands=BANDS, estimated=marks), twin(wh, 900, BANDS, marks)
    exact = [column for column, each in enumerate(INDICATORS) if each.unit == "slot"]
    if not np.array_equal(found[:, exact], wanted[:, exact], equal_nan=True) or not np.allclose(
        found, wanted, rtol=1e-4, atol=1e-7, equal_nan=True
    ):
        raise SystemExit("analysis: the kernel and its twin do not agree")


def _against_memcpy(wh: NDArray[np.float32], *, holes: bool) -> Iterator[dict[str, Any]]:
    copy, marks = np.zeros_like(wh), np.zeros(wh.shape, np.bool_)
    marks[:, 5] = True
    outs = {outputs: np.zeros((len(wh), outputs), np.float32) for outputs in (13, 26)}
    work: dict[tuple[str, int, int], Callable[[], object]] = {
        ("memcpy", 0, 1): lambda: np.copyto(copy, wh),
        ("memcpy", 0, 2): lambda: _copied(copy, wh),
    }
    for outputs, threads in ((13, 1), (26, 1), (13, 2), (26, 2)):
        work["numba", outputs, threads] = _ours(wh, marks, outs[outputs], threads)
    for each in work.values():
        each()
    rounds = [{case: _seconds(each) for case, each in work.items()} for _ in range(ROUNDS)]
    for case in work:
        mine = [each[case] for each in rounds]
        memcpy = [each["memcpy", 0, 1] for each in rounds]
        seconds, best = median(each.wall for each in mine), min(each.wall for each in mine)
        yield {
            "tool": case[0], "outputs": case[1], "threads": case[2], "holes": holes, "seconds": seconds,
            "gb_per_second": wh.nbytes / seconds / 1e9,
            "memcpy_share": median(one.wall / each.wall for one, each in zip(memcpy, mine, strict=True)),
            "best_seconds": best, "best_memcpy_share": min(each.wall for each in memcpy) / best,
            "cpu_memcpy_share": median(each.cpu for each in memcpy) / median(each.cpu for each in mine),
            "load": _load(),
        }  # fmt: skip


def _ours(
    wh: NDArray[np.float32], marks: NDArray[np.bool_], out: NDArray[np.float32], threads: int
) -> Callable[[], object]:
    from cloud.analysis.indicators.daily import daily

    core = out.shape[1] == 13
    given = None if core else marks
    return lambda: daily(
        wh, interval_s=900, bands=BANDS, estimated=given, core=core, threads=threads, out=out
    )


def _copied(copy: NDArray[np.float32], wh: NDArray[np.float32]) -> None:
    half = len(wh) // 2
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(np.copyto, (copy[:half], copy[half:]), (wh[:half], wh[half:])))


def _against(tool: str, threads: int, file: Path, wh: NDArray[np.float32]) -> dict[str, Any]:
    """Ours and the tool's in turn, with as many threads; `ratio` is of the same round."""
    out = np.zeros((len(wh), 13), np.float32)
    ours = _ours(wh, np.zeros((0, 0), np.bool_), out, threads)
    command = [
        str(peer_python("analysis")),
        str(_PEER),
        tool,
        str(file),
        "".join(map(str, BANDS)),
        str(threads),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:

        def answer(line: str | None = None) -> Any:
            assert peer.stdin
            assert peer.stdout
            if line:
                peer.stdin.write(f"{line}\n")
                peer.stdin.flush()
            return peer.stdout.readline()

        about = json.loads(answer())
        times = len(wh) / about["rows"]
        ours()
        rounds = [(Spent(*json.loads(answer("go"))), _seconds(ours)) for _ in range(PEER_ROUNDS)]
        answer(str(file.with_name("peer.npy")))
        assert peer.stdin
        peer.stdin.close()
    found = np.load(file.with_name("peer.npy"))
    _agree_with_peer(tool, found, out[: len(found)])
    seconds = median(theirs.wall for theirs, _ in rounds) * times
    return {
        "tool": tool, "outputs": int((~np.isnan(found[0])).sum()), "threads": threads, "seconds": seconds,
        "sampled_rows": about["rows"], "table_seconds": about["table_seconds"],
        "gb_per_second": wh.nbytes / seconds / 1e9,
        "ratio": median(theirs.wall / mine.wall for theirs, mine in rounds) * times,
        "cpu_ratio": median(theirs.cpu / mine.cpu for theirs, mine in rounds) * times, "load": _load(),
    }  # fmt: skip


def _agree_with_peer(tool: str, found: NDArray[np.float32], ours: NDArray[np.float32]) -> None:
    said = ~np.isnan(found[0])
    if (said[3] and not np.array_equal(found[:, 3], ours[:, 3])) or not np.allclose(
        found[:, said], ours[:, said], rtol=1e-4, atol=1e-6
    ):
        worst = np.nanmax(np.abs(found / np.where(ours == 0, np.nan, ours) - 1), axis=0)
        raise SystemExit(f"analysis: {tool} and the kernel do not agree: {worst}")


def _seconds(work: Callable[[], object]) -> Spent:
    start, cpu = perf_counter(), process_time()
    work()
    return Spent(perf_counter() - start, process_time() - cpu)


def _load() -> float:
    return round(os.getloadavg()[0], 1)
