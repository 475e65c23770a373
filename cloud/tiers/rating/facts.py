"""Everything that the rules judge of all accounts in a month, as arrays; missing is NaN."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.tiers.rating.inputs import AT, INPUTS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Payments:
    """(n,) each: `bills` judged in twelve months (0: credit is unknown), `late_bills` of them late, the worst
    `days_late`, `arrears_days` since the oldest unpaid bill was due, `arrears_cny`, `runway_days` or NaN."""

    bills: Ints
    late_bills: Ints
    days_late: Ints
    arrears_days: Ints
    arrears_cny: Floats
    runway_days: Floats


@dataclass(frozen=True, slots=True)
class Shape:
    """The group of an account's days: its `share` of them, and for how many months running it is that."""

    name: str
    share: float
    months: int


@dataclass(frozen=True, slots=True)
class Facts:
    """`table` (n, inputs) by `inputs.AT`; `shapes` of the month, None unknown."""

    accounts: tuple[str, ...]
    customers: tuple[str, ...]
    classes: tuple[str, ...]
    voltages: tuple[str, ...]
    table: Floats
    valid_days: Floats
    payments: Payments
    shapes: tuple[Shape | None, ...]
    observable: NDArray[np.bool_]
    """Their customer agreed to observation."""
    protected: NDArray[np.bool_]

    def of(self, name: str) -> Floats:
        return self.table[:, AT[name]]


def empty_table(count: int) -> Floats:
    return np.full((count, len(INPUTS)), np.nan)


def ratio(one: Floats, other: Floats) -> Floats:
    """NaN where the other is nothing or unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(other > 0, one / other, np.nan)


def summed(values: Floats, owners: Sequence[int], count: int) -> Floats:
    """(count,) sums by owner of what is known; NaN where nothing is."""
    at, known = np.asarray(owners, np.int64), ~np.isnan(values)
    found = np.bincount(at[known], values[known], count).astype(np.float64)
    found[np.bincount(at[known], minlength=count) == 0] = np.nan
    return found


def whole(values: Floats, owners: Sequence[int], count: int) -> Floats:
    """(count,) sums by owner; NaN where any of its values is unknown, or there is none."""
    at = np.asarray(owners, np.int64)
    found = np.bincount(at, values, count).astype(np.float64)
    found[np.bincount(at, minlength=count) == 0] = np.nan
    return found


def by_account(found: Mapping[str, float], accounts: Sequence[str]) -> Floats:
    return np.array([found.get(each, np.nan) for each in accounts], np.float64)
