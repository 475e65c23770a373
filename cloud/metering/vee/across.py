"""Holes that go on over midnight: what the registers before and after say is shared among all their slots.

Each day of such a hole is validated on its own; the shares are made from the same facts, so they agree, and
together they are what the registers say, exactly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from cloud.kit.calendar import Calendar
from cloud.metering.vee.estimate import Gap, share_out
from cloud.metering.vee.grid import Grid, grid
from cloud.metering.vee.point_day import Known, Method, PointDay
from cloud.metering.vee.policy import EstimateLimits
from cloud.metering.vee.raw import RawDay, Register
from cloud.metering.vee.registers import advances
from cloud.metering.vee.shapes import like_day

LONGEST = timedelta(days=60)
Outage = Callable[[Grid], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Edge:
    """A register that is known outside a day: on which day, at which boundary of it."""

    day: date
    known: Known


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The validated days before and after, in order of day, one row and no other standing for all of them."""

    before: Sequence[PointDay]
    after: Sequence[PointDay]
    zone: tzinfo
    calendar: Calendar
    limits: EstimateLimits
    outage: Outage
    is_same: Callable[[date, date], bool]
    """Whether one installation served the point on all days from the one to the other, both included."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A hole with its gap on this day, and what the other days of it hold by that.

    A gap without `wh`: both registers are known, and how far they are apart has no explanation.
    """

    gap: Gap
    elsewhere: Mapping[date, tuple[int, NDArray[np.int64]]]


def edge_before(day: date, rows: Sequence[PointDay]) -> Edge | None:
    """The newest register known before `day`; one never validated, or of a file, ends the search."""
    for back, row in enumerate(reversed(rows), 1):
        if row.day != day - timedelta(days=back):
            return None
        if row.last_known is not None:
            return Edge(row.day, row.last_known)
        if _is_measured(row):
            return None
    return None


def edge_after(day: date, rows: Sequence[PointDay]) -> Edge | None:
    for ahead, row in enumerate(rows, 1):
        if row.day != day + timedelta(days=ahead):
            return None
        if row.first_known is not None:
            return Edge(row.day, row.first_known)
        if _is_measured(row):
            return None
    return None


def _is_measured(row: PointDay) -> bool:
    """Without a register that is known: what a file said of this day is no part of any hole."""
    return bool((row.method == Method.MEASURED).any())


def crossing(raw: RawDay, first: int, last: int, near: Neighbours) -> Crossing | None:
    """The hole [first, last) of a day that touches its begin or end; None: no register is known."""
    day = raw.day.day
    before = edge_before(day, near.before) if first == 0 else _here(raw, first)
    after = edge_after(day, near.after) if last == raw.day.slots else _here(raw, last)
    if before is None or after is None or not near.is_same(before.day, after.day):
        return None
    parts = _parts(before, after, raw.day.interval_s, near.zone)
    slots = sum(end - start for _, start, end in parts)
    total = _passed(before, after, raw.rows[-1], slots * raw.day.interval_s / 3600)
    if total is None:
        return Crossing(Gap(first, last), {})
    return _shared(total, raw.day, parts, near)


def _here(raw: RawDay, boundary: int) -> Edge | None:
    value = np.nan if raw.is_of_file else raw.registers()[boundary]
    return None if np.isnan(value) else Edge(raw.day.day, (boundary, int(value)))


_Parts = list[tuple[Grid, int, int]]


def _parts(before: Edge, after: Edge, interval_s: int, zone: tzinfo) -> _Parts:
    """Each day of the hole with its slots [start, end)."""
    parts = []
    for number in range((after.day - before.day).days + 1):
        day = grid(before.day + timedelta(days=number), zone, interval_s)
        start = before.known[0] if day.day == before.day else 0
        end = after.known[0] if day.day == after.day else day.slots
        parts.append((day, start, end))
    return parts


def _passed(before: Edge, after: Edge, row: Register, hours: float) -> int | None:
    one = [np.array([each]) for each in (before.known[1], after.known[1], row.most_w * hours, row.modulus_wh)]
    (passed,) = advances(*one)
    return None if np.isnan(passed) else int(passed)


def _shared(total: int, here: Grid, parts: _Parts, near: Neighbours) -> Crossing:
    weights: list[NDArray[np.float64]] = []
    references: set[date] = set()
    for day, start, end in parts:
        shape = like_day(day, parts[0][0].day, near.before, near.zone, near.limits, near.calendar)
        whole = np.ones(day.slots) if shape is None else np.nan_to_num(shape.wh)
        references.update(() if shape is None else shape.references)
        weights.append(np.where(near.outage(day), 0.0, whole)[start:end])
    at = [day.day for day, _, _ in parts].index(here.day)
    _, first, last = parts[at]
    gap = Gap(
        first,
        last,
        total,
        np.concatenate([np.empty(0), *weights[:at]]),
        weights[at],
        np.concatenate([np.empty(0), *weights[at + 1 :]]),
        tuple(sorted(references)),
    )
    return Crossing(gap, _elsewhere(total, here, parts, weights))


def _elsewhere(
    total: int, here: Grid, parts: _Parts, weights: list[NDArray[np.float64]]
) -> dict[date, tuple[int, NDArray[np.int64]]]:
    shares = share_out(total, np.concatenate(weights))
    found, at = {}, 0
    for (day, start, end), own in zip(parts, weights, strict=True):
        if day.day != here.day and end > start:
            found[day.day] = (start, shares[at : at + len(own)])
        at += len(own)
    return found


def differs(stored: PointDay, start: int, shares: NDArray[np.int64]) -> bool:
    """Whether a stored day says otherwise of its part of the hole; what a person said is left alone."""
    part = slice(start, start + len(shares))
    own = stored.method[part] != Method.MANUAL
    told = np.isin(stored.method[part][own], (Method.REGISTER_SHAPED, Method.OUTAGE_ZERO))
    return not told.all() or not np.array_equal(stored.final_wh[part][own], shares[own].astype(np.float64))
