"""How often a search of losses names the right customers, and how fast a night's balances are.

Against plain non-negative least squares on day energies, ranked by recovered kWh as well: what was published
(.28 / .55 / .65 at 30 / 60 / 120 days for 50 % under-registration) is of one set of draws, so both run here.
"""

import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from cloud.analysis.loss import baseline
from cloud.analysis.loss.balance import CUSTOMER, SUPPLY, Bounded, Limits, balance, like_day_upper, states
from cloud.analysis.loss.search import Options, search
from cloud.insight.loss.actions import LineLoss
from cloud.insight.loss.policy import loss_policy
from tests import simulated_losses
from tests.bench.archived_station import ZONE, Archived
from tests.simulated_losses import Case

Floats = NDArray[np.float64]
GRIDS, TOP = 40, 3
PARTS = 6
FIRST = date(2026, 3, 1)


def run(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    grids = simulated_losses.grids(GRIDS)
    _sparse(simulated_losses.case(grids[0], np.random.default_rng(0), days=60))  # compiled
    for branches in (0, 5):
        for days, alpha in ((30, 0.5), (60, 0.5), (120, 0.5), (120, 0.8)):
            say(f"{days} days, {alpha:.0%} not registered")
            yield from _recall(grids, days, alpha, branches)
    yield _night()
    for meters in (1000, 5000, 30_000):
        say(f"a night of {meters} meters, from the archive to the database")
        yield _from_archive(meters)


def _recall(
    grids: tuple[simulated_losses.Grid, ...], days: int, alpha: float, branches: int
) -> Iterator[dict[str, Any]]:
    tools = {"nnls": _plain, "ours, days": _sparse, "ours, parts of days": _parts}
    hits, seconds, wanted = dict.fromkeys(tools, 0), dict.fromkeys(tools, 0.0), 0
    random = np.random.default_rng(7)
    for grid in grids:
        case = simulated_losses.case(grid, random, days=days, alpha=alpha, branches=branches)
        wanted += len(case.at_fault)
        for name, tool in tools.items():
            began = perf_counter()
            month = tool(case)
            seconds[name] += perf_counter() - began
            hits[name] += len(case.at_fault.intersection(np.argsort(-month)[:TOP].tolist()))
    for name in tools:
        yield {
            "tool": name,
            "model": "as assumed" if not branches else "other than assumed",
            "days": days,
            "not_registered": alpha,
            "recall_at_3": hits[name] / wanted,
            "ms_per_area": 1000 * seconds[name] / len(grids),
            "load": os.getloadavg()[0],
        }


def _plain(case: Case) -> Floats:
    design = case.design()
    x = np.column_stack([design.energies, np.ones(len(design.loss)), design.supply**2])
    length = np.linalg.norm(x, axis=0)
    b = nnls(x / length, design.loss)[0] / length
    return np.asarray(b[:-2] * design.energies.mean(axis=0))


def _sparse(case: Case, parts: int = 1) -> Floats:
    found = search(case.design(parts), Options(least_days=30))
    assert found is not None
    return found.kwh_month


def _parts(case: Case) -> Floats:
    return _sparse(case, PARTS)


def _night(areas: int = 400, points: int = 75, back: int = 120) -> dict[str, Any]:
    """Bounds, balances, a fit of all baselines and the states of one new day, in arrays."""
    random = np.random.default_rng(1)
    kwh = random.gamma(2.0, 4.0, (areas * points, 28))
    kwh[random.random(kwh.shape) < 0.02] = np.nan
    area = np.repeat(np.arange(areas), points)[:, None]
    role = np.tile(np.array([SUPPLY] + [CUSTOMER] * (points - 1)), areas)
    kwh[role == SUPPLY] = 620.0
    history = random.normal(40.0, 3.0, (areas, back))
    began = perf_counter()
    upper = like_day_upper(kwh)[:, -1:]
    last = kwh[:, -1:]
    known = np.isfinite(last)
    drawn = Bounded(last, np.nan_to_num(last), np.where(known, last, upper))
    nothing = Bounded(*[np.zeros_like(last)] * 3)
    found = balance(area, role, drawn, nothing, areas, Limits())
    square = np.full((areas, back), 600.0**2)
    fitted = baseline.fit(history, square, np.full((areas, back), 600.0), np.isfinite(history), 30)
    states(found, Limits(), fitted.expected(square[:, :1]), fitted.spread[:, None])
    return {"tool": "night in arrays", "points": areas * points, "seconds": perf_counter() - began}


def _from_archive(meters: int, nights: int = 3) -> dict[str, Any]:
    """The balances of a new day, the third of the station's: archive read, bounds looked up, all written."""
    with TemporaryDirectory() as folder:
        station = Archived(Path(folder), meters)
        policy = loss_policy()
        losses = LineLoss(station.database, station.folder, policy, ZONE, station.clock)
        seconds = cpu = 0.0
        for number in range(nights):
            day = FIRST + timedelta(days=number)
            station.day(day)
            began, worked = perf_counter(), process_time()
            losses.day(day)
            seconds, cpu = perf_counter() - began, process_time() - worked
        station.database.close()
    load = os.getloadavg()[0]
    return {"tool": "night", "meters": meters, "seconds": seconds, "cpu_seconds": cpu, "load": load}
