"""How a customer's days differ among one another: the most frequent code, its share, the entropy of codes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Habits:
    """`code`, its `share` of the `days` that have one, and `entropy` in bits; None without such a day.

    `shares` by code. Entropy is 0 where all days are alike and log2 of the number of codes at most.
    """

    days: int
    code: int | None
    share: float | None
    entropy: float | None
    shares: dict[int, float]


def habits(codes: NDArray[np.integer]) -> list[Habits]:
    """Of each row of (customers, days); a code below 0 is no code. Of equal shares the lower code."""
    most = int(codes.max(initial=-1)) + 1
    rows, days = np.nonzero(codes >= 0)
    counts = np.zeros((len(codes), max(most, 1)), np.int64)
    np.add.at(counts, (rows, codes[rows, days]), 1)
    return [_of(each) for each in counts]


def _of(counts: NDArray[np.int64]) -> Habits:
    days = int(counts.sum())
    if days == 0:
        return Habits(0, None, None, None, {})
    there = np.flatnonzero(counts)
    share = counts[there] / days
    entropy = max(0.0, -float((share * np.log2(share)).sum()))
    best = int(counts.argmax())
    shares = {int(code): float(part) for code, part in zip(there, share, strict=True)}
    return Habits(days, best, float(counts[best] / days), entropy, shares)
