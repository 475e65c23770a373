"""What-ifs of a whole station: a year of every account under three tariffs, every line in Decimal; growth."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from os import getloadavg
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from cloud.insight.energies import store
from cloud.tariffs.usage import Household, Usage
from cloud.tiers.advice.documents import Variant, documents
from cloud.tiers.advice.energies import Rows, Served, months_of, rows_of
from tests.bench.advised import ALTERNATIVES, Advised, station

SIZES = (1000, 10_000, 30_000)
FIRST = date(2025, 11, 1)


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    for accounts in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            say(f"{accounts:,} accounts are made up")
            found = station(Path(folder), accounts)
            began, cpu = perf_counter(), process_time()
            bills = _priced(found)
            yield {
                "accounts": accounts,
                "tariffs": len(ALTERNATIVES),
                "bills": bills,
                "seconds": perf_counter() - began,
                "cpu_seconds": process_time() - cpu,
                "ms_each": 1000 * (perf_counter() - began) / bills,
                "load": getloadavg()[0],
            }
            found.database.close()


def _priced(found: Advised) -> int:
    """Each account's last twelve whole months, month by month, nothing joined; how many bills."""
    with found.database.read() as connection:
        rows = rows_of(found.tariffs, store.blocks(connection, FIRST, date(2026, 10, 1)))
    bills = 0
    for tariff, plan in ALTERNATIVES:
        pricer = documents(found.tariffs, tariff).pricer(plan, Variant(begins_month=FIRST.month))
        for each in found.made.accounts:
            usage = _usage(rows, tariff, plan, each.point)
            pricer.price(usage)
            bills += 1
    return bills


def _usage(rows: Rows, tariff: str, plan: str, point: str) -> Usage:
    served = [Served(point, date(2024, 1, 1), None)]
    months = months_of(rows, tariff, served, demands=False)
    parts = tuple(part for month in months for part in month.kwh[plan])
    return replace(Usage(parts), household=Household(persons=3))
