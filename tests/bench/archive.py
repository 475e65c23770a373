"""A year of 2,000 customers x 96 out of the archive, as one float32 array (points, slots) of 280 MB.

Ours: a file for each of 20 areas and 12 months. The same data as a file for each area and day, zstd, is what
such archives mostly are; the months read as a pyarrow dataset is what a stranger would do; memcpy is as fast
as the machine copies. polars and duckdb are no dependencies and are not measured.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cloud.kit.clock import SystemClock
from cloud.kit.days import days
from cloud.kit.db import Database
from cloud.metering.archive import files, manifest, reader, slots
from cloud.metering.archive.layout import Layer, month_of, span_ms

AREAS, CUSTOMERS, ROUNDS = 20, 100, 5
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
ZONE = ZoneInfo("Asia/Shanghai")
CHANNEL = "energy_import_wh"
POINTS = [f"P{area:02}-{number:03}" for area in range(AREAS) for number in range(CUSTOMERS)]
Say = Callable[[str], None]


def run(say: Say) -> Iterator[dict[str, Any]]:
    values = _year()
    with tempfile.TemporaryDirectory(dir=os.environ.get("WATTPOST_BENCH_DIR")) as name:
        folder = Path(name)
        database = Database(f"sqlite:///{folder / 'records.db'}")
        database.migrate()
        say("writing a file for each area and month")
        yield {
            "what": "write area-months",
            **_written(lambda: _write_months(database, folder, values), values),
        }
        yield from _ours(database, folder, values)
        yield from _dataset(folder, values)
        say("writing a file for each area and day")
        yield {"what": "write area-days, zstd", **_written(lambda: _write_days(folder, values), values)}
        yield _peer("read area-days, zstd, pyarrow", lambda: _read_days(folder), values, 1)
        database.close()
    yield _peer("memcpy", values.copy, values, ROUNDS)


def _year() -> NDArray[np.float32]:
    random = np.random.default_rng(7)
    start, end = span_ms(FIRST, LAST, ZONE)
    shape = (len(POINTS), (end - start) // 900_000)
    return random.integers(0, 2000, shape, dtype=np.int32).astype(np.float32)


def _written(write: Callable[[], int], values: NDArray[np.float32]) -> dict[str, Any]:
    started = time.perf_counter()
    count = write()
    seconds = time.perf_counter() - started
    return {"files": count, "seconds": seconds, "gb_per_second": values.nbytes / seconds / 1e9}


def _parts(values: NDArray[np.float32], first: date, last: date) -> Iterator[tuple[str, Any]]:
    """(area, table) of all areas in some days."""
    begin, _ = span_ms(FIRST, LAST, ZONE)
    start, end = span_ms(first, last, ZONE)
    low, high = (start - begin) // 900_000, (end - begin) // 900_000
    at = np.tile(np.arange(start, end, 900_000), CUSTOMERS)
    for area in range(AREAS):
        lines = slice(area * CUSTOMERS, (area + 1) * CUSTOMERS)
        point = np.repeat(np.array(POINTS[lines], object), high - low)
        part = {CHANNEL: values[lines, low:high].ravel()}
        yield f"A{area:02}", slots.table(Layer.FINAL, point, at, np.full(len(at), 900, np.int64), part)


def _write_months(database: Database, folder: Path, values: NDArray[np.float32]) -> int:
    count, month, now = 0, FIRST, SystemClock().now()
    while month <= LAST:
        first, last = month_of(month)
        for area, table in _parts(values, first, last):
            with database.write() as connection:
                entry = manifest.allot(connection, Layer.FINAL, area, first, last, now)
            written = files.write(folder, entry.path, table, Layer.FINAL)
            with database.write() as connection:
                manifest.switch(connection, [written], [], now)
            count += 1
        month = last + timedelta(days=1)
    return count


def _ours(database: Database, folder: Path, values: NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    def read() -> NDArray[np.float32]:
        with database.read() as connection:
            return reader.matrix(connection, folder, POINTS, CHANNEL, FIRST, LAST, zone=ZONE)

    yield _peer("matrix, warm", read, values, ROUNDS)
    dropped = _drop_cache(folder)
    yield _peer("matrix, cold", read, values, 1) | {"page_cache_dropped": dropped}


def _dataset(folder: Path, values: NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    def read() -> NDArray[np.float32]:
        table = ds.dataset(folder / "final", format="parquet").to_table(columns=["point", "at", CHANNEL])
        # in order of (point, at), as whoever wants an array has to put it
        order = np.lexsort(
            (table["at"].to_numpy(), slots.ranks(table["point"].unify_dictionaries().combine_chunks()))
        )
        found: NDArray[np.float32] = table[CHANNEL].to_numpy()[order].reshape(values.shape)
        return found

    yield _peer("pyarrow dataset, sorted", read, values, 1)


def _write_days(folder: Path, values: NDArray[np.float32]) -> int:
    count = 0
    for day in days(FIRST, LAST):
        for area, table in _parts(values, day, day):
            path = folder / "days" / area / f"{day}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path, compression="zstd")
            count += 1
    return count


def _read_days(folder: Path) -> NDArray[np.float32]:
    start, end = span_ms(FIRST, LAST, ZONE)
    out = np.full((len(POINTS), (end - start) // 900_000), np.nan, np.float32)
    for number, day in enumerate(days(FIRST, LAST)):
        for area in range(AREAS):
            part = pq.read_table(folder / "days" / f"A{area:02}" / f"{day}.parquet", columns=[CHANNEL])
            block = part.column(0).to_numpy().reshape(CUSTOMERS, 96)
            out[area * CUSTOMERS : (area + 1) * CUSTOMERS, number * 96 : number * 96 + 96] = block
    return out


def _peer(
    what: str, read: Callable[[], NDArray[np.float32]], values: NDArray[np.float32], rounds: int
) -> dict[str, Any]:
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        found = read()
        best = min(best, time.perf_counter() - started)
        assert np.array_equal(found, values), f"{what} is not what was written"
    return {"what": what, "seconds": best, "gb_per_second": values.nbytes / best / 1e9}


def _drop_cache(folder: Path) -> bool:
    """Every file's pages out of memory; whether the system took the hint, nobody says."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in folder.rglob("*.parquet"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True
