"""A small station whose days are archived: two areas, four points, and a registry that changes."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.history import Book, Note, point_meter
from cloud.fleet.registry import import_registry
from cloud.kit.days import bounds, days
from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.manifest import Written
from cloud.metering.archive.writer import Archive
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, Kept, ReadingStore
from cloud.metering.vee import days as validated
from cloud.metering.vee.days import Channel, PointDay
from protocols.readings import Quality, Reading, Source
from tests.clocks import ManualClock

NOW = datetime(2026, 4, 10, tzinfo=UTC)
DAY = date(2026, 3, 5)
SHANGHAI = ZoneInfo("Asia/Shanghai")
POINTS = ("M-1", "M-2", "M-3", "M-4")
AREA = {"M-1": "A01", "M-2": "A01", "M-3": "A02", "M-4": "A02", "M-9": "A01"}


def registry(area: dict[str, str] = AREA, **more: object) -> dict[str, list[dict[str, object]]]:
    return {
        "area": [{"id": each, "name": f"示例台区 {each}", "feeder": "F1"} for each in ("A01", "A02")],
        "gateway": [{"id": "gw-1", "name": "示例网关"}],
        "meter": [
            {
                "id": meter,
                "address": f"{n:012}",
                "model": "dlt645-2007-3p",
                "area": of,
                "gateway": "gw-1",
                "line": "l1",
            }
            | more
            for n, (meter, of) in enumerate(area.items())
        ],
    }


class Village:
    def __init__(self, folder: Path, url: str | None = None, zone: ZoneInfo = SHANGHAI) -> None:
        self.folder, self.zone = folder, zone
        self.clock = ManualClock(NOW)
        self.database = Database(url or f"sqlite:///{folder / 'records.db'}")
        self.store: ReadingStore = SqliteStore(folder / "readings.db")
        self.archive = Archive(self.database, self.store, folder / "archive", zone, self.clock)
        with self.database.write() as connection:
            import_registry(connection, registry())
            book = Book(connection, Note("", "", NOW))
            book.end(point_meter, "M-9", datetime(1970, 1, 1, tzinfo=UTC))  # in the storeroom
            book.write()

    def close(self) -> None:
        self.store.close()
        self.database.close()

    # what happens

    def read(self, *readings: Reading, seq: int = 1, gateway: str = "gw-1") -> None:
        self.store.write(BatchOfReadings(gateway, "e1", seq, readings))

    def poll(self, meter: str, day: date, every_s: int = 900, seq: int = 1) -> None:
        """A day's readings of one meter: a register that rises by 10 Wh, power, and three voltages."""
        start, end = bounds(day, self.zone)
        number = int((end - start).total_seconds()) // every_s
        self.read(
            *(self.reading(meter, start + timedelta(seconds=every_s * n), n) for n in range(number)), seq=seq
        )

    @staticmethod
    def reading(meter: str, at: datetime, n: int, source: Source = Source.POLLED) -> Reading:
        values = {"energy_import_wh": 1000 + 10 * n, "power_w": 40.0 + n % 4, "voltage_l1_v": 220.5 + n % 4}
        return Reading(meter, round(at.timestamp() * 1000), source, values, Quality.GOOD)

    def validate(
        self,
        point: str,
        day: date,
        wh: float | NDArray[np.float64] = 10.0,
        interval_s: int = 900,
        channel: Channel = Channel.IMPORT,
        flag: int = 0,
        method: int = 1,
    ) -> PointDay:
        """The next revision of a day; its slots are as many as the day is long."""
        start, end = bounds(day, self.zone)
        slots = int((end - start).total_seconds()) // interval_s
        final = np.full(slots, wh) if isinstance(wh, float) else wh
        made = PointDay(
            point,
            channel,
            day,
            start,
            interval_s,
            final,
            np.full(slots, flag, np.uint32),
            np.full(slots, method, np.uint8),
        )
        with self.database.write() as connection:
            validated.put(connection, [made], by="test", why="test", at=self.clock.now())
        return made

    def move(self, meter: str, area: str, since: datetime | None) -> None:
        with self.database.write() as connection:
            import_registry(connection, registry(AREA | {meter: area}), since=since)

    def exchange(self, point: str, new: str, at: datetime) -> None:
        with self.database.write() as connection:
            book = Book(connection, Note("", "", NOW))
            book.patch(point_meter, point, at, None, {"meter": new})
            book.write()

    def zone_instant(self, day: date) -> datetime:
        """Its first instant."""
        return bounds(day, self.zone)[0]

    # what is asked

    def archive_days(self, first: date, last: date | None = None) -> list[Written]:
        with self.archive.turn():
            return [each for day in days(first, last or first) for each in self.archive.archive_day(day)]

    def compact(self, month: date = DAY) -> list[Written]:
        with self.archive.turn():
            done = [self.archive.compact_month(*each) for each in self.archive.uncompacted(date(2099, 1, 1))]
        return [each for written in done for each in written]

    def matrix(
        self,
        first: date,
        last: date | None = None,
        points: Sequence[str] = POINTS,
        layer: Layer = Layer.FINAL,
        channel: str = "energy_import_wh",
        interval_s: int = 900,
    ) -> NDArray[np.float32]:
        with self.database.read() as connection:
            return reader.matrix(
                connection,
                self.archive.folder,
                points,
                channel,
                first,
                last or first,
                zone=self.zone,
                layer=layer,
                interval_s=interval_s,
            )

    def files(self) -> list[str]:
        found = self.archive.folder.rglob("*.parquet*")
        return sorted(str(path.relative_to(self.archive.folder)) for path in found)


def everything(store: ReadingStore) -> tuple[list[Kept], list[Kept]]:
    return list(store.rows(WHOLE_STATION)), store.conflicts(WHOLE_STATION)


def total(written: Iterable[Written]) -> int:
    return sum(each.rows for each in written)
