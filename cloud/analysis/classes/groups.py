"""What is usual in a class, and what of an account is not: its own value beside the class's quartiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.classes.features import NAMES

LEAST_CUSTOMERS = 10
"""Of fewer nothing is told: a quartile of three homes tells of a home."""
TOLD = (
    "load_factor", "base_ratio", "ramp_ratio", "peak_hours", "night_share", "daytime_share",
    "night_share_off", "daytime_share_off", "saturday_ratio", "off_ratio", "work_cv",
    "noon_dip", "evening_rise", "morning_rise", "off_likeness",
)  # fmt: skip
"""Features that a person can check on site; the others only help to decide."""
Quartiles = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A feature outside the middle half of the contract's class; `seems`: the quartiles of the other class.

    `far` is how far from the nearer quartile, in widths of the middle half.
    """

    feature: str
    own: float
    class_: Quartiles
    seems: Quartiles | None
    far: float


def quartiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """(3, columns) of (customers, columns), each of those that are known; NaN of fewer than ten."""
    enough = (~np.isnan(values)).sum(axis=0) >= LEAST_CUSTOMERS
    found = np.full((3, values.shape[1]), np.nan)
    if enough.any():
        found[:, enough] = np.nanpercentile(values[:, enough].astype(np.float64), [25, 50, 75], axis=0)
    return found


def medians(values: NDArray[np.float32], account: NDArray[np.int64], accounts: int) -> NDArray[np.float32]:
    """(accounts, columns): each account's usual month; NaN where it has none."""
    found = np.full((accounts, values.shape[1]), np.nan, np.float32)
    order = np.argsort(account, kind="stable")
    counts = np.bincount(account, minlength=accounts)
    starts = np.cumsum(counts) - counts
    for count in np.unique(counts[counts > 0]):
        chosen = np.flatnonzero(counts == count)
        rows = order[starts[chosen][:, None] + np.arange(count)]
        found[chosen] = _median(values[rows])
    return found


def contradictions(
    own: Mapping[str, float], class_: Mapping[str, Quartiles], seems: Mapping[str, Quartiles], most: int = 6
) -> list[Contradiction]:
    """What lies outside the class's middle half, towards the other class where known; farthest first."""
    found = []
    for name in TOLD:
        value, usual = own.get(name), class_.get(name)
        if value is None or usual is None or np.isnan(value):
            continue
        low, _, high = usual
        width = max(high - low, 1e-3)
        far = max(low - value, value - high) / width
        other = seems.get(name)
        if far > 0 and (other is None or _nearer(value, usual, other)):
            found.append(Contradiction(name, value, usual, other, far))
    return sorted(found, key=lambda each: -each.far)[:most]


def by_name(columns: NDArray[np.float64], names: Sequence[str] = NAMES) -> dict[str, Quartiles]:
    """(3, columns) as quartiles by name; unknown ones are left out."""
    return {
        name: (float(low), float(middle), float(high))
        for name, (low, middle, high) in zip(names, columns.T, strict=True)
        if not np.isnan(middle)
    }


def _nearer(value: float, usual: Quartiles, other: Quartiles) -> bool:
    return abs(value - other[1]) < abs(value - usual[1])


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows, columns) of (rows, months, columns): of those known, NaN of none."""
    ordered = np.sort(values, axis=1)
    known = (~np.isnan(values)).sum(axis=1)
    low, high = np.maximum((known - 1) // 2, 0), np.maximum(known // 2, 0)
    high = np.minimum(high, values.shape[1] - 1)
    one = np.take_along_axis(ordered, low[:, None], axis=1)[:, 0]
    other = np.take_along_axis(ordered, high[:, None], axis=1)[:, 0]
    return np.where(known > 0, (one + other) / 2, np.nan).astype(np.float32)
