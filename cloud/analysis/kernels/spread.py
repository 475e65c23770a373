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
                ordered = np.sort(found[:known])
                out[p, 0, b] = _quantile(ordered, lower)
                out[p, 1, b] = _quantile(ordered, upper)


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
def _quantile(ordered: NDArray[Any], level: float) -> Any:
    """Between neighbours in a straight line, as numpy's default has it."""
    place = level * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    share = np.float32(place - below)
    return ordered[below] * (np.float32(1) - share) + ordered[above] * share
