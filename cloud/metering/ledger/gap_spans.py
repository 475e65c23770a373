"""Holds a meter's list of gaps against its missing slots, pure: what is new, what is longer, what ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from cloud.metering.ledger.days import Bits, runs
from cloud.metering.ledger.reasons import UNSETTLED, GapEvent, GapState


@dataclass(frozen=True, slots=True)
class Known:
    """A gap in the list: slots [first, until); `grows`: nothing was ordered for it yet."""

    id: int
    first: int
    until: int
    state: GapState
    missing: int
    grows: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What a gap is to be; `id` None is a new one, `event` None moves nothing."""

    id: int | None
    first: int
    until: int
    missing: int
    event: GapEvent | None = None


def reconciled(missing: Bits, heard: Bits, known: Iterable[Known]) -> list[Change]:
    """The changes of one meter's day. Every missing slot is in one gap, and no slot in two."""
    covered = np.zeros_like(missing)
    ends: dict[int, Known] = {}
    found: dict[int, Change] = {}
    for gap in known:
        span = slice(gap.first, gap.until)
        covered[span] = True
        left = int(missing[span].sum())
        event = _event(gap, left, bool(heard[span].all()))
        if event is not None or left != gap.missing:
            found[gap.id] = Change(gap.id, gap.first, gap.until, left, event)
        if event is None and gap.state is GapState.OPEN and gap.grows:
            ends[gap.until] = gap
    new = [_new(first, until, ends, found) for first, until in runs(missing & ~covered)]
    return [*found.values(), *(each for each in new if each is not None)]


def _new(first: int, until: int, ends: dict[int, Known], found: dict[int, Change]) -> Change | None:
    """A gap of its own, or the one before it grown longer."""
    grown = ends.get(first)
    if grown is None:
        return Change(None, first, until, until - first)
    before = found.get(grown.id)
    left = (grown.missing if before is None else before.missing) + until - first
    found[grown.id] = Change(grown.id, grown.first, until, left)
    return None


def _event(gap: Known, left: int, whole: bool) -> GapEvent | None:
    if left:
        return GapEvent.INCLUDE if gap.state is GapState.EXCLUDED else None
    if gap.state in UNSETTLED or gap.state is GapState.NOT_REPAIRABLE:
        return GapEvent.HEARD if whole else GapEvent.EXCLUDE
    return None


def joined(spans: Iterable[tuple[int, int]], apart: int) -> Iterator[tuple[int, int]]:
    """Spans in order, those at most `apart` from the one before taken together with it."""
    first, until = -1, -1
    for low, high in sorted(spans):
        if until >= 0 and low - until <= apart:
            until = max(until, high)
            continue
        if until >= 0:
            yield first, until
        first, until = low, high
    if until >= 0:
        yield first, until
