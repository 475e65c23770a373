"""Who can move how many kW out of some hours, ranked by kW and past reliability, and whether it is enough.

A customer's value tier has no part in this: who is asked follows from what their load can do alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Kw = NDArray[np.float64]


class Origin(StrEnum):
    """What the kW stand on: the customer's own word, or a forecast, or a typical day, above base load."""

    DECLARED = "declared"
    FORECAST = "forecast"
    TYPICAL = "typical"


class Left(StrEnum):
    """Why an account is not asked."""

    NO_CONSENT = "no_consent"
    HOUSEHOLD = "household"
    IMPORTANT = "important"
    HELP = "help"
    CONTINUITY = "continuity"
    TROUBLED = "troubled"
    OFTEN = "often"
    LITTLE = "little"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Need:
    """What is too much in a window: kW above the limit in its worst slot, at the median and at P90."""

    limit_kw: float
    p50_kw: float
    p90_kw: float
    peak_slot: int


@dataclass(frozen=True, slots=True)
class Load:
    """Of one account in the slots of the window: (slots,) kW; `base_kw` is what it draws at rest."""

    account: str
    customer: str
    class_: str
    p10: Kw
    p50: Kw
    p90: Kw
    base_kw: float
    share: float
    declared_kw: float | None
    origin: Origin
    reliability: float
    events: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """`kw` is what it may move; `expected_kw` times its reliability, with bounds from its own forecast."""

    account: str
    customer: str
    class_: str
    kw: float
    expected_kw: float
    low_kw: float
    high_kw: float
    reliability: float
    events: int
    origin: Origin
    mean_kw: float
    base_kw: float
    share: float


class Verdict(StrEnum):
    """`enough` even if little comes of much need; `likely`: the expected against the median; `short`."""

    ENOUGH = "enough"
    LIKELY = "likely"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Cover:
    """What all together can do against the need; `lacking_kw` of the P90 need that is not expected."""

    kw: float
    low_kw: float
    high_kw: float
    verdict: Verdict
    lacking_kw: float


def need(p50: Kw, p90: Kw, limit_kw: float, slots: Sequence[int]) -> Need | None:
    """In those slots of a day; None where none of them is forecast."""
    middle, high = p50[list(slots)], np.where(np.isnan(p90), p50, p90)[list(slots)]
    if np.isnan(middle).all():
        return None
    worst = int(np.nanargmax(middle))
    return Need(
        limit_kw,
        max(0.0, float(np.nanmax(middle)) - limit_kw),
        max(0.0, float(np.nanmax(high)) - limit_kw),
        list(slots)[worst],
    )


def spells(p50: Kw, p90: Kw, limit_kw: float, longest: int) -> list[tuple[int, int]]:
    """Runs [from, to) of slots whose P90 is above the limit, runs with an hour or less between them joined;
    of a longer one than `longest` slots that part which has the most above it."""
    high = np.where(np.isnan(p90), p50, p90)
    above = np.flatnonzero(high > limit_kw).tolist()
    runs: list[list[int]] = []
    for slot in above:
        if runs and slot - runs[-1][1] <= 4:
            runs[-1][1] = slot + 1
        else:
            runs.append([slot, slot + 1])
    return [_worst(np.maximum(high - limit_kw, 0), low, top, longest) for low, top in runs]


def candidate(load: Load) -> Candidate | None:
    """None where nothing is known of these hours. A declared figure stands, but never above the load."""
    known = ~np.isnan(load.p50)
    if not known.any():
        return None
    mean = float(load.p50[known].mean())
    low, kw, high = (_movable(load, each) for each in (load.p10, load.p50, load.p90))
    low, high = min(low, kw), max(high, kw)
    return Candidate(
        load.account, load.customer, load.class_, kw, kw * load.reliability, low * load.reliability,
        high * load.reliability, load.reliability, load.events, load.origin, mean, load.base_kw, load.share,
    )  # fmt: skip


def ranked(found: Iterable[Candidate]) -> list[Candidate]:
    """By what is to be expected of each, most first."""
    return sorted(found, key=lambda each: (-each.expected_kw, each.account))


def reliability(measured: Sequence[float], prior: float, prior_events: float) -> float:
    """Of past events' shares of what was accepted, each between 0 and 1, with a prior as if from some."""
    shares = [min(1.0, max(0.0, each)) for each in measured]
    return (sum(shares) + prior * prior_events) / (len(shares) + prior_events)


def cover(found: Sequence[Candidate], wanted: Need) -> Cover:
    """Sides add up as roots of squares: customers miss what is expected of them independently, and whether
    one does anything at all is a matter of its reliability."""
    kw = sum(each.expected_kw for each in found)
    down = sqrt(sum((each.expected_kw - each.low_kw) ** 2 + _doubt(each) for each in found))
    up = sqrt(sum((each.high_kw - each.expected_kw) ** 2 + _doubt(each) for each in found))
    low, high = max(0.0, kw - down), kw + up
    verdict = Verdict.SHORT
    if low >= wanted.p90_kw:
        verdict = Verdict.ENOUGH
    elif kw >= wanted.p50_kw and high >= wanted.p90_kw:
        verdict = Verdict.LIKELY
    return Cover(kw, low, high, verdict, max(0.0, wanted.p90_kw - kw))


def chosen(found: Sequence[Candidate], wanted: Need) -> list[Candidate]:
    """Of the ranked, the first that are expected to cover the P90 need; all where they do not."""
    taken: list[Candidate] = []
    for each in found:
        if sum(one.expected_kw for one in taken) >= wanted.p90_kw:
            break
        taken.append(each)
    return taken


def _movable(load: Load, kw: Kw) -> float:
    told = np.where(np.isnan(kw), load.p50, kw)
    above = float(np.nanmean(np.maximum(told - load.base_kw, 0)))
    if load.declared_kw is not None:
        return min(load.declared_kw, float(np.nanmean(told)))
    return above * load.share


def _doubt(each: Candidate) -> float:
    return each.kw**2 * each.reliability * (1 - each.reliability)


def _worst(above: Kw, low: int, top: int, longest: int) -> tuple[int, int]:
    if top - low <= longest:
        return low, top
    sums = np.convolve(above[low:top], np.ones(longest), mode="valid")
    first = low + int(np.argmax(sums))
    return first, first + longest
