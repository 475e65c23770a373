"""Counts a day's slots, pure: bits in, numbers out. A slot is counted once however often its value came.

What is left out is left out whether it was heard or not, so that an outage does not flatter a rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from cloud.metering.ledger.days import Bits, DaySlots
from cloud.metering.ledger.reasons import Excluded, Freeze
from cloud.metering.store import ms

NOBODY = np.iinfo(np.int64).max
"""The instant at which something came that never came."""
REASONS = tuple(Excluded)
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The slots of some meters that have the same slots; all of shape (meters, slots) or (meters,).

    `left_out`: 0, or 1 + the index into `REASONS`. `freeze_ms`: when this midnight's freeze came, or NOBODY.
    """

    slots: DaySlots
    service: Bits
    heard: Bits
    on_time: Bits
    left_out: NDArray[np.uint8]
    freeze_ms: Numbers
    sources: Numbers


@dataclass(frozen=True, slots=True)
class Marks:
    """Readings of a sheet's meters: arrays of one length; `row` indexes the sheet, times in Unix ms."""

    row: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    source: NDArray[np.int64]
    came_ms: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of each meter; `reasons` (meters, reasons). `missing` (meters, slots): expected and not heard."""

    expected: Numbers
    received: Numbers
    late: Numbers
    reasons: Numbers
    missing: Bits


def merge(sheet: Sheet, marks: Marks, late_after: timedelta, freeze: int, by_hand: int) -> None:
    """Set the bits of what came, in place: the same marks again, or in another order, change nothing.

    `freeze`, `by_hand`: the source ids of a freeze, and of a value read in the field, which is collected by
    nobody's system: it is noted as a source and fills no slot.
    """
    slot = sheet.slots.index(marks.at_ms)
    here = (slot >= 0) & (slot < sheet.slots.count)
    np.bitwise_or.at(sheet.sources, marks.row[here], 1 << marks.source[here])
    counts = here & (marks.source != by_hand)
    row, slot = marks.row[counts], slot[counts]
    sheet.heard[row, slot] = True
    limit = sheet.slots.ends_ms()[slot] + round(late_after / timedelta(milliseconds=1))
    soon = marks.came_ms[counts] <= limit
    sheet.on_time[row[soon], slot[soon]] = True
    _freezes(sheet, marks, freeze)


def _freezes(sheet: Sheet, marks: Marks, freeze: int) -> None:
    """The first to come of the freezes stamped with this midnight; some meters stamp a little after it."""
    start = ms(sheet.slots.start)
    found = (marks.source == freeze) & (marks.at_ms >= start) & (marks.at_ms < start + 900_000)
    np.minimum.at(sheet.freeze_ms, marks.row[found], marks.came_ms[found])


def figures(sheet: Sheet, due: Bits) -> Figures:
    """`due` (slots,): those that are over."""
    counted = sheet.service & due
    expected = counted & (sheet.left_out == 0)
    received = expected & sheet.heard
    out = [(counted & (sheet.left_out == 1 + code)).sum(axis=1) for code in range(len(REASONS))]
    return Figures(
        expected.sum(axis=1),
        received.sum(axis=1),
        (received & ~sheet.on_time).sum(axis=1),
        np.stack(out, axis=1),
        expected & ~sheet.heard,
    )


def due(slots: DaySlots, now: datetime, after: timedelta) -> Bits:
    """(slots,): whether a slot ended so long ago."""
    found: Bits = slots.ends_ms() <= ms(now - after)
    return found


def freezes(sheet: Sheet, deadline: datetime, now: datetime, able: Sequence[bool]) -> list[Freeze]:
    """What became of each meter's freeze. `able`: whether its model makes freezes at all."""
    last = min(sheet.slots.count - 1, max(0, (deadline - sheet.slots.start) // sheet.slots.width))
    left_out = (sheet.left_out[:, 0] > 0) | (sheet.left_out[:, last] > 0)
    found = []
    for row, makes_them in enumerate(able):
        if not makes_them or not sheet.service[row, 0]:
            found.append(Freeze.NOT_DUE)
        elif left_out[row]:
            found.append(Freeze.EXCLUDED)
        elif sheet.freeze_ms[row] <= ms(deadline):
            found.append(Freeze.ON_TIME)
        elif sheet.freeze_ms[row] < NOBODY:
            found.append(Freeze.LATE)
        else:
            found.append(Freeze.PENDING if now < deadline else Freeze.MISSING)
    return found


def freeze_reasons(sheet: Sheet, deadline: datetime, row: int) -> Excluded:
    """Why an excluded freeze is excluded."""
    last = min(sheet.slots.count - 1, max(0, (deadline - sheet.slots.start) // sheet.slots.width))
    code = int(sheet.left_out[row, 0] or sheet.left_out[row, last])
    return REASONS[code - 1]
