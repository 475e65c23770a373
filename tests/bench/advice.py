"""Advice for a whole station: facts gathered, rules judged, savings priced, all kept; and how it grows."""

import tempfile
from collections.abc import Callable, Iterator
from os import getloadavg
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from cloud.insight.energies.actions import Energies
from cloud.insight.engine import Threads
from cloud.kit.calendar import station_calendar
from cloud.policies.current import fixed
from cloud.tiers.advice import store
from cloud.tiers.advice.actions import Advising
from cloud.tiers.advice.equipment.policy import equipment_policy
from cloud.tiers.advice.policy import advice_policy
from cloud.tiers.advice.products import read as products
from cloud.tiers.advice.recommending import Recommending
from cloud.tiers.overload import overload_policy
from tests.bench.advised import Advised, station

SIZES = (1000, 10_000, 30_000)


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    for accounts in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            say(f"{accounts:,} accounts are made up")
            found = station(Path(folder), accounts)
            yield from _advised(found, accounts)
            found.database.close()


def _advised(found: Advised, accounts: int) -> Iterator[dict[str, Any]]:
    for what, advising in (("tariffs", _advising(found, equipment=False)), ("all", _advising(found))):
        for nightly in (False, True) if what == "tariffs" else (False,):
            began, cpu = perf_counter(), process_time()
            ran = advising.run(nightly=nightly)
            took = perf_counter() - began
            with found.database.read() as connection:
                kinds = len({each.kind for each in store.standing(connection).values()})
            yield {
                "rules": "steps" if nightly else what,
                "accounts": accounts,
                "seconds": took,
                "cpu_seconds": process_time() - cpu,
                "ms_each": 1000 * took / accounts,
                "advice": ran.kept.new + ran.kept.same + ran.kept.renewed,
                "refused": ran.kept.refused,
                "kinds": kinds,
                "load": getloadavg()[0],
            }


def _advising(found: Advised, *, equipment: bool = True) -> Advising:
    calendar = station_calendar()
    recommending = Recommending(
        found.database,
        found.zone,
        found.clock,
        calendar,
        fixed(products(None)),
        fixed(equipment_policy(None)),
        fixed(overload_policy(None)),
    )
    energies = Energies(found.database, Path(), found.zone, found.clock, calendar, Threads(1))
    return Advising(
        found.database,
        found.zone,
        found.clock,
        fixed(found.tariffs),
        fixed(advice_policy()),
        energies,
        [recommending.rules] if equipment else [],
    )
