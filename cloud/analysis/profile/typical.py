"""Typical days that were: the medoid, the day of the highest load, the day of the usual load factor.

A medoid is the day with the least sum of distances to the others of its kind: always a real day, so its peak
is one that was. A mean curve is never offered: it smooths the peaks away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BASE_RANK = 5
"""Base load is the 5th lowest of a day's 96 values: a single dip does not set it."""
_AT_ONCE = 2**25


@dataclass(frozen=True, slots=True)
class Typical:
    """Indices of days, int64 (customers,), -1 where no valid day is of that kind; NaN likewise.

    `base_kw` and `peak_kw` are of the typical working day, or of the typical day off where there is no other.
    """

    work: NDArray[np.int64]
    off: NDArray[np.int64]
    max_day: NDArray[np.int64]
    mean_day: NDArray[np.int64]
    base_kw: NDArray[np.float32]
    peak_kw: NDArray[np.float32]


def typical(kw: NDArray[np.float32], valid: NDArray[np.bool_], work: NDArray[np.bool_]) -> Typical:
    """Of (customers, days, slots); `valid` (customers, days), `work` (days,): which are working days.

    Missing slots of a valid day must be filled (`shapes.filled`): days are compared slot by slot.
    """
    working, away = valid & work, valid & ~work
    of_work, of_off = medoids(kw, working), medoids(kw, away)
    with np.errstate(invalid="ignore", divide="ignore"):
        peak = np.where(valid, kw.max(axis=2, initial=0), -1)
        factor = np.where(working & (peak > 0), kw.mean(axis=2) / np.where(peak > 0, peak, 1), np.nan)
    max_day = np.where(valid.any(axis=1), peak.argmax(axis=1), -1)
    day = np.where(of_work >= 0, of_work, of_off)
    chosen = kw[np.arange(len(kw)), np.maximum(day, 0)]
    rank = max(1, round(BASE_RANK * kw.shape[2] / 96)) - 1
    base, high = np.partition(chosen, rank, axis=1)[:, rank], chosen.max(axis=1)
    nothing = day < 0
    return Typical(
        of_work,
        of_off,
        max_day,
        _nearest_mean(factor),
        np.where(nothing, np.nan, base).astype(np.float32),
        np.where(nothing, np.nan, high).astype(np.float32),
    )


def medoids(kw: NDArray[np.float32], among: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(customers,) the day of `among` (customers, days) of least distance to all, the first on ties."""
    customers, days, slots = kw.shape
    step = max(1, _AT_ONCE // max(1, days * max(days, slots)))
    parts = [_medoids(kw[at : at + step], among[at : at + step]) for at in range(0, customers, step)]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _medoids(kw: NDArray[np.float32], among: NDArray[np.bool_]) -> NDArray[np.int64]:
    scale = np.where(among, np.abs(kw).max(axis=2, initial=0), 0).max(axis=1, initial=0)
    rows = np.where(among[:, :, None], kw, 0) / np.where(scale > 0, scale, 1)[:, None, None]
    rows = rows.astype(np.float32)
    square = (rows**2).sum(axis=2)
    apart = square[:, :, None] + square[:, None, :] - 2 * (rows @ rows.transpose(0, 2, 1))
    apart = np.sqrt(np.maximum(apart, 0))
    total = np.einsum("cij,cj->ci", apart, among.astype(np.float32))
    total = np.where(among, np.round(total, 4), np.inf)
    return np.where(among.any(axis=1), total.argmin(axis=1), -1)


def _nearest_mean(factor: NDArray[np.float64]) -> NDArray[np.int64]:
    known = ~np.isnan(factor)
    count = known.sum(axis=1)
    mean = np.where(known, factor, 0).sum(axis=1) / np.maximum(count, 1)
    away = np.where(known, np.abs(factor - mean[:, None]), np.inf)
    return np.where(count > 0, away.argmin(axis=1), -1)
