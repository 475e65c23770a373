"""A newcomer's forecast: the shape of its class times its own average use."""

import numpy as np
from numpy.typing import NDArray

Kw = NDArray[np.float32]
LEAST = 5
"""With fewer customers of its class that are forecast, the shape is that of all."""
Shapes = dict[int, Kw]


def levels(kw: Kw) -> Kw:
    """(subjects,) kW: the mean of what was measured at all; NaN with nothing."""
    known = ~np.isnan(kw)
    number = known.sum(axis=(1, 2))
    total = np.where(known, kw, 0).sum(axis=(1, 2), dtype=np.float64)
    found: Kw = np.divide(total, number, out=np.full(len(kw), np.nan), where=number > 0).astype(np.float32)
    return found


def shapes(kw: Kw, scale: Kw, groups: NDArray[np.int64], who: NDArray[np.bool_]) -> Shapes:
    """Of `kw` (subjects, 3, slots), P10, P50 and P90: each group's median in parts of the mean, (3, slots).

    -1 is the group of all.
    """
    told = kw / scale[:, None, None]
    fit = who & ~np.isnan(told).any(axis=(1, 2))
    found = {-1: _median(told[fit])} if fit.any() else {}
    for group in np.unique(groups[fit]):
        own = fit & (groups == group)
        if own.sum() >= LEAST:
            found[int(group)] = _median(told[own])
    return found


def borrowed(shapes: Shapes, groups: NDArray[np.int64], level: Kw) -> tuple[Kw, Kw, Kw]:
    """P10, P50, P90 (subjects, slots) kW; NaN where there is neither a shape nor a level."""
    slots = next(iter(shapes.values())).shape[1] if shapes else 96
    nothing = np.full((3, slots), np.nan, np.float32)
    own = [shapes.get(int(group), shapes.get(-1, nothing)) for group in groups]
    told = np.stack(own) * level[:, None, None]
    return told[:, 0], told[:, 1], told[:, 2]


def _median(told: Kw) -> Kw:
    found: Kw = np.median(told, axis=0).astype(np.float32)
    return found
