"""Coincidence (同时率) of groups of curves, and what each curve contributes to its group's peak.

CF = max_t Σ p / Σ max p, in [highest p / Σ max p, 1]; diversity is 1 / CF. Curves are of the same instants.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.coincidence import add_up


@dataclass(frozen=True, slots=True)
class Coincidence:
    """Units as given; NaN where nothing is known or, of `factor`, drawn.

    Of groups: `total` float64 (groups, slots) the sum of what is known, `known` int32 (groups, slots) of how
    many; `peak` (groups,) the highest sum, `peak_slot` the first slot that has it (-1: none), `maxima` the
    sum of the members' own highest values, `members` how many have any, `factor` peak / maxima. Of members:
    `own` (rows,) the highest value, `at_peak` (rows,) the value at its group's peak, NaN where unknown.
    """

    total: NDArray[np.float64]
    known: NDArray[np.int32]
    peak: NDArray[np.float64]
    peak_slot: NDArray[np.int64]
    maxima: NDArray[np.float64]
    members: NDArray[np.int64]
    factor: NDArray[np.float64]
    own: NDArray[np.float32]
    at_peak: NDArray[np.float32]

    @property
    def contribution(self) -> NDArray[np.float32]:
        """(rows,) what a member draws at the peak over its own maximum; NaN where it draws nothing at all."""
        found = np.full(len(self.own), np.nan, np.float32)
        return np.divide(self.at_peak, self.own, out=found, where=self.own > 0)


def coincidence(
    values: NDArray[np.float32], group: NDArray[np.int64] | None = None, groups: int = 1
) -> Coincidence:
    """Of rows (rows, slots), power or energy of equal slots; `group` (rows,): 0..groups-1, or below: none.

    Without `group` all rows are one.
    """
    rows, slots = values.shape
    where = np.zeros(rows, np.int64) if group is None else np.ascontiguousarray(group, np.int64)
    total, known = np.zeros((groups, slots)), np.zeros((groups, slots), np.int32)
    own = np.empty(rows, np.float32)
    add_up(np.ascontiguousarray(values), where, total, known, own)
    return finished(values, where, total, known, own)


def finished(
    values: NDArray[np.float32],
    group: NDArray[np.int64],
    total: NDArray[np.float64],
    known: NDArray[np.int32],
    own: NDArray[np.float32],
) -> Coincidence:
    """What follows from the sums, for whoever made them in parts."""
    groups = len(total)
    sums = np.where(known > 0, total, -np.inf)
    slot = np.where(known.any(axis=1), np.argmax(sums, axis=1), -1)
    peak = np.where(slot >= 0, sums.max(axis=1, initial=-np.inf), np.nan)
    there = (group >= 0) & ~np.isnan(own)
    members = np.bincount(group[there], minlength=groups)
    maxima = np.zeros(groups)
    np.add.at(maxima, group[there], own[there].astype(np.float64))
    factor: NDArray[np.float64] = np.divide(peak, maxima, out=np.full(groups, np.nan), where=maxima > 0)
    place = np.where(group >= 0, slot[group], -1)
    at_peak = np.where(place >= 0, values[np.arange(len(values)), place], np.nan).astype(np.float32)
    maxima = np.where(members > 0, maxima, np.nan)
    return Coincidence(total, known, peak, slot, maxima, members, factor, own, at_peak)
