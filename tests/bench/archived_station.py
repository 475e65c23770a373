"""A station of many meters with months of validated days in its archive, made fast and by a seed.

Files are written by the archive's own functions and stand in its manifest: whole months as months, newer
days each by itself, as a station has them on any morning.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import insert

from cloud.fleet.registry import import_registry
from cloud.insight.engine import Threads
from cloud.insight.parts import Station
from cloud.kit.days import DAY, days
from cloud.kit.db import Database
from cloud.metering.archive import files, manifest, slots
from cloud.metering.archive.layout import Layer, month_of, span_ms
from cloud.metering.archive.manifest import day_table
from cloud.metering.vee.point_day import Method
from tests.clocks import ManualClock

ZONE = ZoneInfo("Asia/Shanghai")
CHANNEL = "energy_import_wh"
AN_AREA = 75
"""Meters of an area, its own included."""
FEEDER = 20
SHAPES = 8
SLOTS = 96
POOL = 3 << 20
"""So much noise is drawn once; each area's is a stretch of it."""


class Archived:
    """`meters` in areas of 75; `months` and `day` write curves of them."""

    def __init__(self, folder: Path, meters: int, workers: int = 2) -> None:
        self.folder, self._random = folder / "archive", np.random.default_rng(7)
        self.clock = ManualClock()
        self.database = Database(f"sqlite:///{folder / 'records.db'}")
        self.database.migrate()
        self.areas = areas_of(meters)
        with self.database.write() as connection:
            import_registry(connection, registry_of(self.areas), since=None)
        self.station = Station(self.database, self.folder, ZONE, None, self.clock, Threads(workers))
        self._scale = {
            area: self._random.lognormal(0, 0.6, (len(each), 1)) for area, each in self.areas.items()
        }
        self._kind = {area: self._random.integers(0, SHAPES, len(each)) for area, each in self.areas.items()}
        self._shapes = _shapes(self._random)
        self._noise = np.exp(0.3 * self._random.standard_normal(POOL, np.float32))

    def months(self, first: date, last: date) -> None:
        """A file for each area of these whole months."""
        while first <= last:
            until = month_of(first)[1]
            self._write(first, until)
            first = until + DAY

    def day(self, day: date) -> None:
        """A file for each area of this day."""
        self._write(day, day)

    def _write(self, first: date, last: date) -> None:
        self.clock.set(datetime.combine(last + DAY, datetime.min.time(), UTC) + timedelta(hours=20))
        now = self.clock.now()
        with self.database.write() as connection:
            entries = {
                (area, layer): manifest.allot(connection, layer, area, first, last, now)
                for area in self.areas
                for layer in (Layer.FINAL, Layer.METHOD)
            }
        made = list(self._tables(first, last))
        with ThreadPoolExecutor(4) as pool:
            written = list(
                pool.map(
                    lambda each: files.write(self.folder, entries[each[0], each[1]].path, each[2], each[1]),
                    made,
                )
            )
        with self.database.write() as connection:
            manifest.switch(connection, written, [], now)
            rows = [{"day": day, "revisions": 0, "archived_at": now} for day in days(first, last)]
            connection.execute(insert(day_table), rows)

    def _tables(self, first: date, last: date) -> Iterator[tuple[str, Layer, object]]:
        start, end = span_ms(first, last, ZONE)
        at = np.arange(start, end, 900_000)
        for area, points in self.areas.items():
            number = np.repeat(np.arange(len(points), dtype=np.int32), len(at))
            name = pa.DictionaryArray.from_arrays(pa.array(number), pa.array(points, pa.string()))
            times, interval = np.tile(at, len(points)), np.full(len(at) * len(points), 900, np.int64)
            wh = self._wh(area, first, last)
            kinds = np.full(wh.size, Method.MEASURED, np.uint8)
            kinds[self._random.integers(0, wh.size, wh.size // 500)] = Method.LIKE_DAY
            yield area, Layer.FINAL, slots.table(Layer.FINAL, name, times, interval, {CHANNEL: wh.ravel()})
            yield area, Layer.METHOD, slots.table(Layer.METHOD, name, times, interval, {CHANNEL: kinds})

    def _wh(self, area: str, first: date, last: date) -> NDArray[np.float32]:
        """(points, slots): the area's own meter, the first, has what all others took and 4 % more."""
        count = (last - first).days + 1
        shape = self._shapes[self._kind[area]]
        low = self._random.integers(0, len(self._noise) - len(shape) * count * SLOTS)
        noise = self._noise[low : low + len(shape) * count * SLOTS].reshape(len(shape), count, SLOTS)
        wh: NDArray[np.float32] = np.rint(self._scale[area][:, :, None] * shape[:, None, :] * noise).astype(
            np.float32
        )
        wh[0] = np.rint(wh[1:].sum(axis=0) * 1.04)
        return wh.reshape(len(wh), -1)


def _shapes(random: np.random.Generator) -> NDArray[np.float64]:
    """(SHAPES, 96) Wh of a quarter-hour: one or two humps over a base."""
    hour = np.arange(SLOTS) / 4
    humps = random.uniform(5, 22, (SHAPES, 2, 1))
    wide = random.uniform(1, 4, (SHAPES, 2, 1))
    found: NDArray[np.float64] = 30 + 200 * np.exp(-((hour - humps) ** 2) / (2 * wide**2)).sum(axis=1)
    return found


def areas_of(meters: int) -> dict[str, tuple[str, ...]]:
    """The last area may be smaller."""
    found = {}
    for number, low in enumerate(range(0, meters, AN_AREA)):
        area = f"A{number:03}"
        found[area] = tuple(f"{area}-{n:02}" for n in range(min(AN_AREA, meters - low)))
    return found


def registry_of(areas: dict[str, tuple[str, ...]]) -> dict[str, list[dict[str, object]]]:
    meters: list[dict[str, object]] = [
        {
            "id": point,
            "address": f"{number:04}{n:08}",
            "model": "dlt645-2007-3p",
            "area": area,
            "gateway": f"gw-{area.lower()}",
            "line": "l1",
            "role": "area" if n == 0 else "customer",
        }
        for number, (area, points) in enumerate(areas.items())
        for n, point in enumerate(points)
    ]
    rows: list[dict[str, object]] = [
        {"id": area, "name": f"示例台区 {area}", "feeder": f"F{n // FEEDER:02}", "has_backfeed": False}
        for n, area in enumerate(areas)
    ]
    return {
        "area": rows,
        "gateway": [{"id": f"gw-{area.lower()}", "name": f"示例网关 {area}"} for area in areas],
        "meter": meters,
    }
