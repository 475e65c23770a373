"""What a campaign changed, from measured days alone: difference in differences against the hold-out.

Pure. The unit is a customer, who was drawn as one. The effect on all offered (intention to treat) needs no
assumption but the draw; that on those who took part divides it by their share (Bloom, Evaluation Review 8(2),
1984), which supposes that an offer nobody took changes nothing. Both carry an interval.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
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
    method: str = "difference in differences, Welch"

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
    found, spread = welch(change[offered], change[held], confidence)
    without = float(sides.after[offered].mean()) - found.value
    relative = None
    if without > 0:
        relative = Interval(*(each / without for each in (found.value, found.low, found.high)))
    return Effect(
        Verdict.NONE_SHOWN if found.low <= 0 <= found.high else Verdict.SHOWN,
        *arms,
        share,
        found,
        relative,
        _takers(change, offered, held, sides.took, confidence, resamples, seed),
        (_quantile(confidence, 1e6) + POWER) * spread,
        _needed(found.value, spread, int(offered.sum() + held.sum()), confidence),
        confidence,
        min_per_arm,
    )


def welch(one: NDArray[np.float64], other: NDArray[np.float64], confidence: float) -> tuple[Interval, float]:
    """Difference of two means with Welch's interval (Biometrika 34, 1947), and its standard error."""
    value = float(one.mean() - other.mean())
    parts = [float(each.var(ddof=1)) / len(each) for each in (one, other)]
    error = sqrt(sum(parts))
    if error == 0:
        return Interval(value, value, value), 0.0
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(each) - 1) for part, each in zip(parts, (one, other), strict=True)
    )
    far = _quantile(confidence, freedom) * error
    return Interval(value, value - far, value + far), error


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


def _takers(
    change: NDArray[np.float64],
    offered: NDArray[np.bool_],
    held: NDArray[np.bool_],
    took: NDArray[np.bool_],
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval | None:
    """Bootstrap of effect over take-up, each side drawn anew; None below ten who took part."""
    treated, own, control = change[offered], took[offered], change[held]
    if own.sum() < 10:
        return None
    value = float((treated.mean() - control.mean()) / own.mean())
    random = np.random.default_rng(seed)
    draws = np.empty(resamples)
    for number in range(resamples):
        mine = random.integers(0, len(treated), len(treated))
        theirs = random.integers(0, len(control), len(control))
        share = own[mine].mean()
        gap = treated[mine].mean() - control[theirs].mean()
        draws[number] = gap / share if share else np.nan
    tail = 100 * (1 - confidence) / 2
    low, high = np.nanpercentile(draws, [tail, 100 - tail])
    return Interval(value, float(low), float(high))


def _needed(value: float, error: float, customers: int, confidence: float) -> int | None:
    """With the same split; an effect four times smaller wants sixteen times as many."""
    if value == 0 or error == 0:
        return None
    return int(np.ceil(customers * ((_quantile(confidence, 1e6) + POWER) * error / value) ** 2))


def _quantile(confidence: float, freedom: float) -> float:
    """Of Student's t, two-sided."""
    from scipy.special import stdtrit  # heavy: only who measures pays for it

    return float(stdtrit(freedom, (1 + confidence) / 2))
