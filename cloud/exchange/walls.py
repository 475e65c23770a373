"""From labels on a wall clock to instants, through the hours that summer time skips and repeats.

Two habits are met with. Labels that follow the clock: 92 in spring, in autumn 100, an hour's labels twice.
And always 96: in spring an hour of zeros that never was, in autumn one hour that holds the energy of two.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cloud.exchange import daylight, moments
from cloud.exchange.daylight import Change
from cloud.kit.errors import Invalid

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SUMMED_FROM = 1.6
"""An hour that is so many times its neighbours holds the energy of two."""


class Meaning(StrEnum):
    """What a label says of its value."""

    BEGIN = "begin"
    END = "end"
    INSTANT = "instant"


class Repeated(StrEnum):
    """The hour that the clock repeats, where its labels are there once: two hours summed, or one of two."""

    SUMMED = "summed"
    ONCE = "once"


@dataclass(slots=True)
class Seen:
    """What was met with at changes of the clock: day → how; gathered over all meters of a file."""

    days: dict[date, set[str]] = field(default_factory=dict)
    zeros_in_spring: bool = False
    repeated: Repeated | None = None

    def note(self, change: Change, how: str) -> None:
        self.days.setdefault((change.at + change.before).date(), set()).add(how)


def starts(
    labels: Ints,
    values: Floats,
    interval_s: int,
    meaning: Meaning,
    zone: ZoneInfo,
    seen: Seen,
) -> tuple[Ints, Floats]:
    """UTC seconds at which each interval begins (of an instant: the instant), and the values, in file order.

    `labels` are wall-clock seconds in the order of the file. Values of hours that never were are left out
    where they are zero; an hour that holds two is shared out evenly. Invalid where file and zone differ.
    """
    if not len(labels):
        return labels, values
    shift = interval_s if meaning is Meaning.END else 0
    begin = labels - shift
    found = daylight.changes(zone, _day(int(begin.min())), _day(int(labels.max())))
    utc = begin - _offsets(begin, zone, found)
    keep = np.ones(len(labels), bool)
    more_at: list[int] = []
    more: list[float] = []
    for change in found:
        if change.after > change.before:
            _spring(change, labels, begin, values, interval_s, meaning, utc, keep, seen)
        else:
            at, extra = _autumn(change, labels, begin, values, interval_s, meaning, utc, seen)
            more_at += at
            more += extra
    utc, values = utc[keep], values[keep]
    if more_at:
        utc = np.concatenate([utc, np.array(more_at, np.int64)])
        values = np.concatenate([values, np.array(more)])
    return utc, values


def _offsets(walls: Ints, zone: ZoneInfo, found: tuple[Change, ...]) -> Ints:
    """Seconds east of UTC at each wall time; of a time that is there twice the first, of none the later."""
    first = datetime.fromtimestamp(int(walls.min()), UTC) - timedelta(days=1)
    start = first.replace(tzinfo=zone).utcoffset()
    assert start is not None
    offsets = np.full(len(walls), _s(found[0].before if found else start), np.int64)
    for change in found:
        edge = _utc_s(change) + max(_s(change.before), _s(change.after))
        offsets[walls >= edge] = _s(change.after)
        if change.after > change.before:
            gap = (walls >= _utc_s(change) + _s(change.before)) & (walls < edge)
            offsets[gap] = _s(change.before)
    return offsets


def _spring(
    change: Change,
    labels: Ints,
    begin: Ints,
    values: Floats,
    interval_s: int,
    meaning: Meaning,
    utc: Ints,
    keep: NDArray[np.bool_],
    seen: Seen,
) -> None:
    low, high = _utc_s(change) + _s(change.before), _utc_s(change) + _s(change.after)
    within = (begin >= low) & (begin < high)
    if meaning is Meaning.END and not (labels == low).any():
        last = within & (labels == high)  # labelled by the clock: the interval that ends when it jumps
        utc[last] = _utc_s(change) - interval_s
        within &= ~last
    held = within & ~(np.isnan(values) | (values == 0))
    if held.any():
        wall = moments.wall(int(labels[held][0]))
        raise Invalid(
            f"{wall:%Y-%m-%d %H:%M} has a value, and there was no such hour where clocks were put forward: "
            "the file's clock is another; say its zone with --zone, such as UTC+01:00"
        )
    near = (begin >= low - 6 * 3600) & (begin < high + 6 * 3600)
    if within.any():
        seen.zeros_in_spring = seen.zeros_in_spring or bool((values[within] == 0).any())
        seen.note(change, "the hour that never was holds zeros: left out")
        keep &= ~within
    elif near.any():
        seen.note(change, "an hour is skipped, as the clock did")


def _autumn(
    change: Change,
    labels: Ints,
    begin: Ints,
    values: Floats,
    interval_s: int,
    meaning: Meaning,
    utc: Ints,
    seen: Seen,
) -> tuple[list[int], list[float]]:
    """Mends `utc` in place; what comes back are second halves of an hour that holds two."""
    low, high = _utc_s(change) + _s(change.after), _utc_s(change) + _s(change.before)
    by_end = meaning is Meaning.END and int((labels == high).sum()) < 2 and int((labels == low).sum()) > 1
    walls = labels if by_end else begin
    where = np.flatnonzero((walls >= low) & (walls < high))
    if not len(where):
        return [], []
    second = _second_times(walls[where])
    shift = interval_s if by_end else 0
    utc[where] = walls[where] - shift - np.where(second, _s(change.after), _s(change.before))
    if by_end:
        over = (labels >= high) & (begin < high)  # it begins in the hour's second pass
        utc[over] = begin[over] - _s(change.after)
    if second.any():
        seen.note(change, "an hour's labels are there twice, as the clock showed them")
        return [], []
    if meaning is Meaning.INSTANT:
        seen.note(change, "values of the repeated hour are there once: taken for its first pass")
        return [], []
    return _once(change, values, utc, where, low, seen)


def _once(
    change: Change, values: Floats, utc: Ints, where: Ints, low: int, seen: Seen
) -> tuple[list[int], list[float]]:
    how = seen.repeated
    if how is None:
        raise Invalid(
            f"{moments.wall(low):%Y-%m-%d %H:%M}: the clock showed this hour twice, the file has it once: "
            "say with --repeated-hour whether it holds both (summed) or one of the two (once); "
            "or the file keeps another clock: say it with --zone"
        )
    if how is Repeated.ONCE:
        seen.note(change, "the repeated hour is there once: its second pass is missing")
        return [], []
    seen.note(change, "the repeated hour holds the energy of both: shared out evenly")
    values[where] /= 2
    back_s = _s(change.before) - _s(change.after)
    return (utc[where] + back_s).tolist(), values[where].tolist()


def settle(parts: Iterable[tuple[Ints, Floats]], zone: ZoneInfo, seen: Seen) -> None:
    """Over all meters of a file, (begins on the wall, values): which of the two habits an autumn follows."""
    own: list[float] = []
    around: list[float] = []
    for begin, values in parts:
        if not len(begin):
            continue
        for change in daylight.changes(zone, _day(int(begin.min())), _day(int(begin.max()))):
            edges = (_utc_s(change) + _s(change.before), _utc_s(change) + _s(change.after))
            low, high = min(edges), max(edges)
            within = (begin >= low) & (begin < high) & ~np.isnan(values)
            if change.after > change.before:
                seen.zeros_in_spring = seen.zeros_in_spring or bool((values[within] == 0).any())
                continue
            near = (begin >= 2 * low - high) & (begin < 2 * high - low) & ~within & ~np.isnan(values)
            own += values[within].tolist()
            around += values[near].tolist()
    if seen.repeated is None:
        seen.repeated = _guessed(own, around, seen)


def _guessed(own: list[float], around: list[float], seen: Seen) -> Repeated | None:
    if seen.zeros_in_spring:
        return Repeated.SUMMED
    if not own or not around:
        return None
    mean, here = float(np.mean(np.abs(around))), float(np.mean(np.abs(own)))
    return Repeated.SUMMED if mean > 0 and here >= SUMMED_FROM * mean else None


def _second_times(walls: Ints) -> NDArray[np.bool_]:
    """Which of these came before already, in the order of the file."""
    met: set[int] = set()
    second = np.zeros(len(walls), bool)
    for place, wall in enumerate(walls.tolist()):
        second[place] = wall in met
        met.add(wall)
    return second


def _utc_s(change: Change) -> int:
    return round(change.at.timestamp())


def _s(offset: timedelta) -> int:
    return round(offset.total_seconds())


def _day(seconds: int) -> date:
    return moments.wall(seconds).date()
