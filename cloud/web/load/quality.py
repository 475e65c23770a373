"""What a number rests on: how much of its time was read, how much is estimated, whether it may stand."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.web.language import NONE, Words

PUBLISHED = 0.95
"""Below this coverage a number is provisional (load_analysis: coverage is published with every value)."""
MUCH_ESTIMATED = 0.1


@dataclass(frozen=True, slots=True)
class Quality:
    """Shares 0 to 1: `coverage` of the expected slots, `estimated` of those there are; None is not known."""

    coverage: float | None
    estimated: float | None
    provisional: bool

    def said(self, words: Words) -> str:
        parts = [words.text("coverage %(share)s", share=percent(self.coverage, words))]
        if self.estimated is not None:
            parts.append(words.text("%(share)s estimated", share=percent(self.estimated, words)))
        return " · ".join(parts)


def quality(coverage: float | None, estimated: float | None, *, early: bool = False) -> Quality:
    """`early`: too few days, whatever their coverage."""
    covered = number(coverage)
    guessed = number(estimated)
    thin = covered is None or covered < PUBLISHED or (guessed or 0.0) > MUCH_ESTIMATED
    return Quality(covered, guessed, early or thin)


def of_days(
    valid: NDArray[np.float32], estimated: NDArray[np.float32], slots: NDArray[np.int64], *, days: int
) -> Quality:
    """Of `days` calendar days of which these were reckoned: a day without a row was not read at all."""
    if not len(slots):
        return quality(None, None)
    expected = float(slots.mean()) * max(days, len(slots))
    known = float(np.nansum(valid))
    guessed = float(np.nansum(estimated)) / known if known and not np.isnan(estimated).all() else None
    return quality(known / expected, guessed)


def number(value: float | None) -> float | None:
    """As JSON and pages have it: what is not a number is none."""
    return None if value is None or not math.isfinite(value) else float(value)


def percent(share: float | None, words: Words, digits: int = 0) -> str:
    """Never rounded up to a hundred nor down to nothing."""
    known = number(share)
    if known is None:
        return NONE
    step = 10.0**-digits
    shown = round(known * 100, digits)
    if shown >= 100 > known * 100:
        shown = 100 - step
    if shown <= 0 < known * 100 and known * 100 >= step / 100:
        return f"<{words.number(step, digits)}%"
    return f"{words.number(shown, digits)}%"
