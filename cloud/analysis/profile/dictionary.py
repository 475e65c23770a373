"""The dictionary of shapes from month to month: a shape keeps code and name as long as it is the same.

A month first tries the shapes there were, moved to where their days are now. Only where that says the days
clearly worse than shapes found afresh are these taken, each under the code of the old one that it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.profile import clusters, shapes
from cloud.analysis.profile.names import ShapeName, key_of
from cloud.analysis.profile.shapes import Fit, Wanted


@dataclass(frozen=True, slots=True)
class Known:
    """A shape that has a code: `centre` float32 (slots,) of its last month; `retired`: not of the newest."""

    code: int
    name: ShapeName
    centre: NDArray[np.float32]
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """`same`: |a − b|² / |a|² by the hour up to which a shape found afresh is a known one; a known one may
    move three times as far in a month. `worth`: variance explained more by as many shapes found afresh, for
    which the dictionary is changed. `seldom`: share of days below which a shape goes.
    """

    same: float = 0.05
    worth: float = 0.02
    seldom: float = 0.002


@dataclass(frozen=True, slots=True)
class Renewed:
    """`shapes` of this month by code; `gone` are codes that were in the newest and are not in this one.

    `fit` has centres in the order of `shapes`; `kept` says that the old ones did.
    """

    shapes: tuple[Known, ...]
    shares: tuple[float, ...]
    gone: tuple[int, ...]
    fit: Fit
    kept: bool


def renew(
    days: NDArray[np.float32],
    before: Sequence[Known],
    wanted: Wanted = shapes.WANTED,
    rules: Rules = Rules(),
) -> Renewed:
    """The dictionary of these days (rows, slots) after what was `before`, retired ones included."""
    newest = [each for each in before if not each.retired]
    if 0 < len(newest) < wanted.least:  # few shapes may be few because there were few customers
        afresh = shapes.fit(days, wanted)
        if len(afresh.centres) > len(newest):
            return _said(days, afresh, before, rules.same, kept=False)
    if newest and (moved := _moved(days, newest, wanted, rules)) is not None:
        return _said(days, moved, before, 3 * rules.same, kept=True)
    return _said(days, shapes.fit(days, wanted), before, rules.same, kept=False)


def _moved(days: NDArray[np.float32], newest: Sequence[Known], wanted: Wanted, rules: Rules) -> Fit | None:
    """The shapes there were where their days are now; None where as many found afresh say clearly more."""
    hours, size = shapes.by_hour(days), len(newest)
    moved = shapes.refit(days, np.stack([each.centre for each in newest]), wanted.theta)
    afresh = clusters.centres_by_size(hours, [size], wanted.theta, wanted.seed, wanted.starts)
    if size in afresh:
        best = shapes.described(days, afresh[size], wanted.theta, {})
        if moved.explained < best.explained - rules.worth:
            return None
    there = _shares(days, moved.centres) >= rules.seldom
    centres = moved.centres[there] if there.any() else moved.centres
    found = shapes.stability(hours, [len(centres)], wanted)
    return shapes.described(days, shapes.by_hour(centres), wanted.theta, found)


def _said(
    days: NDArray[np.float32], fit: Fit, before: Sequence[Known], same: float, *, kept: bool
) -> Renewed:
    """Codes for the centres: of those they were, newest ones first, else new ones."""
    found = matched(fit.centres, [each for each in before if not each.retired], same)
    rest = [index for index, known in enumerate(found) if known is None]
    old = matched(fit.centres[rest], [each for each in before if each.retired], same)
    for index, known in zip(rest, old, strict=True):
        found[index] = known
    every, named = list(before), []
    for centre, known in zip(fit.centres, found, strict=True):
        one = _new(centre, every) if known is None else Known(known.code, known.name, centre)
        every.append(one)
        named.append(one)
    order = sorted(range(len(named)), key=lambda index: named[index].code)
    centres = fit.centres[order]
    codes = {each.code for each in named}
    gone = tuple(sorted(each.code for each in before if not each.retired and each.code not in codes))
    share = _shares(days, centres)
    ordered = Fit(centres, fit.stability, fit.explained, fit.within_theta)
    return Renewed(tuple(named[index] for index in order), tuple(map(float, share)), gone, ordered, kept)


def matched(centres: NDArray[np.float32], known: Sequence[Known], same: float) -> list[Known | None]:
    """For each centre the known shape that it is, by the least sum of distances; None where there is none."""
    from scipy.optimize import linear_sum_assignment  # it takes a while to load

    found: list[Known | None] = [None] * len(centres)
    if not len(centres) or not known:
        return found
    one, other = shapes.by_hour(centres), shapes.by_hour(np.stack([each.centre for each in known]))
    apart = ((one[:, None] - other[None]) ** 2).sum(axis=2) / (other**2).sum(axis=1)
    for row, column in zip(*linear_sum_assignment(np.minimum(apart, 10 * same)), strict=True):
        if apart[row, column] <= same:
            found[row] = known[column]
    return found


def _new(centre: NDArray[np.float32], every: Sequence[Known]) -> Known:
    key = key_of(centre)
    numbers = {each.name.number for each in every if each.name.key == key}
    code = max((each.code for each in every), default=-1) + 1
    return Known(code, ShapeName(key, max(numbers, default=0) + 1, int(centre.argmax())), centre)


def _shares(days: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float64]:
    labels = clusters.nearest(shapes.by_hour(days), shapes.by_hour(centres))
    return np.bincount(labels, minlength=len(centres)) / max(len(days), 1)
