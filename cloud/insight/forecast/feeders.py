"""Feeders: sums of their areas' transformers, with an interval that each night's hits widen or narrow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast import backtest, intervals
from cloud.analysis.forecast.choice import Method
from cloud.analysis.forecast.night import SCORE, Issued, Night, Rules
from cloud.insight.forecast.compute import AreaNight
from cloud.insight.forecast.past import Pasts

Kw = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Feeders:
    names: tuple[str, ...]
    night: Night


NONE = Feeders((), Night((), np.empty((0, SCORE), np.float32)))


def feeders(found: Sequence[AreaNight], before: Pasts, rules: Rules) -> Feeders:
    """Only areas of which something can be said are in the sum."""
    names = tuple(sorted({each.feeder for each in found if each.feeder}))
    members = [[each for each in found if each.feeder == name] for name in names]
    past = before.of("", names)
    if not names:
        return NONE
    truth = np.stack([_sum([each.truth[0] for each in some]) for some in members])
    said = past.issued
    width = intervals.stretched(said.width, truth, said.p10, said.p90, rules.levels)
    own = backtest.sums(truth, said.p10, said.p50, said.p90, np.full_like(truth, np.nan))
    score = np.zeros((len(names), SCORE), np.float32)
    score[:, : own.shape[1]] = own
    score[own[:, 0] == 0] = np.nan
    ahead = tuple(_ahead(members, n, width) for n in range(len(found[0].transformer.ahead)))
    return Feeders(names, Night(ahead, score))


def _ahead(members: Sequence[Sequence[AreaNight]], n: int, width: Kw) -> Issued:
    """P50 added; the sides as roots of added squares, as if areas missed independently, times `width`."""
    parts = [[each.transformer.ahead[n] for each in some] for some in members]
    p50 = np.stack([_sum([one.p50[0] for one in some]) for some in parts])
    low = np.stack([_root([one.p50[0] - one.p10[0] for one in some]) for some in parts])
    high = np.stack([_root([one.p90[0] - one.p50[0] for one in some]) for some in parts])
    p10, p90 = intervals.around(p50, np.stack([-low, high], axis=1), width)
    count = len(members)
    used = np.array([min((int(one.used[0]) for one in some), default=0) for some in parts], np.int16)
    estimated = np.array([np.mean([one.estimated[0] for one in some]) for some in parts], np.float32)
    blank = np.full_like(p50, np.nan)
    none = np.isnan(p50).all(axis=1)
    method = np.where(none, Method.NONE, Method.SUM).astype(np.int8)
    return Issued(p10, p50, p90, blank, width, method, np.zeros(count, np.int8), used, estimated)


def _sum(parts: Sequence[Kw]) -> Kw:
    told = np.stack(parts)
    known = ~np.isnan(told)
    found: Kw = np.where(known.any(axis=0), np.where(known, told, 0).sum(axis=0), np.nan).astype(np.float32)
    return found


def _root(parts: Sequence[Kw]) -> Kw:
    found: Kw = np.sqrt(np.square(np.nan_to_num(np.stack(parts))).sum(axis=0)).astype(np.float32)
    return found
