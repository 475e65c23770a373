"""A feeder of two areas with area meters, whose days go through the archive or straight into its energies."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.loss.balance import CUSTOMER, SUPPLY, Bounded
from cloud.fleet.registry import import_registry
from cloud.insight.loss import balances, energies, store
from cloud.insight.loss.actions import LineLoss
from cloud.insight.loss.energies import AreaDay, Roster
from cloud.insight.loss.policy import LossPolicy, loss_policy
from cloud.insight.loss.store import AreaLoss
from cloud.kit.days import bounds
from cloud.metering.vee import days as validated
from cloud.metering.vee.point_day import Channel, Method, PointDay
from tests.cloud.metering.archive.village import Village, registry

Floats = NDArray[np.float64]
METERS = {"A01": ("T-1", ("M-1", "M-2")), "A02": ("T-2", ("M-3", "M-4"))}
ONE = timedelta(days=1)
USUAL = 1000.0


class Hamlet(Village):
    """`T-1` and `T-2` are the area meters; customers use 1 kWh a slot, areas lose 4 %."""

    def __init__(self, folder: Path, url: str | None = None, **more: Any) -> None:
        super().__init__(folder, url, **more)
        self.policy: LossPolicy = loss_policy()
        with self.database.write() as connection:
            import_registry(connection, area_meters())
        self.losses = LineLoss(self.database, self.archive.folder, self.policy, self.zone, self.clock)

    def fill(self, day: date, **wh: float | NDArray[np.float64]) -> None:
        """A day as it is validated: `M_1=…` for another energy of a slot, NaN for none at all."""
        for meter, customers in METERS.values():
            own = {each: wh.get(each.replace("-", "_"), USUAL) for each in customers}
            total = USUAL * len(customers) * 1.04
            own[meter] = wh.get(meter.replace("-", "_"), total)
            for point, energy in own.items():
                if isinstance(energy, float) and np.isnan(energy):
                    continue
                self.validate(point, day, energy)
        self.archive_days(day)

    def registers(self, point: str, day: date, wh: float, method: Method) -> None:
        """A day whose slots are estimates between registers that are known on both its midnights."""
        start, end = bounds(day, self.zone)
        slots = int((end - start).total_seconds()) // 900
        made = PointDay(
            point, Channel.IMPORT, day, start, 900, np.full(slots, wh), np.zeros(slots, np.uint32),
            np.full(slots, int(method), np.uint8), 1000, 1000 + round(wh * slots),
        )  # fmt: skip
        with self.database.write() as connection:
            validated.put(connection, [made], by="test", why="test", at=self.clock.now())

    def move(self, meter: str, area: str, since: datetime | None) -> None:
        document = registry({meter: area})
        document["meter"][0]["address"] = f"{int(meter[2:]) - 1:012}"
        with self.database.write() as connection:
            import_registry(connection, document, since=since)

    def area(self, day: date, area: str = "A01") -> AreaLoss:
        with self.database.read() as connection:
            return next(each for each in store.areas(connection, day) if each.key == area)

    def history(
        self, area: str, feeder: str, first: date, kwh: Floats, supply: Floats, square: Floats, **more: Any
    ) -> None:
        """Days as if reckoned each night: `kwh` (customers, days), `supply`, `square` (days,)."""
        roster = roster_of(area, len(kwh), **more)
        found = []
        for at in range(kwh.shape[1]):
            own = np.concatenate([[supply[at]], kwh[:, at]])[:, None]
            nothing = np.zeros_like(own)
            found.append(
                AreaDay(
                    area, feeder, first + at * ONE, roster, Bounded(own, own, own),
                    Bounded(nothing, nothing, nothing), float(square[at]),
                )
            )  # fmt: skip
        with self.database.write() as connection:
            energies.put(connection, found)
            for each in found:
                store.put(connection, balances.of_areas([each], {}, self.policy), self.now)

    @property
    def now(self) -> datetime:
        return self.clock.now()


def roster_of(area: str, customers: int, ratio: Floats | None = None) -> Roster:
    points = (f"{area}-000", *(f"{area}-{number + 1:03}" for number in range(customers)))
    role = np.array([SUPPLY] + [CUSTOMER] * customers, np.int8)
    return Roster(points, role, np.ones(len(points)) if ratio is None else ratio)


def area_meters() -> dict[str, list[dict[str, object]]]:
    return {
        "meter": [
            {
                "id": meter,
                "address": f"{900 + number:012}",
                "model": "dlt645-2007-3p",
                "area": area,
                "gateway": "gw-1",
                "line": "l1",
                "role": "area",
            }
            for number, (area, (meter, _)) in enumerate(METERS.items())
        ]
    }
