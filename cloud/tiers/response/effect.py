"""What an event did: baseline less drawn, what was drawn more afterwards, and how sure that is.

The baseline's own mean error on days without an event is taken off first: to choose the highest days says too
much, most of all of households. Intervals come of the same errors. A missing slot is never a reduction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.tiers.response.baseline import Baseline, Errors, Kw, Window, bias, cv_rmse

SLOT_H = 0.25
MOST_KNOWN = 0.8
"""Of the customers of an event, so many must know a day for it to tell of all their errors together."""


@dataclass(frozen=True, slots=True)
class Span:
    """kWh with the bounds that the baseline's errors leave; None where they are too few to say."""

    kwh: float
    low: float | None
    high: float | None

    @property
    def sure(self) -> bool:
        """Whether it is more than the baseline's error could be."""
        return self.low is not None and self.low > 0


@dataclass(frozen=True, slots=True)
class Effect:
    """`less_kw` (slots,): baseline less drawn, corrected, NaN where missing; `mean_kw` counts that as none.

    `plain_kwh` is the reduction without the correction, the same where there were too few days for one.

    `known` and `known_after` are shares of slots; `net` is reduction less rebound. `chance`: on what share of
    days without an event the baseline shows as much; `bias` and `cv_rmse` of it in these hours, on `days`.
    """

    less_kw: Kw
    reduction: Span
    plain_kwh: float
    mean_kw: float
    known: float
    rebound: Span
    known_after: float
    net: Span
    chance: float | None
    bias: float | None
    cv_rmse: float | None
    days: int


@dataclass(frozen=True, slots=True)
class Sureness:
    """An interval holds `share` of the errors; with fewer than `least` of them there is none."""

    share: float = 0.9
    least: int = 10


def effect(
    drawn: Kw, expected: Baseline, found: Errors, window: Window, sureness: Sureness = Sureness()
) -> Effect | None:
    """Of one customer's day, (slots,) kW; None where there is no baseline or nothing was measured."""
    if expected.refused is not None:
        return None
    return _effect(expected.kw - drawn, found, window, sureness)


def together(
    parts: Sequence[tuple[Kw, Baseline, Errors]], window: Window, sureness: Sureness = Sureness()
) -> Effect | None:
    """Of all customers of an event (those with a baseline): their errors are added day by day, so that what
    they have in common stays in the interval."""
    kept = [each for each in parts if each[1].refused is None]
    if not kept:
        return None
    less = np.stack([expected.kw - drawn for drawn, expected, _ in kept])
    known = ~np.isnan(less)
    whole = np.where(known.any(axis=0), np.where(known, less, 0).sum(axis=0), np.nan)
    return _effect(whole, _joined([found for _, _, found in kept], known), window, sureness)


def _joined(found: Sequence[Errors], known: NDArray[np.bool_]) -> Errors:
    """Errors of all on days that `MOST_KNOWN` of them know, in slots that each of them knows of the event;
    a day that one of them lacks is as its others are in the mean."""
    count: dict[int, int] = {}
    for each in found:
        for day in each.days.tolist():
            count[day] = count.get(day, 0) + 1
    days = np.array(sorted(day for day, n in count.items() if n >= MOST_KNOWN * len(found)), np.int64)
    error, drawn = np.zeros((2, len(days), known.shape[1]))
    for each, mine in zip(found, known, strict=True):
        error += np.where(mine, _on(each.kw, each.days, days), 0)
        drawn += np.where(mine, _on(each.drawn, each.days, days), 0)
    return Errors(error, drawn, days)


def _on(kw: Kw, of: NDArray[np.int64], days: NDArray[np.int64]) -> Kw:
    """(days, slots) of `kw` (of, slots), the mean of the others on days that are not there."""
    out = np.full((len(days), kw.shape[1]), np.nan)
    where = {day: row for row, day in enumerate(of.tolist())}
    for row, day in enumerate(days.tolist()):
        if day in where:
            out[row] = kw[where[day]]
    there = ~np.isnan(out)
    mean = np.divide(np.where(there, out, 0).sum(axis=0), there.sum(axis=0),
                     out=np.full(kw.shape[1], np.nan), where=there.any(axis=0))  # fmt: skip
    return np.where(there, out, mean)


def _effect(plain: Kw, found: Errors, window: Window, sureness: Sureness) -> Effect | None:
    """`plain` (slots,): baseline less drawn."""
    during, after = _slots(plain, window.start, window.end), _slots(plain, window.end, window.after)
    if not len(during):
        return None
    less, centred = _corrected(plain, found, sureness)
    reduction = _span(less, centred, during, sureness)
    hours = (window.end - window.start) * SLOT_H
    return Effect(
        less_kw=less,
        reduction=reduction,
        plain_kwh=float(plain[during].sum() * SLOT_H),
        mean_kw=reduction.kwh / hours,
        known=len(during) / (window.end - window.start),
        rebound=_span(-less, _turned(centred), after, sureness),
        known_after=len(after) / (window.after - window.end) if window.after > window.end else 0.0,
        net=_span(less, centred, np.concatenate([during, after]), sureness),
        chance=_chance(reduction.kwh, centred, during, sureness),
        bias=bias(found, window),
        cv_rmse=cv_rmse(found, window),
        days=len(found.days),
    )


def mean_error(found: Errors, least: int) -> Kw:
    """(slots,) kW that the baseline says too much; 0 where fewer than `least` days are known to tell it."""
    if len(found.days) < least:
        return np.zeros(found.kw.shape[1])
    there = ~np.isnan(found.kw)
    total = np.where(there, found.kw, 0).sum(axis=0)
    mean: Kw = np.divide(total, there.sum(axis=0), out=np.zeros_like(total), where=there.any(axis=0))
    return mean


def _corrected(less: Kw, found: Errors, sureness: Sureness) -> tuple[Kw, Errors]:
    mean = mean_error(found, sureness.least)
    return less - mean, Errors(found.kw - mean, found.drawn, found.days)


def _slots(less: Kw, low: int, high: int) -> NDArray[np.int64]:
    """Those of [low, high) that are known."""
    return (np.flatnonzero(~np.isnan(less[low:high])) + low).astype(np.int64)


def _span(less: Kw, found: Errors, slots: NDArray[np.int64], sureness: Sureness) -> Span:
    kwh = float(less[slots].sum() * SLOT_H)
    shown = _shown(found, slots)
    if len(shown) < sureness.least or not len(slots):
        return Span(kwh, None, None)
    side = (1 - sureness.share) / 2
    low, high = np.quantile(shown, [side, 1 - side])
    return Span(kwh, kwh - float(high), kwh - float(low))


def _shown(found: Errors, slots: NDArray[np.int64]) -> Kw:
    """(n,) kWh that the baseline shows in these slots on each day without an event that knows them all."""
    if not len(slots):
        return np.empty(0)
    kwh = found.kw[:, slots].sum(axis=1) * SLOT_H
    known: Kw = kwh[~np.isnan(kwh)]
    return known


def _chance(kwh: float, found: Errors, slots: NDArray[np.int64], sureness: Sureness) -> float | None:
    shown = _shown(found, slots)
    if len(shown) < sureness.least:
        return None
    return float((1 + (shown >= kwh).sum()) / (1 + len(shown)))


def _turned(found: Errors) -> Errors:
    return Errors(-found.kw, found.drawn, found.days)
