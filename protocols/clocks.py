"""A meter's clock against true time: when a stamp of it was really made, as far as measured offsets tell.

The raw stamp always stays; a mapping is an opinion about it, and says whether it can be relied upon.
"""

from collections.abc import Sequence
from typing import NamedTuple

STEADY_S_A_DAY = 10.0
"""A clock that drifts by more was set, or has lost its time: no line is drawn between the two offsets."""
_READING_S = 2.0
_DAY_MS = 86_400_000


class Offset(NamedTuple):
    """At the true time `at_ms` (Unix ms) the meter's clock was `offset_s` ahead."""

    at_ms: int
    offset_s: float

    @property
    def shown_ms(self) -> int:
        """What the meter's clock showed then."""
        return self.at_ms + round(self.offset_s * 1000)


class Mapped(NamedTuple):
    """`at_ms` is true time. Not `sure`: beyond the limit, or nobody ever asked that clock."""

    at_ms: int
    sure: bool


def mapped_at(stamp_ms: int, offsets: Sequence[Offset], limit_s: float) -> Mapped:
    """When a stamp (Unix ms, as the meter's clock showed it) was made; `offsets` in the order of time.

    The stamp less the offset in force. Between two measurements it goes along with a clock that drifts; of
    one that jumped both offsets may have been in force, so both must be within the limit.
    """
    before = [each for each in offsets if each.shown_ms <= stamp_ms]
    after = [each for each in offsets if each.shown_ms > stamp_ms]
    around = ([before[-1]] if before else []) + ([after[0]] if after else [])
    if not around:
        return Mapped(stamp_ms, sure=False)
    sure = all(abs(each.offset_s) <= limit_s for each in around)
    if len(around) == 1:
        return Mapped(stamp_ms - round(around[0].offset_s * 1000), sure)
    return Mapped(stamp_ms - round(_between(around[0], around[1], stamp_ms) * 1000), sure)


def jumped(one: Offset, other: Offset) -> bool:
    """Whether no drift explains how the offset went from one to the other."""
    days = abs(other.at_ms - one.at_ms) / _DAY_MS
    return abs(other.offset_s - one.offset_s) > STEADY_S_A_DAY * days + _READING_S


def _between(one: Offset, other: Offset, stamp_ms: int) -> float:
    if jumped(one, other):
        return one.offset_s
    share = (stamp_ms - one.shown_ms) / (other.shown_ms - one.shown_ms)
    return one.offset_s + share * (other.offset_s - one.offset_s)
