"""A village with behaviour that contradicts a contract: groups to compare with, typical days, three cases."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from cloud.insight.profile.tables import profile_table
from cloud.tiers.mismatch import store
from cloud.tiers.mismatch.rules import State, checks
from cloud.tiers.mismatch.store import Group, Model
from tests.cloud.web.village import NOW, Village

SHOP, HOME, FARM = "6003020", "6003030", "6003010"
"""Accounts: a shop on a household contract, one settled, one that waits for a look."""
MONTH = date(2026, 10, 1)
Day = NDArray[np.float64]


def shop() -> Day:
    hours = np.arange(96) / 4
    return 0.3 + 2.2 * ((hours >= 9) & (hours < 21)) + 0.2 * np.sin(hours)


def middle(usual: Day) -> Day:
    """(3, 96) around a day, over its mean load."""
    over = usual / usual.mean()
    return np.stack([over * 0.7, over, over * 1.35])


def home() -> Day:
    hours = np.arange(96) / 4
    peaks = 0.9 * np.exp(-((hours - 7.5) ** 2) / 2) + 1.4 * np.exp(-((hours - 19.5) ** 2) / 4)
    return np.asarray(0.25 + peaks)


def told(village: Village) -> dict[str, int]:
    """Number of the case by account."""
    database = village.application.database
    with database.write() as connection:
        store.save_groups(connection, MONTH, groups())
        store.save_model(connection, model())
        connection.execute(insert(profile_table), [profile("A03-02"), profile("A03-03")])
        found = {
            account: store.CASES.add(connection, case(account, state, number))
            for number, (account, state) in enumerate(
                ((SHOP, State.OPEN), (HOME, State.NOT_CONFIRMED), (FARM, State.TO_CHECK))
            )
        }
        for number in found.values():
            store.CASES.note(connection, number, NOW, who="search", event="found", state="open")
    return found


def groups() -> list[Group]:
    features = {"off_ratio": (0.95, 1.05, 1.2), "daytime_share": (0.3, 0.36, 0.42)}
    other = {"off_ratio": (0.2, 0.4, 0.7), "daytime_share": (0.55, 0.6, 0.7)}
    return [
        Group("household", 40, features, middle(home()), middle(home())),
        Group("business", 12, other, middle(shop()), middle(shop())),
        Group("farm", 4, other, middle(shop()), middle(shop())),
    ]


def model() -> Model:
    counts = {"household": 40, "business": 12, "farm": 4}
    recall: dict[str, float | None] = {"household": 0.95, "business": 0.75, "farm": 0.5}
    return Model(MONTH, 1, "2026", "station", counts, 0.733, recall, {}, "x", NOW)


def profile(point: str) -> dict[str, Any]:
    kw = shop().astype(np.float32)
    return {
        "point": point,
        "area": "A03",
        "month": MONTH,
        "version": 1,
        "at": NOW,
        "inputs": "",
        "first": date(2026, 8, 1),
        "last": date(2026, 10, 31),
        "valid_days": 92,
        "work_day": date(2026, 10, 20),
        "work_kw": kw.tobytes(),
        "off_day": date(2026, 10, 18),
        "off_kw": (kw * 0.4).tobytes(),
    }


def case(account: str, state: State, number: int) -> dict[str, Any]:
    settled: datetime | None = NOW if state is State.NOT_CONFIRMED else None
    return {
        "account": account,
        "class": "household",
        "seems": "farm" if account == FARM else "business",
        "state": state.value,
        "probability": 0.97 - number / 20,
        "months": 6,
        "in_row": 5 - number,
        "month": MONTH,
        "coverage": 0.998,
        "estimated": 0.004,
        "evidence": [
            {
                "feature": "daytime_share",
                "own": 0.71,
                "class_": [0.3, 0.36, 0.42],
                "seems": [0.55, 0.6, 0.7],
                "far": 2.4,
            },
            {"feature": "off_ratio", "own": 0.41, "class_": [0.95, 1.05, 1.2], "seems": None, "far": 2.2},
            {
                "feature": "evening_rise",
                "own": -0.52,
                "class_": [0.4, 0.8, 1.1],
                "seems": [-1.2, -0.6, 0],
                "far": 1.3,
            },
        ],
        "checks": [each.value for each in checks("business")],
        "difference": Decimal("1234.56") if account == SHOP else None,
        "priced": {
            "now": {"tariff": "zhejiang-household", "plan": "plain", "total": "3000.00"},
            "other": {"tariff": "jiangsu-industry", "plan": "single", "total": "4234.56"},
            "first": "2025-11-01",
            "last": "2026-10-31",
        }
        if account == SHOP
        else {"reason": "no_contract"},
        "source": "station" if account != FARM else "prior",
        "version": 1,
        "policy": "2026",
        "found_at": NOW,
        "changed_at": NOW,
        "settled_at": settled,
        "quiet_until": date(2027, 11, 23) if settled else None,
    }
