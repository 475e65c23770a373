"""Which customers' energies explain an area's loss: candidates by expected kWh, never by correlation.

`loss = a + sum of b_i e_i + c P²` with b >= 0: who registers only 1 / (1 + b) of what they use adds b times
their registered energy to the loss. Few do, so most b are zero: that prior finds more than NNLS alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.sparse import spike_and_slab

Floats = NDArray[np.float64]
MONTH_DAYS = 30
_SLAB = 1.5
"""Scale of b: 1 is half of the use not registered, 4 is 80 %."""
_AT_MOST = 0.25
"""So large a part of customers is not at fault anywhere."""
_DOUBTFUL = 0.01
"""Of the supply: bounds that far apart make a row count half."""
_MODEL = 0.1
"""Part of an estimate by which the model itself may be off: no interval is narrower. Where simulated
areas lost as five lines do and not as one, 76 of 100 intervals of 80 % then held the truth."""
_MOST_ALIKE = 0.8
"""Correlation of the errors of one day's parts: more is never believed, or small errors decide."""


@dataclass(frozen=True, slots=True)
class Design:
    """Rows are days or equal parts of days, in order of time; only clean ones (both sides measured).

    `energies` kWh (rows, customers), `loss`, `supply` kWh and `square` kWh² (rows,): the squared supplies of
    the row's slots added up; `day` int (rows,) numbers the days; `doubt` kWh (rows,) how far apart the bounds
    of the loss are, None where all was measured.
    """

    energies: Floats
    loss: Floats
    supply: Floats
    square: Floats
    day: NDArray[np.int64]
    doubt: Floats | None = None

    @property
    def days(self) -> int:
        return len(np.unique(self.day))


@dataclass(frozen=True, slots=True)
class Options:
    """`suspects` is how many of an area's customers are expected at fault before looking."""

    least_days: int = 60
    least_share: float = 0.1
    least_kwh_month: float = 15.0
    suspects: float = 2.0
    draws: int = 400
    burn: int = 150
    halves: int = 10
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Explained:
    """What each customer (columns of the design) explains of the loss; all (customers,).

    `kwh_month` is expected (zero with the probability that it is none), `low` and `high` bound 80 % of it;
    `share` is the part of real use not registered, if any is; `probability` that there is any; `steadiness`
    in how many halves of the days the customer comes up again; `fitted_kwh` what plain NNLS says.
    """

    kwh_month: Floats
    low: Floats
    high: Floats
    share: Floats
    probability: Floats
    steadiness: Floats
    fitted_kwh: Floats

    def ranked(self, options: Options, most: int) -> list[int]:
        """The customers worth a look, the most kWh first."""
        worth = (self.kwh_month >= options.least_kwh_month) & (self.share >= options.least_share)
        order = np.argsort(-self.kwh_month, kind="stable")
        return [int(each) for each in order if worth[each]][:most]


def search(design: Design, options: Options) -> Explained | None:
    """None with fewer clean days than `least_days`: 30 find half as many as 60."""
    if design.days < options.least_days or design.energies.shape[1] == 0:
        return None
    x, y, scale = _weighted(design)
    x, y = _decorrelated(x, y, design.day)
    customers = design.energies.shape[1]
    start = _nnls(x, y)
    share = min(_AT_MOST, options.suspects / customers)
    chance, draws = spike_and_slab(
        x.T @ x, x.T @ y, float(y @ y), len(y), customers, share, _SLAB, options.draws, options.burn,
        options.seed, start,
    )  # fmt: skip
    month = design.energies.sum(axis=0) / design.days * MONTH_DAYS
    mean = draws.mean(axis=0)
    low, high = (_widened(each, mean) * month for each in np.quantile(draws, (0.1, 0.9), axis=0))
    counted = np.maximum((draws > 0).sum(axis=0), 1)
    b = draws.sum(axis=0) / counted
    fitted = start[:customers] / scale[:customers] * month
    return Explained(mean * month, low, high, b / (1 + b), chance, _steadiness(design, x, y, options), fitted)


def _weighted(design: Design) -> tuple[Floats, Floats, Floats]:
    """Columns and loss in parts of the row's supply: a meter's error is a part of what it measures.

    The two technical columns are scaled to length one; the scales of all columns come back.
    """
    least = 1e-6 * max(float(design.supply.max(initial=0.0)), 1e-9)
    doubt = 0.0 if design.doubt is None else design.doubt / _DOUBTFUL
    weight = 1.0 / np.hypot(np.maximum(design.supply, least), doubt)
    technical = np.column_stack([np.ones(len(design.loss)), design.square]) * weight[:, None]
    length = np.linalg.norm(technical, axis=0)
    length[length == 0] = 1.0
    x = np.column_stack([design.energies * weight[:, None], technical / length])
    return (
        np.ascontiguousarray(x),
        design.loss * weight,
        np.concatenate([np.ones(design.energies.shape[1]), length]),
    )


def _decorrelated(x: Floats, y: Floats, day: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Generalised least squares where a day has parts: an area meter is off by the same part all day.

    The means of days then count less and the differences within days more. Days alone stay as they are.
    """
    _, which, count = np.unique(day, return_inverse=True, return_counts=True)
    parts = int(count.max())
    if parts == 1:
        return x, y
    error = y - x @ _nnls(x, y)
    mean = np.bincount(which, error) / count
    within = float(((error - mean[which]) ** 2).sum()) / max(len(y) - len(count), 1)
    between = float((count * mean**2).sum()) / len(count)
    alike = (between - within) / max(between + (parts - 1) * within, 1e-300)
    alike = min(max(alike, 0.0), _MOST_ALIKE)
    apart = 1 / np.sqrt(1 - alike)
    common = (1 / np.sqrt(1 + (count - 1) * alike))[which]

    def turned(values: Floats) -> Floats:
        total = np.zeros((len(count), values.shape[1]))
        np.add.at(total, which, values)
        means = (total / count[:, None])[which]
        found: Floats = (values - means) * apart + means * common[:, None]
        return found

    return np.ascontiguousarray(turned(x)), turned(y[:, None])[:, 0]


def _widened(bound: Floats, mean: Floats) -> Floats:
    """Away from the mean by what the model may be off, too."""
    off = bound - mean
    far = np.sqrt(off**2 + (_MODEL * mean) ** 2)
    return np.maximum(mean + np.where(off < 0, -far, far), 0.0)


def _nnls(x: Floats, y: Floats) -> Floats:
    from scipy.optimize import nnls

    length = np.linalg.norm(x, axis=0)
    length[length == 0] = 1.0
    found: Floats = nnls(x / length, y, maxiter=50 * x.shape[1])[0] / length
    return found


def _steadiness(design: Design, x: Floats, y: Floats, options: Options) -> Floats:
    """In how many random halves of the weeks NNLS gives a customer at least `least_share`."""
    random = np.random.default_rng(options.seed)
    week = np.searchsorted(np.unique(design.day), design.day) // 7
    weeks = int(week.max()) + 1
    customers = design.energies.shape[1]
    least = options.least_share / (1 - options.least_share)
    count = np.zeros(customers)
    for _ in range(options.halves):
        chosen = random.permutation(weeks)[: (weeks + 1) // 2]
        mine = np.isin(week, chosen)
        count += _nnls(x[mine], y[mine])[:customers] >= least
    return count / options.halves
