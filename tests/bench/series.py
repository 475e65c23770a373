"""A month of one meter out of the SQLite store, 2,880 points, while others are being written into it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from cloud.kit.scope import WHOLE_STATION
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, ReadingStore, instant
from tests.bench import load

ROUNDS, ASKED, WRITES_PER_S = 2880, 500, 10
METERS = 400
"""With a whole month behind each: 9 million values."""


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    with (
        TemporaryDirectory(prefix="wattpost-series-") as folder,
        closing(SqliteStore(Path(folder) / "readings.db")) as store,
    ):
        start_ms = int(time.time() * 1000) - 40 * 86_400_000
        say(f"writing {ROUNDS} readings of each of {METERS} meters")
        values = load.fill(store, start_ms, ROUNDS, METERS)
        say(f"asking {ASKED} times while {WRITES_PER_S} batches of {load.READINGS} come a second")
        ended, wrote = threading.Event(), [0]
        writer = threading.Thread(target=_write, args=(store, start_ms, ended, wrote), daemon=True)
        writer.start()
        cpu_s = time.thread_time()
        took_s = sorted(_ask(store, start_ms))
        cpu_s = time.thread_time() - cpu_s
        ended.set()
        writer.join()
    yield {
        "store": "sqlite", "values": values, "points": ROUNDS, "asked": ASKED, "written_meanwhile": wrote[0],
        "p50_ms": took_s[ASKED // 2] * 1e3, "p99_ms": took_s[int(ASKED * 0.99)] * 1e3,
        "mean_cpu_ms": cpu_s / ASKED * 1e3, "load_average": os.getloadavg()[0],
    }  # fmt: skip


def _ask(store: ReadingStore, start_ms: int) -> Iterator[float]:
    rng = Random(3)
    start, end = instant(start_ms), instant(start_ms + ROUNDS * load.INTERVAL_MS)
    for _ in range(ASKED):
        name = load.meter(rng.randrange(METERS))
        began_s = time.perf_counter()
        found = store.series(WHOLE_STATION, name, "energy_import_wh", start, end)
        yield time.perf_counter() - began_s
        assert len(found) >= ROUNDS - 1, (name, len(found))


def _write(store: ReadingStore, start_ms: int, ended: threading.Event, wrote: list[int]) -> None:
    """In turn a batch of each gateway, newer than all there is."""
    rng, seq = Random(4), 0
    while not ended.wait(1 / WRITES_PER_S):
        first, round_ = (seq * load.PER_GATEWAY) % METERS, ROUNDS + seq * load.ROUNDS_A_MESSAGE
        rows = [
            load.reading(number, each, start_ms, rng)
            for each in range(round_, round_ + load.ROUNDS_A_MESSAGE)
            for number in range(first, first + load.PER_GATEWAY)
        ]
        seq += 1
        store.write(BatchOfReadings("history", "series", seq, rows))
        wrote[0] += len(rows)


if __name__ == "__main__":
    print(*run(print))
