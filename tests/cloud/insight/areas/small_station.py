"""A station of two areas on one feeder whose day is archived: customers, area meters, gauges, capacities."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.history import Book, Note, area_facts
from cloud.fleet.registry import import_registry
from cloud.insight.areas import store
from cloud.insight.areas.actions import Reckoned, run_day
from cloud.insight.areas.policy import QualityPolicy, quality_policy
from cloud.insight.areas.store import AreaDay, Kind
from cloud.insight.engine import Threads
from cloud.kit.days import bounds
from cloud.metering.vee.days import Channel
from protocols.readings import Quality, Reading, Source
from tests.cloud.metering.archive.village import NOW, SHANGHAI, Village

DAY = date(2026, 3, 5)
CUSTOMERS = {"A01": ("M-1", "M-2", "M-3"), "A02": ("M-4", "M-5")}
METERS = {"A01": "T-1", "A02": "T-2"}
SLOTS = 96


class SmallStation(Village):
    def __init__(self, folder: Path, url: str | None = None, zone: ZoneInfo = SHANGHAI) -> None:
        super().__init__(folder, url, zone)
        with self.database.write() as connection:
            import_registry(connection, self._document())

    @staticmethod
    def _document() -> dict[str, list[dict[str, object]]]:
        def meter(number: int, name: str, area: str, **more: object) -> dict[str, object]:
            plain = {"gateway": "gw-1", "line": "l1", "interval_s": 900, "model": "dlt645-2007-3p"}
            return {"id": name, "address": f"{100 + number:012}", "area": area, **plain, **more}

        rows = [(name, area, "customer") for area, own in CUSTOMERS.items() for name in own]
        rows += [(name, area, "area") for area, name in METERS.items()]
        return {
            "area": [{"id": each, "name": f"示例台区 {each}", "feeder": "F1"} for each in ("A01", "A02")],
            "gateway": [{"id": "gw-1", "name": "示例网关"}],
            "meter": [meter(n, name, area, role=role) for n, (name, area, role) in enumerate(rows)],
        }

    def capacity(
        self, area: str, kva: float | None, since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    ) -> None:
        with self.database.write() as connection:
            book = Book(connection, Note("test", "test", NOW))
            book.patch(area_facts, area, since, None, {"capacity_kva": kva})
            book.write()

    def curve(
        self, point: str, kw: float | NDArray[np.float64], channel: Channel = Channel.IMPORT, method: int = 1
    ) -> None:
        """Power in kW over the day's quarters; NaN is missing."""
        wh = np.broadcast_to(np.asarray(kw, np.float64), (SLOTS,)) * 250
        self.validate(point, DAY, wh.copy(), channel=channel, method=method)

    def gauges(
        self, meter: str, values: Mapping[str, float], first: int = 0, until: int = SLOTS, seq: int = 1
    ) -> None:
        """The same values in each of these quarters."""
        start, _ = bounds(DAY, self.zone)
        at_ms = [round((start + timedelta(minutes=15 * n)).timestamp() * 1000) for n in range(first, until)]
        self.read(
            *(Reading(meter, each, Source.POLLED, dict(values), Quality.GOOD) for each in at_ms), seq=seq
        )

    def reckon(
        self, policy: QualityPolicy | None = None, areas: tuple[str, ...] | None = None, day: date = DAY
    ) -> Reckoned:
        return run_day(
            self.database,
            self.archive.folder,
            day,
            zone=self.zone,
            policy=policy or quality_policy(),
            engine=Threads(1),
            now=NOW,
            areas=areas,
        )

    def behind(self, meter: str, ct_ratio: float, pt_ratio: float) -> None:
        """The meter hangs behind transformers, and always did."""
        (row,) = (each for each in self._document()["meter"] if each["id"] == meter)
        with self.database.write() as connection:
            import_registry(connection, {"meter": [row | {"ct_ratio": ct_ratio, "pt_ratio": pt_ratio}]})

    def all_to(self, area: str, since: datetime) -> None:
        """Every customer's meter stands in this area from then on."""
        moved = [
            each | ({"area": area} if each["role"] == "customer" else {})
            for each in self._document()["meter"]
        ]
        with self.database.write() as connection:
            import_registry(connection, {"meter": moved}, since=since)

    def area(self, area: str = "A01") -> AreaDay:
        with self.database.read() as connection:
            (found,) = store.of_area(connection, area, DAY, DAY)
        return found

    def feeder(self) -> AreaDay:
        with self.database.read() as connection:
            (found,) = store.on_day(connection, Kind.FEEDER, DAY)
        return found

    def at(self, quarter: int) -> datetime:
        return bounds(DAY, self.zone)[0] + timedelta(minutes=15 * quarter)
