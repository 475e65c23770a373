"""P10 and P90 around P50: what similar days missed by in the past, asymmetric, as wide as hits have shown.

Split-conformal prediction by (hour, day type) on past errors (Vovk et al. 2005, Lei et al. 2018) supposes
that days may be exchanged, which load does not quite keep; so each night's hits widen or narrow each side
(adaptive conformal inference, Gibbs & Candès 2021).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast.similar import HOLIDAY, OFF
from cloud.analysis.kernels.spread import error_quantiles

Kw = NDArray[np.float32]
BLOCK = 4
LEAST_DAYS = 4
"""With fewer days of that type, errors of all days serve."""
STEP = 0.4
WIDTHS = (0.25, 4.0)


@dataclass(frozen=True, slots=True)
class Levels:
    low: float = 0.1
    high: float = 0.9


def offsets(errors: Kw, kinds: NDArray[np.int8], kind: int, levels: Levels) -> Kw:
    """(points, 2, slots) kW to add to P50 for P10 and P90 of a day of `kind`; NaN without past errors.

    `errors` float32 (points, days, slots): truth − forecast, `kinds` int8 (days,).
    """
    points, _, slots = errors.shape
    like = np.isin(kinds, (OFF, HOLIDAY)) if kind in (OFF, HOLIDAY) else kinds == kind
    own, days = _quantiles(errors, like, levels)
    few = days < LEAST_DAYS
    if few.any():
        own[few] = _quantiles(errors[few], np.ones(len(kinds), np.bool_), levels)[0]
    return _between(own, slots).reshape(points, 2, slots)


def around(p50: Kw, offset: Kw, width: Kw) -> tuple[Kw, Kw]:
    """P10 and P90 (points, slots); `width` float32 (points, 2) stretches each side. Never below 0."""
    low = np.minimum(offset[:, 0] * width[:, :1], 0)
    high = np.maximum(offset[:, 1] * width[:, 1:], 0)
    return np.maximum(p50 + low, 0), np.maximum(p50 + high, 0)


def stretched(width: Kw, truth: Kw, p10: Kw, p90: Kw, levels: Levels) -> Kw:
    """The widths (points, 2) after a day has come: a side missed too often grows, else it shrinks."""
    known = ~np.isnan(truth) & ~np.isnan(p10)
    slots = known.sum(axis=1)
    share = np.divide(1.0, slots, out=np.zeros(len(slots)), where=slots > 0)
    below = (known & (truth < p10)).sum(axis=1) * share - levels.low
    above = (known & (truth > p90)).sum(axis=1) * share - (1 - levels.high)
    moved = width * np.exp(STEP * np.stack([below, above], axis=1))
    found: Kw = np.where(slots[:, None] > 0, np.clip(moved, *WIDTHS), width).astype(np.float32)
    return found


def _quantiles(errors: Kw, chosen: NDArray[np.bool_], levels: Levels) -> tuple[Kw, NDArray[np.int64]]:
    points, _, slots = errors.shape
    out = np.empty((points, 2, slots // BLOCK), np.float32)
    days = np.empty(points, np.int64)
    error_quantiles(np.ascontiguousarray(errors), chosen, BLOCK, levels.low, levels.high, out, days)
    return out, days


def _between(blocks: Kw, slots: int) -> Kw:
    """Each slot's value on straight lines between the middles of blocks, (rows…, slots)."""
    place = (np.arange(slots) + 0.5) / BLOCK - 0.5
    below = np.clip(np.floor(place).astype(np.int64), 0, blocks.shape[-1] - 1)
    above = np.clip(below + 1, 0, blocks.shape[-1] - 1)
    share = np.clip(place - below, 0, 1).astype(np.float32)
    found: Kw = blocks[..., below] * (1 - share) + blocks[..., above] * share
    return found
