"""What a day usually looks like: the mean of like days, or the median of a class on that day; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo

import numpy as np
from numpy.typing import NDArray

from cloud.kit.calendar import Calendar
from cloud.metering.vee.grid import Grid, grid
from cloud.metering.vee.point_day import Flag, Method, PointDay
from cloud.metering.vee.policy import EstimateLimits


@dataclass(frozen=True, slots=True)
class Shape:
    """`wh` (slots,) is what each slot would hold, NaN where nothing is known; made after `references`."""

    wh: NDArray[np.float64]
    method: Method
    references: tuple[date, ...] = ()


def like_day(
    target: Grid,
    before: date,
    history: Sequence[PointDay],
    zone: tzinfo,
    limits: EstimateLimits,
    calendar: Calendar,
) -> Shape | None:
    """The mean of the newest days before `before` of the target's type, or None where there is none.

    `history` in order of day. Slots are matched by the clock on the wall, so a day of 92 or 100 fits too.
    """
    wanted = calendar.day_type(target.day)
    alike = [
        each
        for each in history
        if 0 < (before - each.day).days <= limits.within_days
        and each.interval_s == target.interval_s
        and calendar.day_type(each.day) is wanted
        and is_reference(each, limits)
    ][-limits.like_days :]
    if not alike:
        return None
    on_wall = _minutes(target, zone)
    rows = np.array([_at_minutes(each, on_wall, zone) for each in alike])
    known = ~np.isnan(rows)
    count = known.sum(axis=0)
    total = np.where(known, rows, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(target.slots, np.nan), where=count > 0)
    return Shape(mean, Method.LIKE_DAY, tuple(each.day for each in alike))


def is_reference(day: PointDay, limits: EstimateLimits) -> bool:
    """Whether others may be made after it: measured nearly throughout, and no outage in it."""
    measured = np.count_nonzero(day.method == Method.MEASURED)
    return bool(measured >= limits.valid_share * day.slots and not np.any(day.flags & Flag.OUTAGE))


def scaled(shape: Shape, measured_wh: NDArray[np.float64], limits: EstimateLimits) -> Shape:
    """As high as the part of the day that was measured says, within limits."""
    both = ~np.isnan(measured_wh) & ~np.isnan(shape.wh)
    usual = float(shape.wh[both].sum())
    if not both.any() or usual <= 0:
        return shape
    factor = float(np.clip(measured_wh[both].sum() / usual, limits.scale_low, limits.scale_high))
    return Shape(shape.wh * factor, shape.method, shape.references)


def class_profile(days: NDArray[np.float64], usual_wh: float | None, limits: EstimateLimits) -> Shape | None:
    """The median of the normalised shapes of `days` (peers, slots) times what the point uses in a day.

    Only whole days that used something count; None where they are too few or `usual_wh` is not known.
    """
    totals = days.sum(axis=1)
    whole = totals > 0  # NaN is not
    if usual_wh is None or int(whole.sum()) < limits.peers:
        return None
    median = np.median(days[whole] / totals[whole, None], axis=0)
    if median.sum() <= 0:
        return None
    return Shape(median / median.sum() * usual_wh, Method.CLASS_PROFILE)


def _minutes(day: Grid, zone: tzinfo) -> NDArray[np.int64]:
    """What the clock on the wall shows at each slot's start, in minutes since midnight."""
    instants = day.bounds_ms[:-1].astype("datetime64[ms]").tolist()
    local = [each.replace(tzinfo=UTC).astimezone(zone) for each in instants]
    return np.array([each.hour * 60 + each.minute for each in local], np.int64)


def _at_minutes(day: PointDay, on_wall: NDArray[np.int64], zone: tzinfo) -> NDArray[np.float64]:
    measured = np.where(day.method == Method.MEASURED, day.final_wh, np.nan)
    own = _minutes(grid(day.day, zone, day.interval_s), zone)
    if np.array_equal(own, on_wall):
        return measured
    first = {int(minute): slot for slot, minute in reversed(list(enumerate(own)))}
    return np.array([measured[first[m]] if m in first else np.nan for m in on_wall.tolist()])
