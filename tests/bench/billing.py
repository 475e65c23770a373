"""Pricing: quarter-hours a second into months and bands against numpy, what-ifs of whole years in Decimal."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from os import getloadavg
from statistics import median
from time import perf_counter, process_time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import DayGrid, day_grid
from cloud.insight.pricing import NAMES, MonthEnergies, PlanBands, months, part
from cloud.kit.calendar import station_calendar
from cloud.tariffs.catalogue import read
from cloud.tariffs.documents import Tariff
from cloud.tariffs.price import Pricer
from cloud.tariffs.usage import Usage

CUSTOMERS, STATION, PRICED = 2000, 30_000, 1000
PLANS = (("guangdong-household", "tou"), ("zhejiang-household", "tou"), ("shandong-household", "tou"))
ROUNDS = 5
ZONE = ZoneInfo("Asia/Shanghai")


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    grid = _year()
    wh = np.random.default_rng(7).gamma(2, 60, (CUSTOMERS, len(grid.day))).astype(np.float32)
    catalogue, calendar = read(), station_calendar()
    documents = [(catalogue.documents(name)[0], plan) for name, plan in PLANS]
    bands = [PlanBands(tariff.plan(plan), calendar).slots(grid) for tariff, plan in documents]
    list(months(wh[:2], grid, bands[0]))
    say(f"{CUSTOMERS:,} customers, a year of {len(grid.day):,} quarter-hours, {ROUNDS} rounds")
    ours = median(_seconds(lambda: list(months(wh, grid, bands[0]))) for _ in range(ROUNDS))
    few = wh[: CUSTOMERS // 10]
    theirs = median(_seconds(lambda: _plain(few, grid, bands[0])) for _ in range(ROUNDS))
    if not np.allclose(_plain(few, grid, bands[0]), _stacked(list(months(few, grid, bands[0])))):
        raise SystemExit("billing: kernel and numpy do not agree")
    rate, plain = wh.size / ours, few.size / theirs
    load = getloadavg()[0]
    yield {
        "what": "bands",
        "tool": "numba",
        "intervals_per_second": rate,
        "ratio": rate / plain,
        "load": load,
    }
    yield {"what": "bands", "tool": "numpy", "intervals_per_second": plain, "load": load}
    yield from _what_if(wh, grid, documents, bands)


def _what_if(
    wh: NDArray[np.float32], grid: DayGrid, documents: Any, bands: list[NDArray[np.int8]]
) -> Iterator[dict[str, Any]]:
    """Some customers under each of three tariffs, every line in Decimal; scaled to the whole station."""
    began, cpu = perf_counter(), process_time()
    for (tariff, plan), own in zip(documents, bands, strict=True):
        of_months = list(months(wh[:PRICED], grid, own))
        pricer = Pricer(_always(tariff), plan)
        for customer in range(PRICED):
            pricer.price(Usage(tuple(part(each, customer) for each in of_months)))
    scale = STATION / PRICED
    yield {
        "what": "what-if",
        "customers": STATION,
        "tariffs": len(documents),
        "seconds": (perf_counter() - began) * scale,
        "cpu_seconds": (process_time() - cpu) * scale,
        "scaled_from": PRICED,
        "load": getloadavg()[0],
    }


def _always(tariff: Tariff) -> Callable[[date], Tariff]:
    return lambda _: tariff


def _plain(wh: NDArray[np.float32], grid: DayGrid, bands: NDArray[np.int8]) -> NDArray[np.float64]:
    """The same by masks: (months, customers, 5)."""
    month = np.array([day.month for day in grid.days])[grid.day]
    found = [
        [
            np.nansum(wh[:, (month == each) & (bands == band)], axis=1, dtype=np.float64)
            for band in range(len(NAMES))
        ]
        for each in range(1, 13)
    ]
    return np.array(found).transpose(0, 2, 1) / 1000


def _stacked(found: list[MonthEnergies]) -> NDArray[np.float64]:
    return np.array([each.kwh for each in found])


def _year() -> DayGrid:
    low, high = (round(datetime(year, 1, 1, tzinfo=ZONE).timestamp()) for year in (2026, 2027))
    return day_grid(np.arange(low, high, 900, dtype=np.int64) * 1000, 900, ZONE)


def _seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
