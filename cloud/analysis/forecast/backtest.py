"""Scores a day's forecast against what came, as sums that days add up to (figures.SUMS).

Truth is what was measured: estimated and missing slots are NaN in it and never count. A forecast is scored as
it was made, before its day: origin by origin, nothing of the future in it.
"""

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast.figures import SUMS

Kw = NDArray[np.float32]
LEVELS = (0.1, 0.5, 0.9)
DAY_MIN = 1440
WHOLE_SHARE = 0.9
"""With fewer slots known, the day's peak is not."""


def sums(truth: Kw, p10: Kw, p50: Kw, p90: Kw, week_before: Kw) -> NDArray[np.float32]:
    """(points, SUMS) of one day; all arguments (points, slots) kW."""
    known = ~np.isnan(truth) & ~np.isnan(p50)
    error = np.where(known, p50 - truth, 0)
    naive = np.where(known & ~np.isnan(week_before), np.abs(week_before - truth), 0)
    pinball = [_pinball(truth, each, known, q) for q, each in zip(LEVELS, (p10, p50, p90), strict=True)]
    inside = known & (truth >= p10) & (truth <= p90)
    peak = _peaks(truth, p50, known)
    columns = {
        "days": known.any(axis=1),
        "slots": known.sum(axis=1),
        "abs_error": np.abs(error).sum(axis=1),
        "abs_truth": np.where(known, np.abs(truth), 0).sum(axis=1),
        "error": error.sum(axis=1),
        "naive_error": naive.sum(axis=1),
        "naive_slots": (known & ~np.isnan(week_before)).sum(axis=1),
        "pinball": sum(pinball[1:], pinball[0]) / len(LEVELS),
        "covered": inside.sum(axis=1),
    } | peak
    return np.stack([columns[name] for name in SUMS], axis=1).astype(np.float32)


def errors(truth: Kw, contenders: Kw) -> NDArray[np.float32]:
    """(points, methods) Σ|e| of a day on the slots that every method with any forecast has; else NaN."""
    silent: NDArray[np.bool_] = np.all(np.isnan(contenders), axis=2)
    known = ~np.isnan(truth) & (~np.isnan(contenders) | silent[:, :, None]).all(axis=0)
    missed = np.where(known, np.abs(contenders - truth), 0).sum(axis=2)
    found: NDArray[np.float32] = np.where(silent, np.nan, missed).T.astype(np.float32)
    return found


def _pinball(truth: Kw, forecast: Kw, known: NDArray[np.bool_], level: float) -> NDArray[np.float32]:
    missed = np.where(known & ~np.isnan(forecast), truth - forecast, 0)
    total: NDArray[np.float32] = np.maximum(level * missed, (level - 1) * missed).sum(axis=1)
    return total


def _peaks(truth: Kw, p50: Kw, known: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    slots = truth.shape[1]
    whole = known.mean(axis=1) >= WHOLE_SHARE
    came, said = (np.where(known, each, -np.inf) for each in (truth, p50))
    missed = np.abs(np.where(whole, said.max(axis=1), 0) - np.where(whole, came.max(axis=1), 0))
    shift = np.abs(said.argmax(axis=1) - came.argmax(axis=1)) * (DAY_MIN / slots)
    return {
        "peak_error": missed.astype(np.float64),
        "peak_truth": np.where(whole, came.max(axis=1), 0).astype(np.float64),
        "peak_shift_min": np.where(whole, shift, 0),
        "peak_days": whole.astype(np.float64),
    }
