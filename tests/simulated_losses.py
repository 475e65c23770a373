"""Areas of SimBench's low-voltage grids with an area meter, technical loss, and customers who under-register.

The set-up whose recall is published beside ours: grids of 60 to 110 customers, each customer's days times a
lognormal noise of 30 % (without it customers of one profile are the same but for a factor), two customers
who register only 1 - alpha of what they use, an area meter with an error of 0.2 % from day to day, technical
loss in proportion to the square of the supply. Source and licence of the curves: `simbench_station`.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.loss.search import Design
from tests import simbench_station as simbench

Floats = NDArray[np.float64]
SLOTS, DAYS = 96, 365


@dataclass(frozen=True)
class Grid:
    """`profile` int (customers,) into `curves`, `peak_kw` (customers,)."""

    name: str
    profile: NDArray[np.int64]
    peak_kw: Floats


@dataclass(frozen=True)
class Case:
    """kWh: `used` what flowed, `registered` what the meters say, each (customers, days, 96); `supply`."""

    used: Floats
    registered: Floats
    supply: Floats
    at_fault: frozenset[int]

    def design(self, parts: int = 1) -> Design:
        customers, days, _ = self.registered.shape
        energies = self.registered.reshape(customers, days * parts, -1).sum(axis=2).T
        supplied = self.supply.reshape(days * parts, -1)
        supply = supplied.sum(axis=1)
        square = (supplied**2).sum(axis=1)
        return Design(
            energies, supply - energies.sum(axis=1), supply, square, np.repeat(np.arange(days), parts)
        )


@cache
def curves() -> NDArray[np.float32]:
    """(profiles, 365, 96) in parts of the peak; by the source's own labels, whole years of 96."""
    names = _names()
    _, found = simbench._profiles(list(names), 0, simbench.SLOTS)
    return np.stack([found[name] for name in names])[:, : DAYS * SLOTS].reshape(len(names), DAYS, SLOTS)


@cache
def grids(number: int = 40, seed: int = 1) -> tuple[Grid, ...]:
    """So many of those with 60 to 110 customers, drawn by the seed."""
    place = {name: at for at, name in enumerate(_names())}
    sizes = Counter(subnet for _, _, subnet in _loads())
    fit = sorted(name for name, size in sizes.items() if 60 <= size <= 110)
    chosen = [fit[at] for at in np.random.default_rng(seed).permutation(len(fit))[:number]]
    return tuple(
        Grid(
            name,
            np.array([place[profile] for profile, _, subnet in _loads() if subnet == name]),
            np.array([1e3 * peak for _, peak, subnet in _loads() if subnet == name]),
        )
        for name in chosen
    )


def case(
    grid: Grid,
    random: np.random.Generator,
    *,
    days: int = 120,
    alpha: float = 0.5,
    at_fault: int = 2,
    noise: float = 0.3,
    error: float = 0.002,
    technical: float = 0.03,
    branches: int = 0,
) -> Case:
    """With `branches` the technical loss is that of so many lines of unlike length, and each quarter-hour of
    the area meter has an error of its own: no longer the model that the search assumes."""
    first = int(random.integers(0, DAYS - days))
    plain = curves()[grid.profile, first : first + days] * (0.25 * grid.peak_kw[:, None, None])
    used = plain * np.exp(noise * random.standard_normal((len(plain), days, 1)) - noise**2 / 2)
    who = random.choice(len(used), at_fault, replace=False)
    registered = used.copy()
    registered[who] *= 1 - alpha
    total = used.sum(axis=0)
    lost = _technical(used, random, branches) if branches else total**2
    lost = lost * (technical * total.sum() / lost.sum())
    supply = (total + lost) * (1 + error * random.standard_normal((days, 1)))
    if branches:
        supply = supply * (1 + error * random.standard_normal(supply.shape))
    return Case(used, registered, supply, frozenset(int(each) for each in who))


def _technical(used: Floats, random: np.random.Generator, branches: int) -> Floats:
    of = random.integers(0, branches, len(used))
    lines = sum(random.uniform(0.3, 1.5) * used[of == each].sum(axis=0) ** 2 for each in range(branches))
    total = used.sum(axis=0)
    return np.asarray(lines + 0.3 * total**2 + 0.002 * total.mean())


@cache
def _loads() -> tuple[tuple[str, float, str], ...]:
    rows = simbench._table("Load", ["profile", "pLoad", "subnet", "voltLvl"]).to_pylist()
    return tuple((row["profile"], row["pLoad"], str(row["subnet"])) for row in rows if row["voltLvl"] == 7)


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted({profile for profile, _, _ in _loads()}))
