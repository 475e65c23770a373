"""Customers whose use fell for good while that of their neighbours did not, and what the loss did then.

Test of Pettitt (Applied Statistics 28:126-135, 1979) for one change point, for all customers at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Falls:
    """Each (customers,). `at` int: the first day after the change, -1 where there is none to speak of.

    `fall` and `peers_fall` are parts of the use before, `kwh_day` what is used less since, `p` Pettitt's;
    `loss_rise` kWh a day by which the area's loss is higher since, `rise_error` its standard error; NaN where
    it is not known.
    """

    at: NDArray[np.int64]
    p: Floats
    fall: Floats
    peers_fall: Floats
    kwh_day: Floats
    loss_rise: Floats
    rise_error: Floats


def falls(
    energies: Floats,
    loss: Floats,
    *,
    least_days: int = 30,
    fall: float = 0.35,
    peers_fall: float = 0.15,
    significance: float = 0.01,
) -> Falls:
    """`energies` kWh (customers, days), NaN where not measured; `loss` kWh (days,), NaN where unknown.

    A season falls on all: each customer is compared with the median of the others of the area.
    """
    customers, days = energies.shape
    index = _index(energies)
    relative = energies / index
    known = np.isfinite(relative)
    usable = (known.sum(axis=1) >= 2 * least_days) & (np.nansum(energies, axis=1) > 0)
    at, p = _pettitt(np.where(known, relative, np.nan), least_days)
    before = np.arange(days)[None, :] < at[:, None]
    first, second = _mean(relative, before), _mean(relative, ~before)
    level, later = _mean(energies, before), _mean(energies, ~before)
    with np.errstate(divide="ignore", invalid="ignore"):
        fell = 1 - second / first
        peers = 1 - _mean(np.tile(index, (customers, 1)), ~before) / _mean(
            np.tile(index, (customers, 1)), before
        )
    rise, error = _rise(np.tile(loss, (customers, 1)), before)
    told = usable & (p < significance) & (fell >= fall) & (peers < peers_fall)
    return Falls(np.where(told, at, -1), p, fell, peers, np.where(told, level - later, 0.0), rise, error)


def _rise(loss: Floats, before: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """By how much the mean is higher after than before, and its standard error."""
    first, second = _mean(loss, before), _mean(loss, ~before)
    off = np.where(before, loss - first[:, None], loss - second[:, None]) ** 2
    known = np.isfinite(loss)
    error = sum(_mean(off, part) / np.maximum((part & known).sum(axis=1), 1) for part in (before, ~before))
    return second - first, np.sqrt(error)


def _index(energies: Floats) -> Floats:
    """(days,): how the area's customers used that day, their own mean being 1; the median of them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = _mean(energies, np.ones(energies.shape, np.bool_))
        parts = energies / np.where(mean > 0, mean, np.nan)[:, None]
    out = np.full(energies.shape[1], np.nan)
    some = np.isfinite(parts).any(axis=0)
    out[some] = np.nanmedian(parts[:, some], axis=0)
    found: Floats = np.where(out > 0, out, np.nan)
    return found


def _pettitt(values: Floats, least_days: int) -> tuple[NDArray[np.int64], Floats]:
    """(first day after the change, p) of each row; holes are left out of the ranks."""
    known = np.isfinite(values)
    count = known.sum(axis=1).astype(np.float64)
    order = np.argsort(np.where(known, values, np.inf), axis=1, kind="stable")
    rank = np.empty(values.shape)
    np.put_along_axis(
        rank, order, np.arange(1.0, values.shape[1] + 1)[None, :].repeat(len(values), 0), axis=1
    )
    centred = np.where(known, 2 * rank - (count + 1)[:, None], 0.0)
    climb = np.cumsum(centred, axis=1)
    so_far = np.cumsum(known, axis=1)
    inside = (so_far >= least_days) & (count[:, None] - so_far >= least_days)
    height = np.where(inside, climb, -np.inf)
    last = np.argmax(height, axis=1)
    most = np.maximum(np.take_along_axis(height, last[:, None], axis=1)[:, 0], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.exp(-6 * most**2 / (count**3 + count**2))
    return (last + 1).astype(np.int64), np.where(count > 0, np.minimum(p, 1.0), 1.0)


def _mean(values: Floats, which: NDArray[np.bool_]) -> Floats:
    """Of each row over the chosen days that are known; NaN of none."""
    used = which & np.isfinite(values)
    count = used.sum(axis=1)
    total = np.where(used, values, 0.0).sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return mean
