"""Some weeks of curves, accounts under contracts, and the reports made of them: see `Station`."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from cloud.customers.file.contracts import contract_table
from cloud.customers.intake.documents import import_customers
from cloud.desk.report.actions import Reports
from cloud.insight.bands import station_bands
from cloud.insight.energies.actions import Energies
from cloud.insight.energies.plans import Wanted
from cloud.insight.engine import Threads
from cloud.insight.indicators.actions import Indicators
from cloud.kit.calendar import station_calendar
from cloud.policies.current import fixed
from cloud.tiers.advice.energies import services, wanted
from cloud.tiers.entitlements.store import promises
from cloud.tiers.letters import Letter
from tests.clocks import ManualClock
from tests.cloud.insight.archived_station import ZONE, ArchivedStation, Place
from tests.cloud.tiers.advice.advised_station import tariffs

FIRST, DAYS = date(2026, 9, 1), 63
"""To 2 November 2026."""
OCTOBER = date(2026, 10, 1)
NOW = datetime(2026, 11, 8, 2, tzinfo=UTC)
MOVED = datetime(2026, 10, 14, 16, tzinfo=UTC)
"""Midnight of the 15th: F-002 leaves its point, and F-NEW moves in."""


class Station:
    """F-000, F-001, F-002 factories, F-NEW at F-002's point from 15 October; H-000 a household.

    October is a tenth above September; F-001 has four days of holes in October. `letters` are told.
    """

    def __init__(self, folder: Path) -> None:
        slots = np.arange(DAYS * 96)
        shape = np.where((slots % 96 >= 32) & (slots % 96 < 72), 1.0, 0.4)
        grown = np.where(slots >= 30 * 96, 1.1, 1.0)
        wh = np.tile(75_000 * shape * grown, (3, 1)).astype(np.float32)
        wh[1, 34 * 96 : 38 * 96] = np.nan
        wh[0, 50 * 96 + 40] = 90_000
        home = np.full((1, len(slots)), 100.0, np.float32)
        places = [Place("F", "f1", wh, varh=(wh * 0.75).astype(np.float32)), Place("H", "f1", home)]
        self.archived = ArchivedStation(folder, places, FIRST, DAYS)
        self.database, self.clock = self.archived.database, ManualClock(NOW)
        with self.database.write() as connection:
            import_customers(connection, _customers())
            connection.execute(insert(contract_table), [_contract(each) for each in ACCOUNTS])
        self.bring()
        self.letters: list[Letter] = []
        self.reports = Reports(
            self.database,
            ZONE,
            self.clock,
            fixed(tariffs()),
            promises(None, ZONE),
            station_calendar(),
            lambda _, letter: self.letters.append(letter),
        )

    def bring(self) -> None:
        archive, calendar = self.archived.folder, station_calendar()
        with self.database.read() as connection:
            asked: Wanted = wanted(
                services(connection, ZONE),
                frozenset({"hubei-industry", "zhejiang-household"}),
                FIRST,
            )
        Energies(self.database, archive, ZONE, self.clock, calendar, Threads(1)).bring(tariffs(), asked, 3)
        Indicators(
            self.database, archive, ZONE, self.clock, station_bands(), calendar, Threads(1)
        ).backfill(FIRST, date(2026, 11, 2))  # fmt: skip

    def close(self) -> None:
        self.archived.close()


ACCOUNTS = ("F-000", "F-001", "F-002", "F-NEW", "H-000")


def _customers() -> dict[str, Any]:
    service = [
        {"account": name, "meter": name, "start": "2024-01-01T00:00:00+00:00"}
        for name in ("F-000", "F-001", "H-000")
    ]
    service.append(
        {
            "account": "F-002",
            "meter": "F-002",
            "start": "2024-01-01T00:00:00+00:00",
            "end": MOVED.isoformat(),
        }
    )
    service.append({"account": "F-NEW", "meter": "F-002", "start": MOVED.isoformat()})
    return {
        "customer": [{"id": f"C-{name}", "name": f"示例户 {name}", "language": "zh_CN"} for name in ACCOUNTS],
        "account": [
            {
                "no": name,
                "customer": f"C-{name}",
                "address": "示例村",
                "class": "household" if name[0] == "H" else "large_industry",
            }
            for name in ACCOUNTS
        ],
        "service": service,
    }


def _contract(name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"account": name, "from_day": date(2024, 1, 1)}
    if name[0] == "H":
        return row | {
            "tariff": "zhejiang-household",
            "plan": "plain",
            "voltage": "220V",
            "capacity_kva": None,
            "basis": None,
            "standard": None,
            "price_source": "administered",
            "persons": 3,
        }
    return row | {
        "tariff": "hubei-industry",
        "plan": "tou",
        "voltage": "10kV",
        "capacity_kva": Decimal(1000),
        "basis": "demand",
        "standard": 90,
        "price_source": "agency_purchase",
        "persons": None,
    }
