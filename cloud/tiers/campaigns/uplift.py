"""What a campaign changed, from measured days alone: difference in differences against the hold-out.

Pure. The unit is a customer, who was drawn as one. The effect on all offered (intention to treat) needs no
assumption but the draw; that on those who took part divides it by their share (Bloom, Evaluation Review 8(2),
1984), which supposes that an offer nobody took changes nothing. Intervals come from the draw itself (Fisher's
randomisation test turned round; Rosenbaum, Observational Studies, 2.4): a few customers are as large as all
others together, and an interval of normal means finds an effect in one of six campaigns without any.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
LEAST_TAKERS = 10
_AT_ONCE = 2_000_000
POWER = 0.8415
"""The normal deviate of 80 in 100: what can be found four times out of five."""


class Verdict(StrEnum):
    """`shown`: the interval leaves 0 out; `none_shown`: it holds 0; `too_few` customers on a side."""

    SHOWN = "shown"
    NONE_SHOWN = "none_shown"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Sides:
    """One row a customer: their mean before and after, NaN where too few days are valid."""

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    offered: NDArray[np.bool_]
    took: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Interval:
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Arm:
    """Means over the customers that count, in the metric's unit; `left_out` have too few valid days."""

    customers: int
    left_out: int
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Effect:
    """`all_offered` is the effect on everybody offered, `takers` that on those who took part.

    `relative` is `all_offered` in parts of what the offered would have had without an offer; `findable` the
    smallest effect that four campaigns of five of this size would show; `needed` customers offered and held
    out together would show the effect found, None where there is none.
    """

    verdict: Verdict
    offered: Arm
    held_out: Arm
    take_up: float | None
    all_offered: Interval | None
    relative: Interval | None
    takers: Interval | None
    findable: float | None
    needed: int | None
    confidence: float
    min_per_arm: int
    method: str = "difference in differences, interval by redrawing the hold-out"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def effect(
    sides: Sides, *, confidence: float, min_per_arm: int, resamples: int = 2000, seed: int = 0
) -> Effect:
    """Of one metric. A customer without both periods counts nowhere and is told as left out."""
    known = ~(np.isnan(sides.before) | np.isnan(sides.after))
    change = sides.after - sides.before
    offered, held = sides.offered & known, ~sides.offered & known
    arms = (_arm(sides, sides.offered, offered), _arm(sides, ~sides.offered, held))
    share = float(sides.took[offered].mean()) if offered.any() else None
    if min(offered.sum(), held.sum()) < max(2, min_per_arm):
        return Effect(Verdict.TOO_FEW, *arms, share, None, None, None, None, None, confidence, min_per_arm)
    drawn = _redrawn(change[known], sides.took[known], sides.offered[known], resamples, seed)
    found = drawn.interval(drawn.offered, confidence)
    if found is None:
        return Effect(Verdict.TOO_FEW, *arms, share, None, None, None, None, None, confidence, min_per_arm)
    without = float(sides.after[offered].mean()) - found.value
    relative = None
    if without > 0:
        relative = Interval(*(each / without for each in (found.value, found.low, found.high)))
    spread = float(drawn.gap.std())
    return Effect(
        Verdict.NONE_SHOWN if found.low <= 0 <= found.high else Verdict.SHOWN,
        *arms,
        share,
        found,
        relative,
        drawn.interval(drawn.took, confidence) if sides.took[offered].sum() >= LEAST_TAKERS else None,
        (_quantile(confidence, 1e6) + POWER) * spread,
        _needed(found.value, spread, int(offered.sum() + held.sum()), confidence),
        confidence,
        min_per_arm,
    )


@dataclass(frozen=True, slots=True)
class _Redrawn:
    """What other draws of the hold-out would have shown: `gap` (draws,) of the changes, `offered` and `took`
    (draws,) of being offered and of taking part, each beside the one that was (`real_*`)."""

    real_gap: float
    gap: NDArray[np.float64]
    offered: tuple[float, NDArray[np.float64]]
    took: tuple[float, NDArray[np.float64]]

    def interval(self, of: tuple[float, NDArray[np.float64]], confidence: float) -> Interval | None:
        """The effects that the draw does not contradict: those which, taken away from whoever had them, leave
        a gap that other draws show as well. Exact for one same effect, whatever the sizes of customers.

        None where an end is nowhere, as of so few takers that many draws tell nothing of them."""
        real, others = of
        apart = real - others
        with np.errstate(divide="ignore", invalid="ignore"):
            edge = np.where(
                apart > 1e-12,
                (self.real_gap - self.gap) / np.where(apart > 1e-12, apart, 1),
                np.sign(self.real_gap - self.gap) * np.inf,
            )
        low, high = (np.sort(np.where(np.isnan(edge), each, edge)) for each in (-np.inf, np.inf))
        skip = int((1 - confidence) / 2 * len(edge))
        ends = float(low[skip]), float(high[len(edge) - 1 - skip])
        return Interval(self.real_gap / real, *ends) if np.isfinite(ends).all() else None


def _redrawn(
    change: NDArray[np.float64],
    took: NDArray[np.bool_],
    offered: NDArray[np.bool_],
    draws: int,
    seed: int,
) -> _Redrawn:
    """Hold-outs of the same size drawn anew from all who count."""
    columns = np.column_stack((change, offered, took)).astype(np.float64)
    whole, number, held = columns.sum(axis=0), len(change), int((~offered).sum())

    def gaps(inside: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = (whole - inside) / (number - held) - inside / held
        return found

    random, found = np.random.default_rng(seed), []
    rows = max(1, _AT_ONCE // number)
    for low in range(0, draws, rows):
        order = random.random((min(rows, draws - low), number))
        chosen = np.argpartition(order, held - 1, axis=1)[:, :held]
        found.append(gaps(columns[chosen].sum(axis=1)))
    others, real = np.concatenate(found), gaps(columns[~offered].sum(axis=0))
    return _Redrawn(
        float(real[0]), others[:, 0], (float(real[1]), others[:, 1]), (float(real[2]), others[:, 2])
    )


def share_taken(took: int, offered: int, confidence: float) -> Interval | None:
    """Take-up with Wilson's interval (JASA 22, 1927); None where nobody was offered anything."""
    if offered == 0:
        return None
    z = _quantile(confidence, 1e6)
    share = took / offered
    middle = (share + z * z / (2 * offered)) / (1 + z * z / offered)
    far = z * sqrt(share * (1 - share) / offered + z * z / (4 * offered**2)) / (1 + z * z / offered)
    return Interval(share, max(0.0, middle - far), min(1.0, middle + far))


def _arm(sides: Sides, everybody: NDArray[np.bool_], counted: NDArray[np.bool_]) -> Arm:
    number = int(counted.sum())
    before, after = (
        (float(sides.before[counted].mean()), float(sides.after[counted].mean())) if number else (None, None)
    )
    return Arm(number, int(everybody.sum()) - number, before, after)


def _needed(value: float, error: float, customers: int, confidence: float) -> int | None:
    """With the same split; an effect four times smaller wants sixteen times as many."""
    if value == 0 or error == 0:
        return None
    return int(np.ceil(customers * ((_quantile(confidence, 1e6) + POWER) * error / value) ** 2))


def _quantile(confidence: float, freedom: float) -> float:
    """Of Student's t, two-sided."""
    from scipy.special import stdtrit  # heavy: only who measures pays for it

    return float(stdtrit(freedom, (1 + confidence) / 2))
