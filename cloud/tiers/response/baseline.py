"""What a customer would have drawn without the event: high X of Y days of one type, adjusted on the day.

Of the last `of` usable days of the same type before the event, the `best` with the most energy in the hours
of the event are averaged slot by slot; the average is then multiplied by (drawn / average) of some hours
before it, by 1 ± `cap` at the most. After NYISO's customer baseline load (high 5 of 10, adjusted by at most
20 %), from memory: to be checked. Its own error is measured on days without an event and told beside it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Kw = NDArray[np.float64]
KNOWN_BEFORE = 0.5
"""Of the slots that the adjustment looks at, so many must be known, else there is none."""


class Refused(StrEnum):
    """Why a baseline is not computable."""

    FEW_DAYS = "few_days"
    NO_LOAD = "no_load"


@dataclass(frozen=True, slots=True)
class Rule:
    """`adjust_from`, `adjust_until`: slots before the start of the event; `look_back` days."""

    best: int = 5
    of: int = 10
    least_days: int = 8
    look_back: int = 45
    adjust_from: int = 16
    adjust_until: int = 8
    cap: float = 0.2


@dataclass(frozen=True, slots=True)
class Window:
    """Slots of the day: the event is [start, end), what follows it [end, after), past midnight too."""

    start: int
    end: int
    after: int


@dataclass(frozen=True, slots=True)
class Days:
    """`kw` (days, slots) one after another, each with some slots of the next, NaN where missing or estimated.

    `kinds` (days,) say which are alike; `usable` (days,): no event, no holiday, enough of it measured.
    """

    kw: Kw
    kinds: NDArray[np.int8]
    usable: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Baseline:
    """`kw` (slots,), NaN where none of the `days` knows; `factor` None: the hours before are not known.

    `wanted` is the factor before it was capped.
    """

    kw: Kw
    days: tuple[int, ...] = ()
    factor: float | None = None
    wanted: float | None = None
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Errors:
    """Of days without an event: `kw` (n, slots) baseline less drawn, `drawn` (n, slots), `days` (n,) rows."""

    kw: Kw
    drawn: Kw
    days: NDArray[np.int64]


def baseline(known: Days, day: int, window: Window, rule: Rule) -> Baseline:
    """Of row `day`, of which only the hours before the event are looked at."""
    chosen = _alike(known, day, window, rule)
    if len(chosen) < rule.least_days:
        return _none(known, Refused.FEW_DAYS)
    best = chosen[np.argsort(-_used(known, chosen, window), kind="stable")[: rule.best]]
    mean = _mean(known.kw[best])
    if not np.nansum(mean[window.start : window.end]) > 0:
        return _none(known, Refused.NO_LOAD)
    wanted = _wanted(known.kw[day], mean, window, rule)
    factor = None if wanted is None else float(np.clip(wanted, 1 - rule.cap, 1 + rule.cap))
    kw = mean if factor is None else mean * factor
    return Baseline(kw, tuple(sorted(best.tolist())), factor, wanted)


def errors(known: Days, day: int, window: Window, rule: Rule, most: int) -> Errors:
    """The same baseline on the `most` usable days of the same type before it: what it shows of nothing."""
    alike = np.flatnonzero(known.usable[:day] & (known.kinds[:day] == known.kinds[day]))[::-1]
    found: list[tuple[int, Kw]] = []
    for row in alike.tolist():
        if len(found) == most:
            break
        one = baseline(known, row, window, rule)
        if one.refused is None:
            found.append((row, one.kw))
    rows = np.array([row for row, _ in found], np.int64)
    told = np.stack([kw for _, kw in found]) if found else np.empty((0, known.kw.shape[1]))
    return Errors(told - known.kw[rows], known.kw[rows], rows)


def bias(found: Errors, window: Window) -> float | None:
    """Baseline less drawn over drawn, in the hours of the event; None where nothing was drawn."""
    error, drawn = _both(found, window)
    total = float(drawn.sum())
    return float(error.sum()) / total if total > 0 else None


def cv_rmse(found: Errors, window: Window) -> float | None:
    """Root of the mean squared error of a slot over the mean drawn; None where nothing was drawn."""
    error, drawn = _both(found, window)
    if not len(drawn) or not drawn.mean() > 0:
        return None
    return float(np.sqrt(np.mean(error**2)) / drawn.mean())


def _both(found: Errors, window: Window) -> tuple[Kw, Kw]:
    error, drawn = (each[:, window.start : window.end] for each in (found.kw, found.drawn))
    there = ~np.isnan(error)
    return error[there], drawn[there]


def _alike(known: Days, day: int, window: Window, rule: Rule) -> NDArray[np.int64]:
    """Rows of the latest days of the same type that know every slot of the event, latest first."""
    first = max(0, day - rule.look_back)
    whole = ~np.isnan(known.kw[first:day, window.start : window.end]).any(axis=1)
    same = known.usable[first:day] & (known.kinds[first:day] == known.kinds[day]) & whole
    return (np.flatnonzero(same)[::-1][: rule.of] + first).astype(np.int64)


def _used(known: Days, rows: NDArray[np.int64], window: Window) -> Kw:
    found: Kw = known.kw[rows, window.start : window.end].sum(axis=1)
    return found


def _wanted(drawn: Kw, mean: Kw, window: Window, rule: Rule) -> float | None:
    low, high = (max(0, window.start - each) for each in (rule.adjust_from, rule.adjust_until))
    there = ~np.isnan(drawn[low:high]) & ~np.isnan(mean[low:high])
    if not there.any() or there.mean() < KNOWN_BEFORE:
        return None
    usual = float(mean[low:high][there].sum())
    return float(drawn[low:high][there].sum()) / usual if usual > 0 else None


def _mean(rows: Kw) -> Kw:
    there = ~np.isnan(rows)
    count = there.sum(axis=0)
    total = np.where(there, rows, 0).sum(axis=0)
    mean: Kw = np.divide(total, count, out=np.full(rows.shape[1], np.nan), where=count > 0)
    return mean


def _none(known: Days, why: Refused) -> Baseline:
    return Baseline(np.full(known.kw.shape[1], np.nan), refused=why)
