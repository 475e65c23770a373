"""One night of some subjects: scores what was forecast for the newest day, forecasts those after it."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast import backtest, choice, cold, intervals, model
from cloud.analysis.forecast.choice import CANDIDATES, Method, Reason
from cloud.analysis.forecast.figures import SUMS
from cloud.analysis.forecast.intervals import Levels
from cloud.analysis.forecast.similar import Alike, similar, usable

Kw = NDArray[np.float32]
WEEK = 7
SCORE = 2 * len(SUMS) + CANDIDATES
"""Columns of a score: sums of what was issued, sums of similar days, Σ|e| of each candidate."""


@dataclass(frozen=True, slots=True)
class Rules:
    alike: Alike = field(default_factory=Alike)
    missing_share: float = 0.1
    unsure_share: float = 0.2
    margin: float = 0.03
    least_days: int = 14
    error_days: int = 42
    own_days: int = 7
    levels: Levels = field(default_factory=Levels)


@dataclass(frozen=True, slots=True)
class Days:
    """`kinds`, `weekdays` int8 (days + those ahead,): the days of the history, then the ones to come."""

    kinds: NDArray[np.int8]
    weekdays: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class History:
    """`kw` float32 (subjects, days, slots) as validated; `estimated` and `outage` (subjects, days): shares.

    `truth` (subjects, slots) is the newest day with its estimated slots as NaN.
    """

    kw: Kw
    truth: Kw
    estimated: Kw
    outage: Kw


@dataclass(frozen=True, slots=True)
class Issued:
    """What is said of a day: kW (subjects, slots) each; `width` (subjects, 2) of the interval's sides.

    `model` is what the model said, whoever spoke; `used` how many similar days there were.
    """

    p10: Kw
    p50: Kw
    p90: Kw
    model: Kw
    width: Kw
    method: NDArray[np.int8]
    reason: NDArray[np.int8]
    used: NDArray[np.int16]
    estimated: Kw


@dataclass(frozen=True, slots=True)
class Past:
    """`issued` for the newest day, NaN where nothing was; `scores` float64 (subjects, SCORE) of days before,
    added up; `days` (subjects,) how many."""

    issued: Issued
    scores: NDArray[np.float64]
    days: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Night:
    """`ahead[n]` of day n + 1 to come; `score` float32 (subjects, SCORE) of the newest, NaN: not scored."""

    ahead: tuple[Issued, ...]
    score: Kw


def run(
    history: History, days: Days, past: Past, trees: model.Trees | None, rules: Rules,
    groups: NDArray[np.int64], *, ahead: int = 1,
) -> Night:  # fmt: skip
    """`groups` int64 (subjects,): whose shape a newcomer borrows, its class mostly."""
    valid = usable(
        history.kw, np.maximum(history.estimated, history.outage),
        missing_share=rules.missing_share, unsure_share=rules.unsure_share,
    )  # fmt: skip
    newest = history.kw.shape[1] - 1
    score = _score(history, days, past, valid, rules)
    width = past.issued.width
    moved = intervals.stretched(width, history.truth, past.issued.p10, past.issued.p90, rules.levels)
    scored = ~np.isnan(score[:, 0])
    window = past.scores + np.where(scored[:, None], score, 0)
    missed = _missed(history.kw, days, valid, newest, rules)
    offsets = {int(kind): intervals.offsets(*missed, int(kind), rules.levels)
               for kind in np.unique(days.kinds[newest + 1 : newest + 1 + ahead])}  # fmt: skip
    told = [
        _issue(history, days, newest, lead, valid, window, past.days + scored, moved, trees, rules, groups,
               offsets)
        for lead in range(1, ahead + 1)
    ]  # fmt: skip
    return Night(tuple(told), score)


def _score(history: History, days: Days, past: Past, valid: NDArray[np.bool_], rules: Rules) -> Kw:
    """Of the newest day, against similar days and weighted ones as they stood the day before."""
    newest = history.kw.shape[1] - 1
    issued = past.issued
    known = model.lags(history.kw, valid, days.kinds, days.weekdays, newest, rules.alike)
    all_of_them = choice.contenders(known, issued.model)
    week = history.kw[:, newest - WEEK]
    own = backtest.sums(history.truth, issued.p10, issued.p50, issued.p90, week)
    plain = backtest.sums(history.truth, issued.p10, all_of_them[Method.SIMILAR], issued.p90, week)
    found = np.concatenate([own, plain, backtest.errors(history.truth, all_of_them)], axis=1)
    found[own[:, 0] == 0] = np.nan
    return found


def _issue(
    history: History, days: Days, newest: int, lead: int, valid: NDArray[np.bool_],
    window: NDArray[np.float64], scored: NDArray[np.int64], width: Kw, trees: model.Trees | None,
    rules: Rules, groups: NDArray[np.int64], offsets: dict[int, Kw],
) -> Issued:  # fmt: skip
    target = newest + lead
    known = model.lags(history.kw, valid, days.kinds, days.weekdays, target, rules.alike, lead=lead)
    learned = model.predict(trees, known) if trees is not None else np.full(known.rows.shape[:2], np.nan)
    all_of_them = choice.contenders(known, learned.astype(np.float32))
    errors = window[:, 2 * len(SUMS) :]
    method, reason = choice.choose(errors, scored, margin=rules.margin, least_days=rules.least_days)
    p50 = choice.taken(all_of_them, method)
    offset = offsets[int(days.kinds[target])] * _shrunk(errors, method)
    p10, p90 = intervals.around(p50, offset, width)
    issued = Issued(
        p10, p50, p90, all_of_them[Method.MODEL], width, method, reason, known.used,
        history.estimated[:, -28:].mean(axis=1),
    )  # fmt: skip
    return _with_newcomers(issued, history, valid, known, groups, rules)


def _missed(
    kw: Kw, days: Days, valid: NDArray[np.bool_], newest: int, rules: Rules
) -> tuple[Kw, NDArray[np.int8]]:
    """The errors of similar days (subjects, days, slots), and what kind those days were.

    NaN on days that teach nothing: an estimate is like the days alike, and its error would be too small.
    """
    since = max(0, newest + 1 - rules.error_days)
    past, _ = similar(kw, valid, days.kinds, range(since, newest + 1), rules.alike)
    came = slice(since, newest + 1)
    missed = np.where(valid[:, came, None], kw[:, came] - past, np.nan).astype(np.float32)
    return missed, days.kinds[since : newest + 1]


def _shrunk(errors: NDArray[np.float64], method: NDArray[np.int8]) -> Kw:
    """(subjects, 1, 1): the chosen method's error over that of similar days."""
    own, plain = errors[np.arange(len(errors)), method], errors[:, Method.SIMILAR]
    share = np.divide(own, plain, out=np.ones(len(errors)), where=plain > 0)
    found: Kw = np.where(np.isnan(share), 1, share).astype(np.float32)[:, None, None]
    return found


def _with_newcomers(
    issued: Issued, history: History, valid: NDArray[np.bool_], known: model.Lags,
    groups: NDArray[np.int64], rules: Rules,
) -> Issued:  # fmt: skip
    """Who has few valid days of its own is forecast after its class."""
    own_days = valid.sum(axis=1)
    new = (own_days < rules.own_days) | np.isnan(issued.p50).all(axis=1)
    if not new.any():
        return issued
    level = cold.levels(history.kw[new])
    told = np.stack([issued.p10, issued.p50, issued.p90], axis=1)
    shapes = cold.shapes(told, known.scale, groups, ~new)
    p10, p50, p90 = cold.borrowed(shapes, groups[new], level)
    nothing = np.isnan(p50).all(axis=1)
    method, reason = issued.method.copy(), issued.reason.copy()
    method[new] = np.where(nothing, Method.NONE, Method.COLD)
    reason[new] = np.where(nothing, Reason.NO_HISTORY, Reason.NEW)
    parts = {}
    for name, fresh in (("p10", p10), ("p50", p50), ("p90", p90)):
        parts[name] = getattr(issued, name).copy()
        parts[name][new] = fresh
    return replace(issued, **parts, method=method, reason=reason)
