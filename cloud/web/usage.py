"""What a customer used in each slot of a day: register differences, and a gap wherever one is not known.

Pure. A missing reading is never 0: a slot whose edge lies in a hole longer than `MAX_HOLE_MS` has no value.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

MAX_HOLE_MS = 45 * 60_000
"""Between two readings further apart than this a register value is not interpolated."""
LATE_MS = 24 * 3_600_000
"""So long the rest of an hour may still come; after that it is a gap."""

Reading = tuple[int, int]
"""(at_ms, register value in Wh), in order of time."""
Span = tuple[int, int]
"""[from, to) in ms."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One hour: `wh` is None for a gap; `open` while the hour is not over; `ahead` when it has not begun."""

    start_ms: int
    end_ms: int
    wh: float | None
    open: bool = False
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """Energy between two register values of one day. `whole` tells that it begins at the day's start."""

    wh: float
    from_ms: int
    to_ms: int
    whole: bool


def value_at(readings: Sequence[Reading], at_ms: int, max_hole_ms: int = MAX_HOLE_MS) -> float | None:
    """The register value at an instant, on the straight line between its two neighbours; None in a hole."""
    after = bisect_left(readings, (at_ms, -1))
    if after < len(readings) and readings[after][0] == at_ms:
        return readings[after][1]
    if after == 0 or after == len(readings):
        return None
    (left_ms, left), (right_ms, right) = readings[after - 1], readings[after]
    if right_ms - left_ms > max_hole_ms or right < left:
        return None
    return left + (right - left) * (at_ms - left_ms) / (right_ms - left_ms)


def used(readings: Sequence[Reading], start_ms: int, end_ms: int) -> float | None:
    """Wh between two instants; None when either edge is unknown or a register value fell in between."""
    first, last = value_at(readings, start_ms), value_at(readings, end_ms)
    if first is None or last is None:
        return None
    inside = readings[bisect_left(readings, (start_ms, -1)) : bisect_left(readings, (end_ms, -1))]
    if any(later[1] < earlier[1] for earlier, later in pairwise(inside)):
        return None
    return last - first if last >= first else None


def slots(
    readings: Sequence[Reading], edges_ms: Sequence[int], windows: Sequence[Span], now_ms: int
) -> list[Slot | None]:
    """One slot between each two edges, up to the last reading; None outside of what may be seen."""
    return [_slot(readings, Slot(start, end, None), windows, now_ms) for start, end in pairwise(edges_ms)]


def _slot(readings: Sequence[Reading], slot: Slot, windows: Sequence[Span], now_ms: int) -> Slot | None:
    seen = [
        (max(slot.start_ms, first), min(slot.end_ms, last))
        for first, last in windows
        if first < slot.end_ms and last > slot.start_ms
    ]
    if not seen:
        return None
    if slot.start_ms >= now_ms:
        return replace(slot, ahead=True)
    start, end = seen[0][0], seen[-1][1]
    newest = readings[-1][0] if readings else 0
    if newest == end - 1:
        end = newest  # what a meter showed when it was taken off is of its last instant there
    if end <= now_ms and (now_ms - end > LATE_MS or not (start < newest < end)):
        return replace(slot, wh=used(readings, start, end))
    # The hour that is running, or whose last minutes have not been heard of yet.
    known_to = min(newest, now_ms)
    if known_to <= start and now_ms - start < MAX_HOLE_MS:
        return replace(slot, ahead=True)
    return replace(slot, wh=used(readings, start, known_to) if known_to > start else None, open=True)


def total(readings: Sequence[Reading], start_ms: int, end_ms: int) -> Total | None:
    """From the day's start, or its first reading, to its end or last reading. Holes inside do not matter."""
    inside = [each for each in readings if start_ms <= each[0] <= end_ms]
    if not inside or any(later[1] < earlier[1] for earlier, later in pairwise(inside)):
        return None
    at_start, at_end = value_at(readings, start_ms), value_at(readings, end_ms)
    first = (start_ms, at_start) if at_start is not None else inside[0]
    last = (end_ms, at_end) if at_end is not None else inside[-1]
    if last[0] <= first[0]:
        return None
    return Total(last[1] - first[1], first[0], last[0], whole=at_start is not None)


def add(parts: Sequence[Sequence[Slot | None]]) -> list[Slot | None]:
    """Several meters' slots of the same edges as one: a slot that one of them lacks is a gap for all."""
    return [_sum([slot for slot in column if slot is not None]) for column in zip(*parts, strict=True)]


def _sum(column: Sequence[Slot]) -> Slot | None:
    if not column:
        return None
    known = [slot.wh for slot in column if slot.wh is not None]
    wh = sum(known) if len(known) == len(column) else None
    opened, ahead = any(slot.open for slot in column), all(slot.ahead for slot in column)
    return replace(column[0], wh=wh, open=opened, ahead=ahead)
