"""An area of made-up businesses in the archive, with a forecast of the event's day and a transformer that is
too small for it: what an event needs from its proposal to its settlement.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from cloud.analysis.forecast.night import Issued
from cloud.analysis.forecast.outlook import Limits, outlook
from cloud.customers.file import consents
from cloud.customers.file.consents import Purpose
from cloud.customers.intake.documents import import_customers
from cloud.insight.forecast import rows
from cloud.insight.forecast import store as forecasts
from cloud.insight.indicators import packed
from cloud.kit.calendar import Calendar
from cloud.kit.db import Database
from cloud.metering.archive.manifest import day_table
from cloud.policies.current import fixed
from cloud.tiers.letters import Letter
from cloud.tiers.response.actions import Responses
from cloud.tiers.response.policy import ResponsePolicy, response_policy
from tests.clocks import ManualClock
from tests.cloud.insight.archived_station import ZONE, ArchivedStation, Place

FIRST, DAYS, CUSTOMERS = date(2026, 4, 20), 112, 16
EVENT_DAY = FIRST + timedelta(days=DAYS - 4)
"""Thursday 6 August 2026."""
START = datetime(2026, 8, 6, 10, tzinfo=UTC)
"""18:00 at the station, slot 72."""
END = START + timedelta(hours=2)
BEFORE = START - timedelta(hours=12)
CAPACITY_KVA = 150.0


@dataclass(frozen=True)
class Scene:
    """`folder` is the archive's; `kw` (customers, days, 96) as it would have been drawn."""

    folder: Path
    database: Database
    clock: ManualClock
    responses: Responses
    letters: list[Letter]
    policy: ResponsePolicy
    kw: NDArray[np.float64]
    troubled: set[str]

    def account(self, number: int) -> str:
        return f"7{number:03}"

    def archived(self, day: date) -> None:
        archived(self.database, day, self.clock.now())


def archived(database: Database, day: date, at: datetime) -> None:
    with database.write() as connection:
        connection.execute(insert(day_table).values({"day": day, "revisions": 1, "archived_at": at}))


def made(folder: Path, less: dict[int, float], gap: int) -> None:
    """`less`: by customer the share that it draws less in the event; `gap` is not read during it."""
    kw = _loads()
    drawn = kw.copy()
    row = (EVENT_DAY - FIRST).days
    for number, share in less.items():
        drawn[number, row, 72:80] *= 1 - share
    drawn[gap, row, 72:80] = np.nan
    wh = (drawn * 250).reshape(CUSTOMERS, -1).astype(np.float32)
    station = ArchivedStation(folder, [Place("A1", "F1", wh)], FIRST, DAYS)
    with station.database.write() as connection:
        import_customers(connection, _documents())
        for number in range(CUSTOMERS - 1):
            consents.give(connection, f"C{number}", Purpose.RESPONSE, how="表单", by="op", now=BEFORE)
        forecasts.put(connection, _forecast(kw[:, row - 7]))
    station.close()


def opened(folder: Path) -> Scene:
    """What was made, on the morning of the event."""
    database, clock = Database(f"sqlite:///{folder / 'records.db'}"), ManualClock(BEFORE)
    policy, letters, troubled = response_policy(), list[Letter](), set[str]()
    responses = Responses(
        database, folder / "archive", ZONE, clock, fixed(policy), Calendar(country="CN"),
        lambda _, letter: letters.append(letter), lambda _, __: troubled,
    )  # fmt: skip
    return Scene(folder / "archive", database, clock, responses, letters, policy, _loads(), troubled)


def _loads() -> NDArray[np.float64]:
    """Steady places of 10 to 15 kW with an evening, little noise: errors of a baseline are small here."""
    random = np.random.default_rng(5)
    hour = np.arange(96) / 4
    shape = 0.4 + np.exp(-((hour - 19) ** 2) / 8)
    size = np.linspace(8, 12, CUSTOMERS)[:, None, None]
    day = random.lognormal(0, 0.03, (CUSTOMERS, DAYS, 1))
    return np.asarray(size * shape * day * random.lognormal(0, 0.05, (CUSTOMERS, DAYS, 96)))


def _documents() -> dict[str, list[dict[str, object]]]:
    numbers = range(CUSTOMERS)
    return {
        "customer": [{"id": f"C{n}", "name": f"示例户 {n}", "language": "zh_CN"} for n in numbers],
        "account": [
            {"no": f"7{n:03}", "customer": f"C{n}", "address": f"示例村 {n}", "class": "business"}
            for n in numbers
        ],
        "service": [
            {"account": f"7{n:03}", "meter": f"A1-{n:03}", "start": "2025-01-01T00:00:00+08:00"}
            for n in numbers
        ],
    }


def _forecast(kw: NDArray[np.float64]) -> list[dict[str, object]]:
    """Of the event's day: each point's and the transformer's, a tenth wide to each side."""
    about = {
        "day": EVENT_DAY, "version": rows.VERSION, "made_at": BEFORE,
        "closed": EVENT_DAY - timedelta(days=1),
    }  # fmt: skip
    whole = kw.sum(axis=0)[None]
    low, mid, high = ((whole[0] * each).astype(np.float32) for each in (0.9, 1.0, 1.1))
    told = outlook(low, mid, high, CAPACITY_KVA, Limits(), power_factor=0.95, assumed=True)
    points = packed.of_points([f"A1-{n:03}" for n in range(CUSTOMERS)])
    return [
        about | {"kind": "point", "grouped": "A1", "subjects": points, "body": _body(kw), "outlook": None},
        about | {
            "kind": "transformer", "grouped": "", "subjects": packed.of_points(["A1"]), "body": _body(whole),
            "outlook": json.dumps({"A1": asdict(told)}).encode(),
        },
    ]  # fmt: skip


def _body(kw: NDArray[np.float64]) -> bytes:
    p10, p50, p90 = ((kw * each).astype(np.float32) for each in (0.9, 1.0, 1.1))
    count = len(kw)
    return rows.of_issued(
        Issued(p10, p50, p90, p50, np.ones((count, 2), np.float32), np.zeros(count, np.int8),
               np.zeros(count, np.int8), np.full(count, 5, np.int16), np.zeros(count, np.float32))
    )  # fmt: skip
