"""How steady tiers are on real load curves: months of SimBench's customers, with noise, rated one by one.

Each month's energy, highest load, load factor and valley share get an error of their own (5 % by default);
the year is lived several times over with fresh errors. What is rated are means of the last twelve months.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cloud.tiers.rating import policy
from cloud.tiers.rating.facts import Facts, Payments, empty_table
from cloud.tiers.rating.inputs import AT
from cloud.tiers.rating.judging import Past, effective, judge
from cloud.tiers.rating.machine import NONE
from cloud.tiers.rating.months import back
from cloud.tiers.rating.past import nothing
from tests.simbench_station import Station

Floats = NDArray[np.float64]
START = date(2026, 1, 1)
RETURN_WITHIN = 6


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Shares of accounts and months, from the fourth month on; `first_year` and `later` flips apart."""

    customers: int
    months: int
    rated: int
    flips: float
    first_year: float
    later: float
    oscillation: float


def months_of(station: Station) -> dict[str, Floats]:
    """(customers, 12) of a year of quarter-hours: energy, highest load, valley and peak-hour energy."""
    local = np.array([int(label[-5:-3]) for label in station.labels])
    month = np.array([int(label[3:5]) for label in station.labels]) - 1
    energy = station.energy_wh.astype(np.float64) / 1000
    valley = (local >= 22) | (local < 8)
    count = len(station.customers)
    found = {name: np.empty((count, 12)) for name in ("energy", "highest", "valley", "hours")}
    for number in range(12):
        some = month == number
        found["energy"][:, number] = energy[:, some].sum(axis=1)
        found["valley"][:, number] = energy[:, some & valley].sum(axis=1)
        found["highest"][:, number] = energy[:, some].max(axis=1) * 4
        found["hours"][:, number] = some.sum() / 4
    return found


def lived(station: Station, noise: float = 0.05, years: int = 2, seed: int = 3) -> NDArray[np.int64]:
    """(customers, 12 · years) the tier of each month, `NONE` where there is none."""
    random, year = np.random.default_rng(seed), months_of(station)
    rule = policy.read(None).on(START)
    count, total = len(station.customers), 12 * years
    noisy = {name: np.tile(values, years) for name, values in year.items()}
    for name in ("energy", "highest", "valley"):
        noisy[name] = noisy[name] * (1 + noise * random.standard_normal((count, total)))
    past, found = nothing(count, 3), np.empty((count, total), np.int64)
    for number in range(total):
        month = back(START, -number)
        judged = judge(_facts(station, noisy, number), past, rule, month)
        found[:, number] = judged.value
        since = [
            before if tier == old else effective(month)
            for before, tier, old in zip(past.value_since, judged.value, past.value, strict=True)
        ]
        scores = np.column_stack([past.scores[:, 1:], judged.score])
        past = Past(
            judged.value, since, past.credit, past.credit_since, past.sub, past.sub_since, past.shape,
            past.shape_since, scores,
        )  # fmt: skip
    return found


def steadiness(tiers: NDArray[np.int64]) -> Steadiness:
    """Of tiers by month, all of whom were rated from the first month on."""
    known = tiers[(tiers != NONE).all(axis=1)]
    changed = np.diff(known, axis=1) != 0
    returned = sum(
        bool(changed[row, now - 1]) and known[row, now] in known[row, max(0, now - RETURN_WITHIN) : now]
        for row in range(len(known))
        for now in range(1, known.shape[1])
    )
    return Steadiness(
        len(tiers),
        tiers.shape[1],
        len(known),
        float(changed[:, 3:].mean()),
        float(changed[:, 3:11].mean()),
        float(changed[:, 11:].mean()) if known.shape[1] > 12 else float("nan"),
        returned / changed.size,
    )


def _facts(station: Station, noisy: dict[str, Floats], number: int) -> Facts:
    count = len(station.customers)
    window = slice(max(0, number - 11), number + 1)
    energy, hours = noisy["energy"][:, window], noisy["hours"][:, window]
    table = empty_table(count)
    table[:, AT["annual_kwh"]] = energy.sum(axis=1) / hours.sum(axis=1) * 8760
    table[:, AT["revenue"]] = table[:, AT["annual_kwh"]] * 0.6
    table[:, AT["load_factor"]] = (energy / hours / noisy["highest"][:, window]).mean(axis=1)
    table[:, AT["valley_share"]] = noisy["valley"][:, window].sum(axis=1) / energy.sum(axis=1)
    if number >= 12:
        before = noisy["energy"][:, max(0, number - 23) : number - 11]
        table[:, AT["growth"]] = energy[:, -before.shape[1] :].sum(axis=1) / before.sum(axis=1) - 1
    none = np.zeros(count, np.int64)
    return Facts(
        tuple(each.account for each in station.customers),
        tuple(each.account for each in station.customers),
        tuple(each.kind for each in station.customers),
        ("380V",) * count,
        table,
        np.full(count, 365.0),
        Payments(none, none, none, none, np.zeros(count), np.full(count, np.nan)),
        (None,) * count,
        np.zeros(count, np.bool_),
        np.zeros(count, np.bool_),
    )
