"""When a tier changes: state × event → state, with a margin, several months of evidence, and a dwell time.

Pure and for all accounts at once. One step at a time; both events at once cannot be, by the policy.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cloud.tiers.axes import Value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
ORDER = (Value.A, Value.B, Value.C, Value.D)
NONE = -1
"""No tier yet."""


class Event(IntEnum):
    STAY = 0
    RISE = 1
    FALL = 2


TABLE: dict[tuple[Value, Event], Value] = {
    (Value.A, Event.STAY): Value.A,
    (Value.B, Event.STAY): Value.B,
    (Value.C, Event.STAY): Value.C,
    (Value.D, Event.STAY): Value.D,
    (Value.A, Event.RISE): Value.A,
    (Value.B, Event.RISE): Value.A,
    (Value.C, Event.RISE): Value.B,
    (Value.D, Event.RISE): Value.C,
    (Value.A, Event.FALL): Value.B,
    (Value.B, Event.FALL): Value.C,
    (Value.C, Event.FALL): Value.D,
    (Value.D, Event.FALL): Value.D,
}
_NEXT = np.array([[ORDER.index(TABLE[state, event]) for event in Event] for state in ORDER])


@dataclass(frozen=True, slots=True)
class Terms:
    """`promote` and `demote`: [need, of] months; `dwell` months that a tier stays at least."""

    promote: tuple[int, int]
    demote: tuple[int, int]
    dwell: int

    @property
    def months(self) -> int:
        """How many scores back a decision looks."""
        return max(self.promote[1], self.demote[1])


def by_cuts(score: Floats, cuts: Floats) -> Ints:
    """(n,) tier 0 (A) to 3 (D) by the cuts alone, `NONE` without a score; `cuts` (n, 3) or (3,) falling."""
    bounds = np.broadcast_to(cuts, (len(score), 3))
    tier = 3 - (score[:, None] >= bounds).sum(axis=1)
    return np.where(np.isnan(score), NONE, tier).astype(np.int64)


def events(tier: Ints, scores: Floats, cuts: Floats, margin: Floats, terms: Terms) -> Ints:
    """(n,) what the scores (n, months), newest last and NaN unknown, say of each tier; evidence alone."""
    bounds = np.column_stack([np.full(len(tier), np.inf), np.broadcast_to(cuts, (len(tier), 3)),
                              np.full(len(tier), -np.inf)])  # fmt: skip
    at = np.maximum(tier, 0)
    rows = np.arange(len(tier))
    above, below = bounds[rows, at] + margin, bounds[rows, at + 1] - margin
    rise = _of(scores > above[:, None], terms.promote)
    fall = _of(scores < below[:, None], terms.demote)
    found = np.where(rise, Event.RISE, np.where(fall, Event.FALL, Event.STAY))
    return np.where(tier == NONE, Event.STAY, found).astype(np.int64)


def step(
    tier: Ints, dwelt: Ints, free: Bools, scores: Floats, cuts: Floats, margin: Floats, terms: Terms
) -> Ints:
    """(n,) the tier of this month.

    `dwelt` months that the tier stood before this one; `free`: a first guess, which follows the cuts as long
    as it is one. Without a score this month a tier stays.
    """
    newest = by_cuts(scores[:, -1], cuts)
    event = events(tier, scores, cuts, margin, terms)
    event = np.where(dwelt < terms.dwell, Event.STAY, event)
    moved = _NEXT[np.maximum(tier, 0), event]
    found = np.where((tier == NONE) | free, newest, moved)
    return np.where(newest == NONE, tier, found).astype(np.int64)


def _of(evidence: Bools, need_of: tuple[int, int]) -> Bools:
    need, of = need_of
    found: Bools = evidence[:, -of:].sum(axis=1) >= need
    return found
