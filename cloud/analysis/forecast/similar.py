"""Which days are like the one to come, and their mean: the forecast that others have to beat.

A day's kind: work 0, Saturday 1, off 2 (a Sunday), holiday 3. A holiday is forecast after earlier holidays
when there are enough of them, else after days off of any sort; a Sunday never after a holiday.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.kernels.similar import MOST, similar_means

WORK, SATURDAY, OFF, HOLIDAY = range(4)
Kw = NDArray[np.float32]
REACH = 2 * MOST
"""More days are looked for than are used: some are not valid."""


@dataclass(frozen=True, slots=True)
class Alike:
    """`days` latest valid days within `within_days`; `holidays_from` as in the module's sentence."""

    days: int = 5
    within_days: int = 56
    holidays_from: int = 2


def candidates(
    kinds: NDArray[np.int8], targets: Sequence[int], rule: Alike, *, lead: int = 1
) -> NDArray[np.int64]:
    """(targets, REACH): indices of days like each target, latest first, -1 behind.

    `kinds` int8 (days,) of all days in order, targets too. Of a target t nothing after t - lead is known.
    """
    found = np.full((len(targets), REACH), -1, np.int64)
    for row, target in zip(found, targets, strict=True):
        first = max(0, target - rule.within_days)
        known = kinds[first : max(first, target - lead + 1)]
        alike = np.isin(known, _like(int(kinds[target]), known, rule))
        days = first + np.flatnonzero(alike)[::-1][:REACH]
        row[: len(days)] = days
    return found


def _like(kind: int, known: NDArray[np.int8], rule: Alike) -> list[int]:
    if kind != HOLIDAY:
        return [kind]
    return [HOLIDAY] if np.sum(known == HOLIDAY) >= rule.holidays_from else [OFF, HOLIDAY]


def usable(
    values: Kw, unsure: NDArray[np.float32], *, missing_share: float, unsure_share: float
) -> NDArray[np.bool_]:
    """(points, days): which days may teach. `unsure` is each day's share of estimates and outage."""
    missing = np.isnan(values).mean(axis=2, dtype=np.float32)
    ok: NDArray[np.bool_] = (missing <= missing_share) & (unsure <= unsure_share)
    return ok


def similar(
    values: Kw,
    valid: NDArray[np.bool_],
    kinds: NDArray[np.int8],
    targets: Sequence[int],
    rule: Alike | None = None,
    *,
    lead: int = 1,
) -> tuple[Kw, NDArray[np.int16]]:
    """(points, targets, slots) kW and (points, targets) how many days stand behind it; NaN with none."""
    rule = rule or Alike()
    out = np.empty((len(values), len(targets), values.shape[2]), np.float32)
    used = np.empty(out.shape[:2], np.int16)
    similar_means(values, valid, candidates(kinds, targets, rule, lead=lead), rule.days, out, used)
    return out, used
