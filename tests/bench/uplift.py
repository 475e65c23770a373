"""What a campaign's measurement finds on SimBench's customers: planted effects of several sizes, and none.

Each row is one size: so many campaigns drawn anew, each with its own hold-out and takers. `held` is how often
the interval holds the truth, `shown` how often an effect is shown. Then how fast a segment is found.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cloud.app  # it knows every slice, and so every table
from cloud.kit.db import Database
from cloud.tiers.campaigns import segments, uplift
from cloud.tiers.campaigns.conditions import Conditions
from cloud.tiers.campaigns.rules import held_out
from tests import simbench_station
from tests.cloud.tiers import station

CUSTOMERS, DAYS, DRAWS, TAKE_UP = 400, 28, 400, 0.5
SIZES = (0.0, 0.05, 0.1, 0.2)
ACCOUNTS = 30_000
ASKED: dict[str, dict[str, Any]] = {
    "indicators": {"class": ["household"], "consent": ["offers"],
                   "ranges": [{"indicator": "valley_share", "most": 0.3}]},
    "axes": {"class": ["household"], "value": ["A", "unrated"], "credit": ["good"], "shape": ["evening"]},
}  # fmt: skip


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    assert cloud.app
    night, day = _kwh()
    for metric in ("did", "raw"):  # raw: the same without the days before, as a plain comparison would
        for size in SIZES:
            say(f"{DRAWS} campaigns, {size:.0%} of the day's use moved into the night, {metric}")
            yield {"metric": metric, "moved": size} | _campaigns(night, day, size, metric)
    yield from _segments(say)


def _kwh() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(customers, days) kWh by night and by day, each day with some chance of its own."""
    found = simbench_station.station(CUSTOMERS, 4, date(2016, 9, 5), DAYS).energy_wh
    wh = np.maximum(found.reshape(CUSTOMERS, DAYS, 96), 5)
    own = np.exp(0.15 * np.random.default_rng(7).standard_normal((CUSTOMERS, DAYS, 1)))
    kwh = wh * own / 1000
    return kwh[:, :, :28].sum(axis=2), kwh[:, :, 28:].sum(axis=2)


def _campaigns(
    night: NDArray[np.float64], day: NDArray[np.float64], size: float, metric: str
) -> dict[str, Any]:
    half = DAYS // 2
    before, plain = night[:, :half].mean(axis=1), night[:, half:].mean(axis=1)
    gain = size * day[:, half:].mean(axis=1)
    names = [f"C{number}" for number in range(CUSTOMERS)]
    truth, values, held, shown = float(gain.mean() * TAKE_UP), [], 0, 0
    began = perf_counter()
    for seed in range(DRAWS):
        offered = np.array([not held_out(f"draw {seed}", name, 100) for name in names])
        took = offered & (np.random.default_rng(seed).random(CUSTOMERS) < TAKE_UP)
        base = before if metric == "did" else np.zeros_like(before)
        sides = uplift.Sides(base, plain + gain * took, offered, took)
        found = uplift.effect(sides, confidence=0.95, min_per_arm=15, resamples=999).all_offered
        assert found is not None
        values.append(found.value)
        held += found.low <= truth <= found.high
        shown += not found.low <= 0 <= found.high
    return {
        "draws": DRAWS,
        "truth_kwh": truth,
        "mean_kwh": float(np.mean(values)),
        "error_kwh": float(np.std(values)),
        "held": held / DRAWS,
        "shown": shown / DRAWS,
        "ms_each": 1000 * (perf_counter() - began) / DRAWS,
    }


def _segments(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    say(f"segments of {ACCOUNTS:,} accounts")
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'records.db'}")
        database.migrate()
        station.made(database, ACCOUNTS, months=1, mix=station.STATION_MIX)
        for name, asked in ASKED.items():
            with database.read() as connection:
                began = perf_counter()
                found = segments.select_accounts(
                    connection, Conditions.model_validate(asked), station.NOW, station.ZONE
                )
                seconds = perf_counter() - began
            yield {
                "segment": name,
                "accounts": ACCOUNTS,
                "members": len(found.members),
                "seconds": seconds,
                "load": os.getloadavg()[0],
            }
        database.close()
