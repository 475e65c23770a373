"""Class evidence: how well behaviour tells SimBench's classes apart, whole profiles held out, and how long
a station of 30,000 accounts takes, from stored features to cases. Features are drawn around SimBench's.
"""

import gc
from collections.abc import Callable, Iterator
from datetime import date
from os import getloadavg
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.classes.features import FEATURES, NAMES
from cloud.analysis.classes.model import out_of_fold, together
from cloud.tiers.mismatch import rules, scoring
from cloud.tiers.mismatch.gather import AreaMonth
from cloud.tiers.mismatch.policy import mismatch_policy
from cloud.tiers.mismatch.scoring import Account
from tests import simbench_classes

ACCOUNTS, PER_AREA, MONTHS = 30_000, 100, 6
SIZES = (3_000, ACCOUNTS)
MIX = (0.88, 0.09, 0.03)
"""Households, businesses, farms: as in a town."""
CLASSES = ("household", "business", "farm")


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    say("SimBench, profiles held out")
    yield from _how_well()
    for accounts in SIZES:
        say(f"{accounts:,} accounts")
        yield _how_long(accounts)


def _how_well() -> Iterator[dict[str, Any]]:
    """A month alone, the months so far, all twelve; seeds say how far the numbers move by chance."""
    of = simbench_classes.experiment()
    accounts, label = of.months.account, of.months.label
    for seed in (1, 2, 3):
        began = perf_counter()
        found = out_of_fold(of.months, len(of.names), seed)
        seconds = perf_counter() - began
        so_far = np.empty(len(of.month), np.int64)
        for month in range(1, 13):
            until, now = of.month <= month, of.month == month
            said = together(found[until], accounts[until], len(of.names)).argmax(axis=1)
            so_far[now] = said[accounts[now]]
        whole = together(found, accounts, len(of.names)).argmax(axis=1)
        yield {
            "what": "SimBench",
            "seed": seed,
            "month": _balanced(found.argmax(axis=1), label[accounts]),
            "months_so_far": _balanced(so_far, label[accounts]),
            "customer": _balanced(whole, label),
            "recall": " ".join(
                f"{name} {(whole[label == n] == n).mean():.2f}" for n, name in enumerate("HGL")
            ),
            "wrong": " ".join(of.names[at] for at in np.flatnonzero(whole != label)),
            "seconds": seconds,
        }


def _how_long(accounts: int) -> dict[str, Any]:
    policy = mismatch_policy()
    drawn, months, served = _station(accounts)
    began = perf_counter()
    _warm()
    loaded = perf_counter() - began
    gc.collect()
    began, cpu = perf_counter(), process_time()
    rows = scoring.rows_of(months, drawn, served, policy)
    scored = scoring.score(rows, policy)
    usual = scoring.usual(scored, policy.limits.names)
    places = rules.listed(scored.judged, policy.limits.case, np.zeros(accounts, np.bool_))
    seconds = perf_counter() - began
    assert usual
    return {
        "what": "scoring",
        "accounts": accounts,
        "months": MONTHS,
        "seconds": seconds,
        "cpu_seconds": process_time() - cpu,
        "import_seconds": loaded,
        "listed": len(places),
        "balanced": scored.balanced,
        "load": getloadavg()[0],
    }


def _warm() -> None:
    """scikit-learn is loaded once in the life of a service."""
    import sklearn.ensemble
    import sklearn.linear_model

    assert sklearn.ensemble
    assert sklearn.linear_model


def _station(
    accounts: int,
) -> tuple[list[Account], list[AreaMonth], dict[date, dict[str, str]]]:
    """Each account's months are those of a SimBench profile of its class, with noise of its own."""
    of, random = simbench_classes.experiment(), np.random.default_rng(1)
    class_ = random.choice(3, accounts, p=MIX)
    own = [np.flatnonzero(of.months.label == each) for each in range(3)]
    profile = np.array([random.choice(own[each]) for each in class_])
    spread = np.nanstd(of.months.values, axis=0) * 0.3
    lasting = random.normal(0, 1, (accounts, len(FEATURES))) * spread
    names = [f"{each:06}" for each in range(accounts)]
    drawn = [Account(no, f"C-{no}", CLASSES[class_[at]]) for at, no in enumerate(names)]
    months, served = [], {}
    for number in range(MONTHS):
        month = date(2026, 1 + number, 1)
        chosen = of.months.values[number * len(of.names) + profile]
        noise = random.normal(0, 0.3, chosen.shape) * spread
        values = np.column_stack((chosen + lasting + noise, _read(accounts))).astype(np.float32)
        months += [
            AreaMonth(month, f"{low}", tuple(names[low : low + PER_AREA]), values[low : low + PER_AREA], "")
            for low in range(0, accounts, PER_AREA)
        ]
        served[month] = {no: no for no in names}
    assert len(NAMES) == of.months.values.shape[1]
    return drawn, months, served


def _read(accounts: int) -> NDArray[np.float64]:
    """kWh, coverage, estimated share: all read."""
    return np.tile([200.0, 1.0, 0.0], (accounts, 1))


def _balanced(said: NDArray[np.int64], label: NDArray[np.int64]) -> float:
    return float(np.mean([(said[label == each] == each).mean() for each in np.unique(label)]))
