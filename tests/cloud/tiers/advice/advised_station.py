"""A year of curves in an archive, and accounts under contracts: of each kind one that may gain something."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from cloud.customers.file.contracts import contract_table
from cloud.customers.intake.documents import import_customers
from cloud.insight.energies.actions import Energies
from cloud.insight.engine import Threads
from cloud.kit.calendar import station_calendar
from cloud.policies.current import fixed
from cloud.tariffs import catalogue
from cloud.tariffs.catalogue import Catalogue, Filed
from cloud.tiers.advice.actions import Advising
from cloud.tiers.advice.policy import advice_policy
from tests.clocks import ManualClock
from tests.cloud.insight.archived_station import ZONE, ArchivedStation, Place

FIRST, DAYS = date(2025, 11, 1), 374
"""To 9 November 2026."""
NOW = datetime(2026, 11, 10, 4, tzinfo=UTC)
FACTORIES, HOMES = 12, 4
SLOT = np.arange(DAYS * 96) % 96


def tariffs() -> Catalogue:
    """What ships, and Hubei's prices of January 2026 held for all the time."""
    shipped = catalogue.read()
    hubei = shipped.documents("hubei-industry")[0]
    always = hubei.components[0].model_copy(update={"from_": date(2025, 1, 1), "to": None})
    filed = [
        Filed(each, each.id, "")
        for name in shipped.ids
        for each in shipped.documents(name)
        if name != "hubei-industry"
    ]
    return Catalogue([*filed, Filed(hubei.model_copy(update={"components": (always,)}), "hubei", "")])


def curves(random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factories of about 300 kW by day; the fourth in the dear evening. Reactive: the third has much."""
    day = np.where((SLOT >= 32) & (SLOT < 72), 1.0, 0.4)
    evening = np.where((SLOT >= 64) & (SLOT < 88), 1.0, 0.2)
    shape = np.stack([evening if each == 3 else day for each in range(FACTORIES)])
    wh = (75_000 * shape * random.uniform(0.9, 1.1, shape.shape)).astype(np.float32)
    share = np.array([0.75 if each == 2 else 0.3 for each in range(FACTORIES)])[:, None]
    return wh, (wh * share).astype(np.float32)


def homes(random: np.random.Generator) -> NDArray[np.float32]:
    """Night use, day use, a shared meter, a large one."""
    night = np.where((SLOT < 32) | (SLOT >= 88), 1.0, 0.2)
    plain = np.ones(len(SLOT))
    daily_kwh = np.array([9.0, 3.0, 6.0, 16.0])
    shape = np.stack([night, plain, plain, plain])
    shape *= (daily_kwh * 1000 / shape[:, :96].sum(axis=1))[:, None]
    found: NDArray[np.float32] = (shape * random.uniform(0.8, 1.2, shape.shape)).astype(np.float32)
    return found


class AdvisedStation:
    """F000 … F011 are factories in area F, H000 … H003 households in area H."""

    def __init__(self, folder: Path) -> None:
        random = np.random.default_rng(8)
        wh, varh = curves(random)
        self.archived = ArchivedStation(
            folder, [Place("F", "f1", wh, varh=varh), Place("H", "f1", homes(random))], FIRST, DAYS
        )
        self.database, self.folder, self.zone = self.archived.database, self.archived.folder, ZONE
        self.clock, self.tariffs = ManualClock(NOW), tariffs()
        with self.database.write() as connection:
            import_customers(connection, _customers())
            connection.execute(insert(contract_table), [_contract(each) for each in accounts()])
        energies = Energies(self.database, self.folder, ZONE, self.clock, station_calendar(), Threads(2))
        self.advising = Advising(
            self.database, ZONE, self.clock, fixed(self.tariffs), fixed(advice_policy()), energies
        )

    def close(self) -> None:
        self.archived.close()


def accounts() -> list[str]:
    return [f"F-{each:03}" for each in range(FACTORIES)] + [f"H-{each:03}" for each in range(HOMES)]


def _customers() -> dict[str, Any]:
    names = accounts()
    return {
        "customer": [{"id": f"C-{name}", "name": f"示例户 {name}", "language": "zh_CN"} for name in names],
        "account": [
            {
                "no": name,
                "customer": f"C-{name}",
                "address": "示例村",
                "class": "large_industry" if name[0] == "F" else "household",
            }
            for name in names
        ],
        "service": [{"account": name, "meter": name, "start": "2024-01-01T00:00:00+00:00"} for name in names],
    }


def _contract(name: str) -> dict[str, Any]:
    of, number = name[0], int(name[2:])
    row: dict[str, Any] = {
        "account": name, "from_day": date(2024, 1, 1), "capacity_kva": None, "basis": None,
        "contracted_kw": None, "standard": None, "persons": None,
    }  # fmt: skip
    if of == "F":
        row |= {"tariff": "hubei-industry", "plan": "tou", "voltage": "10kV"}
        row |= {"price_source": "agency_purchase", "capacity_kva": Decimal(1000), "basis": "demand"}
        row["standard"] = 90
        own: dict[int, dict[str, Any]] = {
            0: {"basis": "capacity"},
            1: {"basis": "contract", "contracted_kw": Decimal(900)},
        }
    else:
        row |= {"plan": "plain", "voltage": "220V", "price_source": "administered", "persons": 3}
        row |= {"tariff": "guangdong-household" if number == 3 else "zhejiang-household"}
        own = {2: {"plan": "shared"}, 3: {"persons": None}}
    return {**row, **own.get(number, {})}
