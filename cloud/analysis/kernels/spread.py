"""How far forecasts missed: quantiles of past errors in blocks of slots."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.compiled import compiled


@compiled
def error_quantiles(
    errors: NDArray[Any],
    chosen: NDArray[Any],
    block: int,
    low: float,
    high: float,
    out: NDArray[Any],
    days: NDArray[Any],
) -> None:
    """Fill out (points, 2, slots / block) with the errors' quantiles in each block of slots.

    `errors` float32 (points, days, slots): truth − forecast, NaN where unknown; `chosen` bool (days,). The
    levels are widened for n days as split-conformal prediction has it: `high` (1 + 1/n), `low` likewise from
    below (Vovk et al. 2005). `days` (points,): how many days had any error. NaN without one.
    """
    points, number, slots = errors.shape
    found = np.empty(number * block, np.float32)
    for p in range(points):
        seen = _days(errors[p], chosen)
        days[p] = seen
        wider = 1.0 + 1.0 / max(seen, 1)
        upper, lower = min(1.0, high * wider), max(0.0, 1.0 - (1.0 - low) * wider)
        for b in range(slots // block):
            known = _gather(errors[p], chosen, b * block, (b + 1) * block, found)
            if known == 0:
                out[p, 0, b] = np.nan
                out[p, 1, b] = np.nan
            else:
                out[p, 0, b] = _quantile(found, known, lower)
                out[p, 1, b] = _quantile(found, known, upper)


@compiled
def _days(errors: NDArray[Any], chosen: NDArray[Any]) -> int:
    seen = 0
    for d in range(len(chosen)):
        if chosen[d] and not np.all(np.isnan(errors[d])):
            seen += 1
    return seen


@compiled
def _gather(errors: NDArray[Any], chosen: NDArray[Any], first: int, until: int, found: NDArray[Any]) -> int:
    known = 0
    for d in range(len(chosen)):
        if chosen[d]:
            for s in range(first, until):
                if errors[d, s] == errors[d, s]:
                    found[known] = errors[d, s]
                    known += 1
    return known


@compiled
def _quantile(found: NDArray[Any], known: int, level: float) -> Any:
    """Between neighbours in a straight line, as numpy's default has it; reorders the first `known`."""
    place = level * (known - 1)
    below = int(place)
    _select(found, known, below)
    share = np.float32(place - below)
    if below + 1 >= known or share == 0:
        return found[below]
    above = found[below + 1]
    for n in range(below + 2, known):
        above = min(above, found[n])
    return found[below] * (np.float32(1) - share) + above * share


@compiled
def _select(found: NDArray[Any], known: int, wanted: int) -> None:
    """Put the value of that rank in its place, none greater before, none smaller behind (Hoare 1961)."""
    low, high = 0, known - 1
    while low < high:
        pivot = found[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while found[i] < pivot:
                i += 1
            while pivot < found[j]:
                j -= 1
            if i <= j:
                found[i], found[j] = found[j], found[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            return
