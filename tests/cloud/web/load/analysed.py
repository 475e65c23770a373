"""The made-up village after some weeks: validated days in the archive, and every night's analysis.

Invented loads: houses with a breakfast and a dinner, every third a workshop by day. A01's transformer is too
small for it, and one of its customers was not read on the last day; in A02 one customer's meter counts half;
A04's area meter was not read on the last day; A06's counts less than its customers together. A03 and A05
were never validated.
"""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.fleet.history import Book, Note, area_facts
from cloud.fleet.spans import BEGINNING
from cloud.insight.loss import store
from cloud.insight.nightly import Took
from cloud.kit.days import bounds, days
from cloud.metering.archive.writer import Archive
from cloud.metering.vee import days as validated
from cloud.metering.vee.days import Channel, PointDay
from cloud.metering.vee.point_day import Method
from tests.cloud.web import village as villages
from tests.cloud.web.conftest import village_pattern
from tests.cloud.web.sharing import Pattern, shared
from tests.cloud.web.village import HOUSES, NOW, Village, meter_id

SLOTS = 96
LAST = date(2026, 11, 22)
"""The day before the village's today."""
SPAN = 34
READ = {1: SPAN, 2: SPAN, 4: 4, 6: 4}
"""How many days up to LAST each area was validated."""
HALF, LACKING, UNREAD, LESS = (2, 5), (1, 8), 4, 6
CAPACITY = {1: 12.0, 2: 50.0, 4: 50.0}
HOURS = (np.arange(SLOTS) + 0.5) / 4


def used_w(area: int, house: int, day: date, chance: np.random.Generator) -> NDArray[np.float64]:
    """(96,) mean W of each quarter-hour."""
    free = day.weekday() >= 5
    wobble = chance.lognormal(0, 0.22) * chance.lognormal(0, 0.12, SLOTS)
    base = 90 + 25 * house + 6 * area
    if house % 3 == 0:
        work = 2600 * np.exp(-(((HOURS - 13.5) / 4.2) ** 4)) * (0.15 if free else 1.0)
        return np.asarray((base + work) * wobble)
    morning = 800 * np.exp(-((HOURS - (9 if free else 7.5)) ** 2) / 2)
    evening = (1500 + 60 * area) * np.exp(-((HOURS - 19.5) ** 2) / 4)
    return np.asarray((base + morning + evening) * wobble)


def day_of(day: date) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """(point, Wh of each quarter-hour as its meter counted them) of all points; NaN where none came."""
    chance = np.random.default_rng(day.toordinal())
    for area in (area for area, known in READ.items() if day > LAST - timedelta(days=known)):
        real = {house: used_w(area, house, day, chance) / 4 for house in range(1, HOUSES + 1)}
        supply = np.sum(list(real.values()), axis=0)
        supply = supply * (1.012 + 0.02 * supply / supply.max())
        if area == LESS:
            supply *= 0.93
        for house, wh in real.items():
            counted = wh * (0.5 if (area, house) == HALF else 1.0)
            yield meter_id(area, house), counted * (np.nan if _lacks((area, house), LACKING, day) else 1.0)
        yield meter_id(area, 0), supply * (np.nan if area == UNREAD and day == LAST else 1.0)


def _lacks(where: tuple[int, int], lacking: tuple[int, int], day: date) -> bool:
    return where == lacking and day == LAST


def analysed(village: Village, span: int = SPAN) -> list[Took]:
    """Fill the archive with `span` days up to LAST and reckon every night of them."""
    application, clock = village.application, village.clock
    zone = application.settings.station.zone
    first = LAST - timedelta(days=span - 1)
    clock.set(NOW)
    with application.database.write() as connection:
        book = Book(connection, Note("test", "test", NOW))
        for area, kva in CAPACITY.items():
            book.patch(area_facts, f"A{area:02}", BEGINNING, None, {"capacity_kva": kva})
        book.write()
        for day in days(first, LAST):
            validated.put(connection, list(_validated(day, village)), by="test", why="test", at=NOW)
    archive = Archive(
        application.database, application.store, application.settings.archive.folder, zone, clock
    )
    with archive.turn():
        for day in days(first, LAST):
            archive.archive_day(day)
    return application.load_analysis.run()


def analysed_village(paths: pytest.TempPathFactory) -> Pattern:
    """The folder of an analysed village that nobody has open, one for all workers of a run."""

    def make(folder: Path) -> dict[str, str]:
        plain, passwords = village_pattern(paths)
        shutil.copytree(plain, folder, dirs_exist_ok=True)
        made = villages.opened(folder)
        analysed(made)
        made.application.stop()
        return passwords

    return shared(paths, "analysed", make)


def _validated(day: date, village: Village) -> Iterator[PointDay]:
    start, _ = bounds(day, village.application.settings.station.zone)
    for point, wh in day_of(day):
        method = np.where(np.isnan(wh), Method.MISSING, Method.MEASURED).astype(np.uint8)
        flags = np.zeros(SLOTS, np.uint32)
        yield PointDay(point, Channel.IMPORT, day, start, 900, np.rint(wh), flags, method)


def listed(village: Village) -> int:
    """An inspection as the search writes it."""
    row = {
        "kind": "under_registered", "area": "A02", "point": "A02-05", "other": None, "state": "open",
        "expected_kwh": 171.4, "low_kwh": 120.0, "high_kwh": 230.0, "strength": 0.91,
        "evidence": [
            {"code": "explains_loss", "share": 0.48, "kwh_month": 171.4, "low": 120, "high": 230, "days": 62,
             "fitted_kwh": 160.0},
            {"code": "steady", "probability": 0.97, "halves": 0.9},
        ],
        "checks": ["seal_and_wiring", "compare_with_standard"],
        "from_day": LAST - timedelta(days=61), "to_day": LAST, "found_at": NOW, "changed_at": NOW,
    }  # fmt: skip
    with village.application.database.write() as connection:
        return store.INSPECTIONS.add(connection, row)


def used(point: str, days: int) -> float:
    """kWh of the last days, reckoned the slow way."""
    every = (dict(day_of(LAST - timedelta(days=n)))[point] for n in range(days))
    return float(sum(np.rint(wh).sum() for wh in every)) / 1000
