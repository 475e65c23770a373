"""A station whose archive is written straight from arrays: registry, month files, and nothing in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.metering.archive import files, manifest, slots
from cloud.metering.archive.layout import Layer, span_ms
from cloud.metering.vee.point_day import Channel, Method
from tests.clocks import ManualClock

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
CHUNK_DAYS = 31


@dataclass(frozen=True, slots=True)
class Place:
    """`wh` float32 (customers, slots) of an area, `meter_wh` (slots,) of its own meter, None without one."""

    area: str
    feeder: str
    wh: NDArray[np.float32]
    meter_wh: NDArray[np.float32] | None = None
    method: NDArray[np.uint8] | None = None
    varh: NDArray[np.float32] | None = None
    """(customers, slots) of reactive energy taken, of an area without a meter of its own."""

    @property
    def points(self) -> list[str]:
        return [f"{self.area}-{number:03}" for number in range(len(self.wh))]

    @property
    def meter(self) -> str:
        return f"{self.area}-T"


class ArchivedStation:
    """Whole local days from `first` on, as long as the arrays are."""

    def __init__(
        self, folder: Path, places: Sequence[Place], first: date, days: int, *,
        url: str | None = None, zone: ZoneInfo = ZONE,
    ) -> None:  # fmt: skip
        self.folder, self.zone, self.clock = folder / "archive", zone, ManualClock(NOW)
        self.database = Database(url or f"sqlite:///{folder / 'records.db'}")
        self.database.migrate()
        with self.database.write() as connection:
            import_registry(connection, _registry(places))
        begin, _ = span_ms(first, first, zone)
        day = first
        last = first + timedelta(days=days - 1)
        while day <= last:
            until = min(day + timedelta(days=CHUNK_DAYS - 1), last)
            start, end = span_ms(day, until, zone)
            for place in places:
                self._write(
                    place, day, until, slice((start - begin) // 900_000, (end - begin) // 900_000), start
                )
            day = until + timedelta(days=1)

    def _write(self, place: Place, first: date, last: date, span: slice, start_ms: int) -> None:
        wh, names = place.wh[:, span], place.points
        marks = (
            np.full(wh.shape, Method.MEASURED, np.uint8) if place.method is None else place.method[:, span]
        )
        if place.meter_wh is not None:
            wh, names = np.vstack([wh, place.meter_wh[None, span]]), [*names, place.meter]
            marks = np.vstack([marks, np.full((1, wh.shape[1]), Method.MEASURED, np.uint8)])
        number = wh.shape[1]
        at = np.tile(start_ms + np.arange(number, dtype=np.int64) * 900_000, len(names))
        point = np.repeat(np.array(names, object), number)
        width = np.full(len(at), 900, np.int64)
        more = {} if place.varh is None else {Channel.REACTIVE_IMPORT.value: place.varh[:, span].ravel()}
        for layer, part in ((Layer.FINAL, wh), (Layer.METHOD, marks)):
            with self.database.write() as connection:
                entry = manifest.allot(connection, layer, place.area, first, last, NOW)
            table = slots.table(
                layer,
                point,
                at,
                width,
                {
                    Channel.IMPORT.value: part.ravel(),
                    **(more if layer is Layer.FINAL else {}),
                },
            )
            written = files.write(self.folder, entry.path, table, layer)
            with self.database.write() as connection:
                manifest.switch(connection, [written], [], NOW)

    def close(self) -> None:
        self.database.close()


def _registry(places: Sequence[Place]) -> dict[str, list[dict[str, object]]]:
    plain = {"gateway": "gw-1", "line": "l1", "interval_s": 900, "model": "dlt645-2007-1p"}
    rows = [(name, each.area, "customer") for each in places for name in each.points]
    rows += [(each.meter, each.area, "area") for each in places if each.meter_wh is not None]
    return {
        "area": [
            {"id": each.area, "name": f"示例台区 {each.area}", "feeder": each.feeder} for each in places
        ],
        "gateway": [{"id": "gw-1", "name": "示例网关"}],
        "meter": [
            {"id": name, "address": f"{100 + n:012}", "area": area, "role": role, **plain}
            for n, (name, area, role) in enumerate(rows)
        ],
    }
