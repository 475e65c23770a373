"""Load rate (负载率) of a transformer, β = S / S_N, and its spells of light, heavy and over load."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Load(StrEnum):
    LIGHT = "light"
    HEAVY = "heavy"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Limits:
    """轻载 below `light`, 重载 from `heavy` on, 过载 above `over`, each for `least_h` without a break.

    State Grid operating practice; to be checked.
    """

    light: float = 0.2
    heavy: float = 0.8
    over: float = 1.0
    least_h: float = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """Slots [first, until) in one state; `extreme` β (lowest of a light run) at slot `at`; `beyond_h` is the
    integral of what lay beyond the limit, in hours of rated load."""

    load: Load
    first: int
    until: int
    extreme: float
    at: int
    beyond_h: float


def apparent_kva(active_kw: Floats, reactive_kvar: Floats | None, factor: float | None = None) -> Floats:
    """S = √(P² + Q²) of each slot; where Q is missing, P over the power factor given; NaN without either."""
    assumed = active_kw / factor if factor else np.full(active_kw.shape, np.nan)
    if reactive_kvar is None:
        return assumed
    return np.where(np.isnan(reactive_kvar), assumed, np.hypot(active_kw, reactive_kvar))


def runs(beta: Floats, interval_s: int, limits: Limits) -> list[Run]:
    """All runs of `beta` (slots,) that last, in order of time; a hole ends a run.

    A heavy run is one at or above `heavy`, and goes on while it is above `over`; what is above it for long
    enough is told as an over run within it.
    """
    least = max(int(np.ceil(limits.least_h * 3600 / interval_s)), 1)
    hour = interval_s / 3600
    with np.errstate(invalid="ignore"):
        states = (
            (Load.LIGHT, beta < limits.light, limits.light),
            (Load.HEAVY, beta >= limits.heavy, limits.heavy),
            (Load.OVER, beta > limits.over, limits.over),
        )
    found = []
    for load, inside, limit in states:
        for first, until in _spans(inside):
            if until - first < least:
                continue
            part = beta[first:until]
            at = int(np.argmin(part) if load is Load.LIGHT else np.argmax(part))
            beyond = float(np.abs(part - limit).sum()) * hour
            found.append(Run(load, first, until, float(part[at]), first + at, beyond))
    return sorted(found, key=lambda run: (run.first, -run.until))


def severity_h(beta: Floats, interval_s: int, heavy: float) -> float:
    """The integral of (β - heavy)+ in hours."""
    return float(np.nansum(np.maximum(beta - heavy, 0))) * interval_s / 3600


def hours(found: list[Run], load: Load, interval_s: int) -> float:
    return sum(run.until - run.first for run in found if run.load is load) * interval_s / 3600


def top(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The places of the highest `count` of (rows,), highest first; what is NaN or 0 is none of them."""
    order = np.argsort(-np.nan_to_num(values), kind="stable")[:count]
    return order[np.nan_to_num(values)[order] > 0]


def _spans(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False])).astype(np.int8)))
    return [(int(first), int(until)) for first, until in edges.reshape(-1, 2)]
