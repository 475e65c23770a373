"""What class a month behaves like by published class profiles: for a station too small to learn from.

Weak on purpose: only shares of energy are compared, each profile with a wide spread, classes weighed evenly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.classes.features import NAMES

_WINDOWS = 8
_COLUMNS = [
    *(NAMES.index(f"{kind}_{3 * n:02}") for kind in ("work", "off") for n in range(_WINDOWS)),
    NAMES.index("saturday_ratio"),
    NAMES.index("off_ratio"),
]
_HIGHEST_RATIO = 3.0


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of customer of a class: shares of windows of three hours, days off against working days."""

    class_: int
    work: tuple[float, ...]
    off: tuple[float, ...]
    saturday_ratio: float
    off_ratio: float

    @property
    def middle(self) -> list[float]:
        return [*self.work, *self.off, self.saturday_ratio, self.off_ratio]


@dataclass(frozen=True, slots=True)
class Prior:
    """`share_spread`, `ratio_spread`: how far single customers lie; `weight`: as many independent numbers."""

    profiles: Sequence[Profile]
    classes: int
    share_spread: float
    ratio_spread: float
    weight: float

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """(rows, classes) of rows of features; NaN where fewer than half of the numbers are known."""
        own = values[:, _COLUMNS].astype(np.float64)
        own[:, 2 * _WINDOWS :] = np.minimum(own[:, 2 * _WINDOWS :], _HIGHEST_RATIO)
        spread = np.array([self.share_spread] * 2 * _WINDOWS + [self.ratio_spread] * 2)
        likely = np.zeros((len(own), self.classes))
        count = np.zeros(self.classes)
        for each in self.profiles:
            likely[:, each.class_] += np.exp(-self.weight / 2 * _distance(own, np.array(each.middle), spread))
            count[each.class_] += 1
        likely = likely / np.maximum(count, 1) + 1e-12
        found = likely / likely.sum(axis=1, keepdims=True)
        known: NDArray[np.bool_] = (~np.isnan(own)).mean(axis=1) >= 0.5
        return np.where(known[:, None], found, np.nan)


def _distance(
    own: NDArray[np.float64], middle: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(rows,): the mean square of what is known, in spreads."""
    known = ~np.isnan(own)
    square = np.where(known, ((own - middle) / spread) ** 2, 0).sum(axis=1)
    found: NDArray[np.float64] = square / np.maximum(known.sum(axis=1), 1)
    return found
