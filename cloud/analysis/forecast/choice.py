"""Which method speaks for a subject: similar days, unless another won its own backtest by a margin."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast.model import Lags

Kw = NDArray[np.float32]


class Method(IntEnum):
    """How P50 was made; the first four are candidates for whoever has a history."""

    SIMILAR = 0
    WEIGHTED = 1
    MODEL = 2
    BLEND = 3
    COLD = 4
    NONE = 5
    SUM = 6
    JOINED = 7


class Reason(IntEnum):
    """Why that method and no other."""

    WINS = 0
    NO_GAIN = 1
    FEW_DAYS = 2
    NO_MODEL = 3
    NEW = 4
    NO_HISTORY = 5


CANDIDATES = 4
LEVEL = 0.5
LEVELS = (0.5, 2.0)


def contenders(known: Lags, model: Kw | None) -> Kw:
    """(CANDIDATES, points, slots) kW, each with NaN where it can say nothing.

    WEIGHTED: between the median of the similar days and the mean of ten, newer ones weighing more, shifted by
    the root of last week's level over that of three weeks. BLEND: between the model and similar days.
    """
    similar = known.column("mean")
    level = np.clip(known.rows[:, :, 11], *LEVELS) ** np.float32(LEVEL)
    weighted = (known.column("median") + known.column("weighted")) / 2 * np.where(np.isnan(level), 1, level)
    learned = np.full_like(similar, np.nan) if model is None else model
    found: Kw = np.stack([similar, weighted, learned, (learned + similar) / 2]).astype(np.float32)
    return found


def choose(
    errors: NDArray[np.float64], days: NDArray[np.int64], *, margin: float, least_days: int
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """(points,) Method and (points,) Reason by `errors` (points, CANDIDATES): sums of |e| on the same slots.

    NaN: not scored in all of them. Similar days stay where no other is better by `margin` of their error.
    """
    points = len(errors)
    told = np.where(np.isnan(errors), np.inf, errors)
    best = np.argmin(told, axis=1)
    similar = errors[:, Method.SIMILAR]
    wins = told[np.arange(points), best] < (1 - margin) * similar
    enough = days >= least_days
    method = np.where(wins & enough, best, Method.SIMILAR).astype(np.int8)
    reason = np.where(method != Method.SIMILAR, Reason.WINS, Reason.NO_GAIN)
    reason = np.where(np.isnan(errors[:, Method.MODEL]) & (method == Method.SIMILAR), Reason.NO_MODEL, reason)
    return method, np.where(enough, reason, Reason.FEW_DAYS).astype(np.int8)


def taken(contenders: Kw, method: NDArray[np.int8]) -> Kw:
    """(points, slots) of each point's method, similar days where that one can say nothing."""
    own = contenders[np.clip(method, 0, CANDIDATES - 1), np.arange(len(method))]
    found: Kw = np.where(np.isnan(own), contenders[Method.SIMILAR], own)
    return found
