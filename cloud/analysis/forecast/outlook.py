"""Will a transformer be heavy or overloaded tomorrow: from P10, P50, P90 and capacity.

β = P / (cos φ · S). Errors of neighbouring slots go together, so one and the same standard normal deviate z
moves the whole day between its quantiles: for each z the curve is known, and whether it stays above the limit
for the time that counts; the probability is the share of z for which it does.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

Kw = NDArray[np.float32]
Z90 = 1.2815515655446004
STEPS = np.linspace(-3, 3, 61)


class Unknown(StrEnum):
    NO_CAPACITY = "no_capacity"
    NO_FORECAST = "no_forecast"


@dataclass(frozen=True, slots=True)
class Limits:
    heavy: float = 0.8
    over: float = 1.0
    hours: float = 2.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """Probabilities that β stays at or above the limit for `Limits.hours` without a break, expected hours
    above it, and the day's peak β; None, with the reason, where it cannot be said."""

    capacity_kva: float | None
    power_factor: float
    assumed_power_factor: bool
    peak_beta_p50: float | None = None
    peak_beta_p90: float | None = None
    heavy_probability: float | None = None
    over_probability: float | None = None
    heavy_hours: float | None = None
    over_hours: float | None = None
    reason: Unknown | None = None


def outlook(
    p10: Kw, p50: Kw, p90: Kw, capacity_kva: float | None, limits: Limits, *,
    power_factor: float, assumed: bool,
) -> Outlook:  # fmt: skip
    """Of one day, (slots,) kW each; a bound that is not known is taken to be the median."""
    known = (capacity_kva, power_factor, assumed)
    if capacity_kva is None or capacity_kva <= 0:
        return Outlook(*known, reason=Unknown.NO_CAPACITY)
    if np.isnan(p50).all():
        return Outlook(*known, reason=Unknown.NO_FORECAST)
    per_kw = 1 / (capacity_kva * power_factor)
    slot_h = 24 / len(p50)
    run = round(limits.hours / slot_h)
    bounds = (np.where(np.isnan(each), p50, each) for each in (p10, p50, p90))
    curves = _curves(*(np.nan_to_num(each).astype(np.float64) * per_kw for each in bounds))
    weights = _weights()
    told = [(weights @ _lasts(curves, limit, run), weights @ (curves >= limit).sum(axis=1) * slot_h)
            for limit in (limits.heavy, limits.over)]  # fmt: skip
    peaks = (float(np.nanmax(p50) * per_kw), float(np.nanmax(np.where(np.isnan(p90), p50, p90)) * per_kw))
    (heavy, heavy_h), (over, over_h) = ((float(a), float(b)) for a, b in told)
    return Outlook(*known, *peaks, heavy, over, heavy_h, over_h)


def _curves(
    p10: NDArray[np.float64], p50: NDArray[np.float64], p90: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(STEPS, slots): two half-normal sides, one scale below the median and one above."""
    z = STEPS[:, None] / Z90
    found: NDArray[np.float64] = p50 + np.where(z < 0, z * (p50 - p10), z * (p90 - p50))
    return found


def _weights() -> NDArray[np.float64]:
    edges = np.concatenate(([-np.inf], (STEPS[1:] + STEPS[:-1]) / 2, [np.inf]))
    cdf = np.array([(1 + erf(each / sqrt(2))) / 2 for each in edges])
    return np.diff(cdf)


def _lasts(curves: NDArray[np.float64], limit: float, run: int) -> NDArray[np.bool_]:
    """(STEPS,): whether `run` slots in a row are at or above the limit."""
    above = (curves >= limit).astype(np.int64)
    added = np.cumsum(np.pad(above, ((0, 0), (1, 0))), axis=1)
    found: NDArray[np.bool_] = ((added[:, run:] - added[:, :-run]) == run).any(axis=1)
    return found
