"""A small area with real stores: registers are written as readings, and days are validated from them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings
from cloud.metering.vee import days
from cloud.metering.vee.days import Channel, PointDay
from cloud.metering.vee.job import Validation
from cloud.metering.vee.policy import VeePolicy, vee_policy
from cloud.metering.vee.surroundings import Surroundings
from protocols.readings import Quality, Reading, Source
from tests.clocks import ManualClock

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 7, 1)
"""A Wednesday."""
MODEL = "dlt645-2007-1p"


def midnight(day: date = DAY, zone: ZoneInfo = ZONE) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def document(meters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    usual = {"model": MODEL, "area": "A01", "gateway": "gw-a01", "line": "l1", "interval_s": 900}
    return {
        "area": [{"id": name, "name": name, "feeder": "F1"} for name in ("A01", "A02", "A03", "A04")],
        "gateway": [{"id": "gw-a01", "name": "gw"}],
        "meter": [{"address": f"{n}", **usual, **meter} for n, meter in enumerate(meters, 1)],
    }


@dataclass
class Village:
    """`write` takes registers at instants; `validate` gives what became of a day."""

    database: Database
    store: SqliteStore
    clock: ManualClock
    surroundings: Surroundings = field(default_factory=Surroundings)
    policy: VeePolicy = field(default_factory=vee_policy)
    zone: ZoneInfo = ZONE
    _seq: int = 0

    def registry(self, *meters: Mapping[str, Any]) -> None:
        with self.database.write() as connection:
            import_registry(connection, document(meters))

    def write(
        self,
        meter: str,
        rows: Iterable[tuple[datetime, int]],
        *,
        source: Source = Source.PROFILE,
        quality: Quality = Quality.GOOD,
        quantity: str = "energy_import_wh",
    ) -> list[Reading]:
        readings = [
            Reading(meter, round(at.timestamp() * 1000), source, {quantity: value}, quality)
            for at, value in rows
        ]
        self._seq += 1
        self.store.write(BatchOfReadings("gw-a01", "e", self._seq, readings))
        return readings

    def write_days(
        self,
        meter: str,
        first: date,
        count: int,
        load: Callable[[int], int] = lambda _: 100,
        *,
        start_wh: int = 10_000,
        leave_out: Callable[[datetime], bool] = lambda _: False,
    ) -> int:
        """Profile stamps each quarter-hour; `load` gives the Wh of slot n. The register at the end."""
        at, value, rows = midnight(first), start_wh, []
        for slot in range(96 * count + 1):
            if not leave_out(at):
                rows.append((at, value))
            value += load(slot)
            at += timedelta(minutes=15)
        self.write(meter, rows)
        return value

    @property
    def validation(self) -> Validation:
        return Validation(self.database, self.store, self.policy, self.zone, self.clock, self.surroundings)

    def validate(self, day: date = DAY) -> None:
        self.clock.set(midnight(day, self.zone) + timedelta(days=1, hours=4))
        self.validation.day(day)

    def day(self, point: str, day: date = DAY, channel: Channel = Channel.IMPORT) -> PointDay:
        with self.database.read() as connection:
            (found,) = days.newest(connection, day, day, points=[point], channel=channel)
        return found


def village(database: Database, folder: Path) -> Village:
    return Village(database, SqliteStore(folder / "readings.db"), ManualClock(midnight()))


def total(day: PointDay) -> int:
    return int(np.nansum(day.final_wh))
