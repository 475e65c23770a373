"""Slots of local days as rows of one length: (points, slots) in order of time to (points, days, 96).

A day of 92 slots has a hole where the clocks go forward; of a day of 100 the repeated hour stands twice, and
each of its labels holds the mean of both: a grid by the wall clock compares days, it never adds energies up.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

DAY_MIN = 1440


@dataclass(frozen=True, slots=True)
class DayGrid:
    """Whole local days: slot i of the time axis lies on day `day[i]` at label `label[i]`, both int64.

    `first_slot` int64 (days + 1,) cuts the axis into days: day d is [first_slot[d], first_slot[d + 1]).
    `labels` is how many a usual day has: 96 at 900 s.
    """

    days: tuple[date, ...]
    labels: int
    day: NDArray[np.int64]
    label: NDArray[np.int64]
    first_slot: NDArray[np.int64]

    @property
    def even(self) -> bool:
        """Every day is a usual one: then (points, slots) is (points, days, labels) as it stands."""
        return bool(np.all(np.diff(self.first_slot) == self.labels))


def day_grid(starts_ms: NDArray[np.int64], interval_s: int, zone: tzinfo) -> DayGrid:
    """The grid of slots that begin at `starts_ms` (Unix ms, UTC, in order) and fill whole local days.

    ValueError where `interval_s` does not make whole slots of an hour.
    """
    if 3600 % interval_s:
        raise ValueError(f"interval_s: {interval_s} s do not make whole slots of an hour")
    labels = 86_400 // interval_s
    offset_ms = _offsets_ms(starts_ms, zone)
    ordinal, within_ms = np.divmod(starts_ms + offset_ms, 86_400_000)
    changes = np.flatnonzero(np.diff(ordinal)) + 1
    first_slot = np.concatenate(([0], changes, [len(starts_ms)])).astype(np.int64)
    epoch = date(1970, 1, 1)
    days = tuple(epoch + timedelta(days=int(each)) for each in ordinal[first_slot[:-1]])
    day = np.repeat(np.arange(len(days), dtype=np.int64), np.diff(first_slot))
    return DayGrid(days, labels, day, within_ms // (interval_s * 1000), first_slot)


def by_wall(values: NDArray[np.float32], grid: DayGrid) -> NDArray[np.float32]:
    """(points, slots) as (points, days, labels): a view where every day is a usual one."""
    points, days = len(values), len(grid.days)
    if grid.even:
        return values.reshape(points, days, grid.labels)
    out = np.full((points, days, grid.labels), np.nan, np.float32)
    at = grid.day * grid.labels + grid.label
    order = np.argsort(at, kind="stable")
    again = np.zeros(len(at), np.bool_)
    again[order[1:]] = at[order[1:]] == at[order[:-1]]
    out[:, grid.day[~again], grid.label[~again]] = values[:, ~again]
    day, label = grid.day[again], grid.label[again]
    both = np.stack([out[:, day, label], values[:, again]])
    known = ~np.isnan(both)
    count = known.sum(axis=0)
    total = np.where(known, both, 0).sum(axis=0)
    out[:, day, label] = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return out


def _offsets_ms(starts_ms: NDArray[np.int64], zone: tzinfo) -> NDArray[np.int64]:
    """The zone's offset at each instant, asked for once an hour."""
    hour = starts_ms // 3_600_000
    hours, where = np.unique(hour, return_inverse=True)
    seconds = [
        (
            datetime.fromtimestamp(int(each) * 3600, UTC).astimezone(zone).utcoffset() or timedelta()
        ).total_seconds()
        for each in hours
    ]
    return (np.array(seconds) * 1000).astype(np.int64)[where]
