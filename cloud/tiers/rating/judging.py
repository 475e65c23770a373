"""Judges all accounts of a month at once: facts and past in, decisions out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cloud.tiers.rating import credit, criteria, machine, scores
from cloud.tiers.rating.facts import Facts
from cloud.tiers.rating.inputs import AT, CustomerClass
from cloud.tiers.rating.machine import NONE, Terms
from cloud.tiers.rating.months import back
from cloud.tiers.rating.nearest import nearest
from cloud.tiers.rating.percentiles import Comparison, comparisons
from cloud.tiers.rating.policy import RATED, Rule, ValueRule
from cloud.tiers.rating.scores import Scored

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Past:
    """What was decided before of each account, in the order of the facts; None and `NONE` where nothing was.

    `scores` (n, months) of the months before, newest last, NaN unknown; `…_since` first days of months.
    """

    value: Ints
    value_since: list[date | None]
    credit: list[str | None]
    credit_since: list[date | None]
    sub: list[str | None]
    sub_since: list[date | None]
    shape: list[str | None]
    shape_since: list[date | None]
    scores: Floats


@dataclass(frozen=True, slots=True)
class Judged:
    """(n,) each: tiers as in `machine.ORDER`, `sub` places in the class' list (-1 none), `credit` in
    `credit.ORDER`. `q`, `weight`, `parts` (n, inputs); `wants` the nearest change: column and value."""

    value: Ints
    score: Floats
    provisional: NDArray[np.bool_]
    coverage: Floats
    compared: Ints
    margin: Floats
    cuts: Floats
    event: Ints
    q: Floats
    weight: Floats
    parts: Floats
    wants: Ints
    wanted: Floats
    sub: Ints
    fitting: Ints
    credit: Ints


def effective(month: date) -> date:
    """The day from which a decision on a month holds."""
    return back(month, -1)


def terms(rule: Rule) -> Terms:
    hysteresis = rule.hysteresis
    return Terms(hysteresis.promote, hysteresis.demote, hysteresis.dwell_months)


def judge(facts: Facts, past: Past, rule: Rule, month: date) -> Judged:
    """Everything but the words; whoever is in no comparison has no value tier, whatever they had."""
    count = len(facts.accounts)
    blank = np.full((count, len(AT)), np.nan)
    found = Judged(
        value=np.full(count, NONE),
        score=np.full(count, np.nan),
        provisional=facts.valid_days < rule.hysteresis.provisional_days,
        coverage=np.zeros(count),
        compared=np.zeros(count, np.int64),
        margin=np.full(count, np.nan),
        cuts=np.full((count, 3), np.nan),
        event=np.zeros(count, np.int64),
        q=blank,
        weight=blank.copy(),
        parts=np.zeros((count, len(AT))),
        wants=np.full(count, -1),
        wanted=np.full(count, np.nan),
        sub=np.full(count, -1),
        fitting=np.full(count, -1),
        credit=credit.levels(facts.payments, facts.protected, rule.credit),
    )
    for each in comparisons(facts.classes, facts.voltages, rule.least_group):
        if each.class_ in rule.value:
            _value(found, facts, past, rule, each, month)
    for class_, tiers in rule.sub.items():
        rows = _rows(facts.classes, class_)
        found.fitting[rows] = criteria.first_fitting([tier.when for tier in tiers], facts.table[rows])
    found.sub[:] = _dwelt(found.fitting, facts, past, rule, month)
    return found


def _rows(classes: Sequence[str], class_: CustomerClass) -> Ints:
    return np.flatnonzero(np.asarray(classes, object) == class_.value)


def _value(found: Judged, facts: Facts, past: Past, rule: Rule, each: Comparison, month: date) -> None:
    """Scores, tiers and nearest changes of one comparison into `found`."""
    value = rule.value[CustomerClass(each.class_)]
    names = tuple(value.weights)
    columns = np.array([AT[name] for name in names])
    members = facts.table[each.members][:, columns]
    scored = scores.scored(
        members, names, value.weights, least_share=value.least_share, least_group=rule.least_group
    )
    inside = np.searchsorted(each.members, each.rated)
    rows, score = each.rated, scored.score[inside]
    width = _margin(scored, past, each, rule)
    cuts = np.array([value.cuts[tier] for tier in RATED])
    history = np.column_stack([past.scores[rows], score])
    margins, agreed = np.full(len(rows), width), terms(rule)
    before = past.value[rows]
    dwelt = _months_since([past.value_since[row] for row in rows], month)
    found.event[rows] = machine.events(before, history, cuts, margins, agreed)
    tier = machine.step(before, dwelt, found.provisional[rows], history, cuts, margins, agreed)
    found.value[rows], found.score[rows] = tier, score
    found.coverage[rows], found.compared[rows] = scored.coverage[inside], len(each.members)
    found.margin[rows], found.cuts[rows] = width, cuts
    grid = np.ix_(rows, columns)
    found.q[grid], found.weight[grid] = scored.q[inside], scored.weight[inside]
    found.parts[grid] = scored.parts[inside]
    wanted = nearest(members[inside], _part(scored, inside), _targets(tier, score, cuts, width))
    found.wants[rows] = np.where(wanted.column >= 0, columns[np.maximum(wanted.column, 0)], -1)
    found.wanted[rows] = wanted.value


def _margin(scored: Scored, past: Past, each: Comparison, rule: Rule) -> float:
    """By how much scores of those compared moved since the month before."""
    before = past.scores[each.members]
    moved = scored.score - before[:, -1] if before.shape[1] else np.full(len(each.members), np.nan)
    hysteresis = rule.hysteresis
    return scores.margin(moved, hysteresis.margin_mad, hysteresis.margin_least, hysteresis.margin_most)


def _targets(tier: Ints, score: Floats, cuts: Floats, width: float) -> Floats:
    """What a score has to pass: the next better cut, for the best the cut below it; NaN where it has."""
    better = cuts[np.maximum(tier, 1) - 1] + width
    target = np.where(tier == 0, cuts[0] - width, better)
    passed = np.where(tier == 0, score < target, score > target)
    return np.where((tier == NONE) | passed, np.nan, target)


def _part(scored: Scored, rows: Ints) -> Scored:
    return Scored(
        scored.names, scored.score[rows], scored.q[rows], scored.weight[rows], scored.parts[rows],
        scored.coverage[rows], scored.compared,
    )  # fmt: skip


def _dwelt(fitting: Ints, facts: Facts, past: Past, rule: Rule, month: date) -> Ints:
    """A sub-tier changes only after the dwell time, unless it is no longer one of the class."""
    found = fitting.copy()
    places = {
        class_.value: {tier.id: at for at, tier in enumerate(tiers)} for class_, tiers in rule.sub.items()
    }
    dwelt = _months_since(past.sub_since, month)
    for row, before in enumerate(past.sub):
        if before is not None and dwelt[row] < rule.hysteresis.dwell_months:
            found[row] = places.get(facts.classes[row], {}).get(before, found[row])
    return found


def _months_since(days: Sequence[date | None], month: date) -> Ints:
    """How long before this decision holds; long where nothing is known."""
    now = effective(month)
    return np.array(
        [999 if day is None else (now.year - day.year) * 12 + now.month - day.month for day in days], np.int64
    )


def value_rule(rule: Rule, class_: str) -> ValueRule | None:
    return rule.value.get(CustomerClass(class_)) if class_ in set(CustomerClass) else None
