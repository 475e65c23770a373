"""A made-up station of any size with a year of stored energies, as advice and what-ifs find it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from cloud.customers.file.contracts import contract_table
from cloud.fleet import topology  # noqa: F401 - its tables
from cloud.insight.energies import store
from cloud.insight.energies.plans import cuts, key_of, plans_of
from cloud.insight.energies.store import BANDS, FLAT, HEAD, Block
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.metering.archive.layout import month_of
from cloud.tariffs import catalogue
from cloud.tariffs.catalogue import Catalogue, Filed
from cloud.tiers import parts  # noqa: F401 - all tables
from tests.clocks import ManualClock
from tests.cloud.tiers.station import NOW, STATION_MIX, ZONE, Made, made

ALTERNATIVES = (("zhejiang-household", "tou"), ("guangdong-household", "tou"), ("shandong-household", "tou"))


@dataclass(frozen=True, slots=True)
class Advised:
    database: Database
    clock: Clock
    zone: ZoneInfo
    tariffs: Catalogue
    made: Made


def tariffs() -> Catalogue:
    """What ships; of agency purchase, the one published month of Hubei held for all the time."""
    shipped = catalogue.read()
    january = shipped.documents("hubei-industry")[0].components[0]
    always = january.model_copy(update={"from_": date(2025, 1, 1), "to": None})
    filed = []
    for name in shipped.ids:
        for each in shipped.documents(name):
            agency = any(plan.ratios for plan in each.plans)
            held = each.model_copy(update={"components": (always,)}) if agency else each
            filed.append(Filed(held, each.id, ""))
    return Catalogue(filed)


def station(folder: Path, accounts: int) -> Advised:
    """14 months to October 2026 and nine days of November; each account has a shape of its own."""
    database = Database(f"sqlite:///{folder / 'records.db'}")
    database.migrate()
    found, of = made(database, accounts, mix=STATION_MIX), tariffs()
    with database.read() as connection:
        used = set(connection.scalars(select(contract_table.c.tariff).distinct()))
    wanted = sorted(used | {name for name, _ in ALTERNATIVES})
    random = np.random.default_rng(4)
    by_area: dict[str, list[int]] = {}
    for number, each in enumerate(found.accounts):
        by_area.setdefault(each.area, []).append(number)
    night = random.beta(3, 5, accounts)
    spans = [(month, month_of(month)[1]) for month in found.months] + [(date(2026, 11, 1), date(2026, 11, 9))]
    for first, last in spans:
        keys = [FLAT]
        for tariff in wanted:
            for plan in plans_of(of, tariff, first, last):
                key = key_of(of, tariff, plan, first, last)
                keys += [key] if key is not None and key not in keys else []
        assert not cuts(of, wanted, first, last)
        blocks = [
            _block(found, area, rows, first, last, tuple(keys), night, random)
            for area, rows in by_area.items()
        ]
        with database.write() as connection:
            store.replace(connection, blocks, NOW)
    return Advised(database, ManualClock(NOW), ZONE, of, found)


def _block(
    found: Made, area: str, rows: list[int], first: date, last: date, keys: tuple[str, ...],
    night: np.ndarray, random: np.random.Generator,
) -> Block:  # fmt: skip
    days = (last - first).days + 1
    base = np.array([found.accounts[row].energy_kwh for row in rows])
    kwh = base * days / 30.4 * random.uniform(0.8, 1.25, len(rows))
    content = np.full((len(rows), len(HEAD) + BANDS * len(keys)), np.nan)
    content[:, 0], content[:, 1] = first.toordinal(), last.toordinal()
    content[:, 2] = content[:, 3] = 96 * days
    content[:, 4] = 0
    content[:, 5] = kwh / (24 * days) * random.uniform(1.4, 4, len(rows))
    content[:, 6], content[:, 7] = 1_770_000_000_000, 1
    content[:, 8], content[:, 9] = kwh * random.uniform(0.2, 0.8, len(rows)), 0
    valley = night[rows]
    shares = np.stack([0.15 * (1 - valley), 0.35 * (1 - valley), 0.5 * (1 - valley), valley, 0 * valley])
    for at, key in enumerate(keys):
        of = np.zeros((BANDS, len(rows)))
        if key == FLAT:
            of[2] = 1
        elif "household" in key:
            of[1], of[3] = 1 - valley, valley
        else:
            of = shares
        content[:, len(HEAD) + BANDS * at : len(HEAD) + BANDS * (at + 1)] = (of * kwh).T
    points = tuple(found.accounts[row].point for row in rows)
    return Block(first, area, keys, points, content, "made", 1)
