"""The ledger of promises of a whole station: how long a month takes, and how long others wait to write.

Somebody else writes a row of nothing all the time, as gateways and pages do; `waited_s` is the longest wait.
"""

import tempfile
from collections.abc import Callable, Iterator
from os import getloadavg
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any, Self

from sqlalchemy import text

from cloud import app  # it knows every table
from cloud.kit.db import Database
from cloud.tiers.entitlements.actions import Entitling
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.entitlements.gathering import month_of
from cloud.tiers.entitlements.store import promises
from tests.clocks import ManualClock
from tests.cloud.tiers.station import NOW, STATION_MIX, ZONE, made

SIZES = (1000, 30_000)
PAUSE_S = 0.02


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    assert app
    for accounts in SIZES:
        with tempfile.TemporaryDirectory(prefix="wattpost-promises-") as folder:
            say(f"a station of {accounts:,} accounts")
            database = Database(f"sqlite:///{Path(folder) / 'records.db'}")
            try:
                database.migrate()
                made(database, accounts, 1, mix=STATION_MIX)
                yield from judged(database, accounts)
            finally:
                database.close()


def judged(database: Database, accounts: int) -> Iterator[dict[str, Any]]:
    entitling = Entitling(database, promises(None, ZONE), ManualClock(NOW), Outside())
    entitling.apply()
    month = month_of(NOW.astimezone(ZONE).date(), ZONE)
    for again in (False, True):
        began, cpu = perf_counter(), process_time()
        with Other(database) as other:
            found = entitling.ledger.judge(month)
        yield {
            "accounts": accounts,
            "again": again,
            "rows": found.rows,
            "written": found.written,
            "seconds": perf_counter() - began,
            "cpu_seconds": process_time() - cpu,
            "waited_s": max(other.waited, default=0.0),
            "load": getloadavg()[0],
        }


class Other:
    """Somebody who writes as well, again and again, while the block lasts."""

    def __init__(self, database: Database) -> None:
        self.waited: list[float] = []
        self._database, self._done = database, Event()
        self._thread = Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._done.wait(PAUSE_S):
            began = perf_counter()
            with self._database.write() as connection:
                self.waited.append(perf_counter() - began)
                connection.execute(text("SELECT 1"))
