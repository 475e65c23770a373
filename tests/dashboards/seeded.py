"""A station for the boards: three areas, two days of readings in a real InfluxDB, and the boards' job."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.metering.boards import Boards
from cloud.metering.influx.store import InfluxStore
from cloud.metering.ledger.tables import day_table, total_table
from cloud.metering.store import BatchOfReadings, ms
from protocols.readings import Reading, Source, Value
from tests.clocks import ManualClock
from tests.influx import Influx

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
"""Noon at the station."""
BEGIN = NOW - timedelta(hours=48)
QUARTER = timedelta(minutes=15)
AREAS = {"A01": "F1", "A02": "F1", "B01": "F2"}
CUSTOMERS = 3
GAP = (NOW - timedelta(hours=6), NOW - timedelta(hours=5))
"""In it nothing of area A01's own meter comes, and nothing at all of B01."""


def registry() -> dict[str, list[dict[str, object]]]:
    meters: list[dict[str, object]] = []
    for place, area in enumerate(AREAS):
        for number in range(CUSTOMERS + 1):
            if area == "B01" and number == 0:
                continue  # an area without a meter of its own
            meters.append(
                {
                    "id": f"{area}-{number:02d}",
                    "address": f"2026{place:04d}{number:04d}",
                    "model": "dlt645-2007-3p",
                    "area": area,
                    "gateway": f"gw-{area.lower()}",
                    "line": "line-1",
                    "role": "customer" if number else "area",
                    "interval_s": 900,
                    "ct_ratio": 1 if number else 2,
                }
            )
    return {
        "area": [
            {"id": area, "name": f"示例台区 {area}", "feeder": feeder} for area, feeder in AREAS.items()
        ],
        "gateway": [{"id": f"gw-{area.lower()}", "name": area} for area in AREAS],
        "meter": meters,
    }


def values(area: str, number: int, step: int) -> dict[str, Value]:
    """A customer takes 100 Wh in each quarter-hour; an area meter's register half of what three take."""
    voltage = 241.0 if (area, number) == ("A02", 1) else 190.0 if (area, number) == ("B01", 2) else 221.0
    wh = 1000 + step * (100 if number else 150)
    return {
        "energy_import_wh": wh,
        "power_w": 400.0,
        "power_l1_w": 150.0,
        "power_l2_w": 150.0,
        "power_l3_w": 100.0,
        "voltage_l1_v": voltage,
        "voltage_l2_v": 220.0,
        "voltage_l3_v": 219.5,
        "current_l1_a": 0.7,
        "current_l2_a": 0.7,
        "current_l3_a": 0.5,
        "current_n_a": 0.1,
        "clock_offset_s": 2.0,
    }


def readings(area: str, *, late: bool) -> list[Reading]:
    """Of every meter of an area at each quarter-hour; the gap's when they come `late`, else all others."""
    found = []
    for step in range(int((NOW - BEGIN) / QUARTER)):
        at = BEGIN + step * QUARTER + timedelta(seconds=2)
        for number in range(CUSTOMERS + 1):
            if area == "B01" and number == 0:
                continue
            missing = GAP[0] <= at < GAP[1] and (area == "B01" or (area == "A01" and number == 0))
            if missing == late:
                meter = f"{area}-{number:02d}"
                found.append(Reading(meter, ms(at), Source.POLLED, values(area, number, step)))
    return found


class Seeded:
    """What the tests ask: the database, the store, the job and its clock."""

    def __init__(self, database: Database, influx: Influx) -> None:
        self.influx, self.database, self.clock = influx, database, ManualClock(NOW)
        self.store = InfluxStore(influx.settings(), database)
        with database.write() as connection:
            import_registry(connection, registry())
        self._seq = 0
        for area in AREAS:
            self.write(area, readings(area, late=False))
        self._count_days()
        self.boards = self.new_job()
        self.boards.write_since(BEGIN)
        self.run()

    def new_job(self) -> Boards:
        return Boards(self.database, self.store, self.store, ZONE, self.clock)

    def write(self, area: str, batch: Sequence[Reading]) -> None:
        for at in range(0, len(batch), 500):
            self._seq += 1
            self.store.write(BatchOfReadings(f"gw-{area.lower()}", "e1", self._seq, batch[at : at + 500]))

    def run(self) -> None:
        self.boards.run()

    def _count_days(self) -> None:
        """As the completeness ledger leaves them: two days that have ended, and the one that still runs."""
        with self.database.write() as connection:
            for day in (date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)):
                connection.execute(insert(day_table), {"day": day, "counted_at": NOW, "stale": 0})
                for area, feeder in AREAS.items():
                    connection.execute(insert(total_table), total(day, area, feeder))


def total(day: date, area: str, feeder: str, received: int = 380) -> dict[str, object]:
    counts = {
        "meters": 4,
        "silent": 0,
        "expected": 384,
        "received": received,
        "late": 0,
        "freeze_expected": 4,
        "freeze_received": 4,
        "freeze_late": 0,
        "freeze_pending": 0,
        "asked_expected": 0,
        "asked_received": 0,
        "asked_pending": 0,
    }
    empty: dict[str, object] = {"excluded": {}, "freeze_excluded": {}, "asked_excluded": {}}
    return {"day": day, "area": area, "gateway": f"gw-{area.lower()}", "feeder": feeder, **counts, **empty}
