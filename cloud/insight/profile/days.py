"""An area's curves as days that count and days that do not: what every task of profiles starts from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import by_wall
from cloud.insight.curves import QUARTER_S, Curves, Source, read
from cloud.insight.profile.policy import ProfilePolicy
from cloud.metering.archive import reader

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Days:
    """`kwh` float32 (points, days, labels) by the wall clock; all others (points, days).

    `valid_slots` and `estimated_slots` are of the day's real slots, of which there are `slots` (days,);
    `energy_kwh` is the sum of all. `counts`: the day counts. `shaped`: it has a shape besides.
    """

    points: tuple[str, ...]
    kwh: NDArray[np.float32]
    slots: NDArray[np.int64]
    valid_slots: NDArray[np.int64]
    estimated_slots: NDArray[np.int64]
    energy_kwh: NDArray[np.float64]
    counts: NDArray[np.bool_]
    shaped: NDArray[np.bool_]


def points_in(asked: Source) -> set[str]:
    """Who stood there when a day of these ended: as the files say."""
    return {point for each in reader.opened(asked.folder, asked.final) for point in each.points()}


def days_of(asked: Source, points: Sequence[str], policy: ProfilePolicy) -> list[Days]:
    """By quarters of an hour; points that have none of these by the hour, if they have any."""
    found = read(asked, points)
    empty: NDArray[np.bool_] = np.all(np.isnan(found.wh), axis=1)
    parts = [] if empty.all() else [_days(found, ~empty, policy)]
    if empty.any():
        hourly = read(
            asked, [point for point, none in zip(points, empty, strict=True) if none], interval_s=HOUR_S
        )
        there: NDArray[np.bool_] = ~np.all(np.isnan(hourly.wh), axis=1)
        parts += [_days(hourly, there, policy)] if there.any() else []
    return parts


def _days(found: Curves, chosen: NDArray[np.bool_], policy: ProfilePolicy) -> Days:
    wh, estimated = found.wh[chosen], found.estimated[chosen]
    starts = found.grid.first_slot[:-1]
    known = ~np.isnan(wh)
    slots = np.diff(found.grid.first_slot)
    valid = np.add.reduceat(known, starts, axis=1, dtype=np.int64)
    guessed = np.add.reduceat(estimated & known, starts, axis=1, dtype=np.int64)
    energy = np.add.reduceat(np.where(known, wh, 0), starts, axis=1, dtype=np.float64) / 1000
    counts = (valid >= policy.least_coverage * slots) & (guessed <= policy.most_estimated * slots)
    points = tuple(point for point, here in zip(found.points, chosen, strict=True) if here)
    kwh = by_wall(wh, found.grid) / np.float32(1000)
    shaped = counts & (energy >= max(policy.least_kwh, 1e-9))
    return Days(points, kwh, slots, valid, guessed, energy, counts, shaped)


def quarters(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shapes by the hour as shapes by quarters, so that all stand in one dictionary."""
    times = 24 * HOUR_S // QUARTER_S // shapes.shape[1]
    return shapes if times == 1 else np.repeat(shapes, times, axis=1) / np.float32(times)
