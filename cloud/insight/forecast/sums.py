"""Sums of areas' transformers, of feeders and of the station, with intervals that nights' hits move."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast import backtest, coherence, intervals
from cloud.analysis.forecast.choice import Method
from cloud.analysis.forecast.night import SCORE, Issued, Night, Rules
from cloud.insight.forecast.compute import AreaNight
from cloud.insight.forecast.past import Pasts
from cloud.insight.forecast.store import STATION

Kw = NDArray[np.float32]
Members = Mapping[str, Sequence[AreaNight]]


@dataclass(frozen=True, slots=True)
class Sums:
    names: tuple[str, ...]
    night: Night


NONE = Sums((), Night((), np.empty((0, SCORE), np.float32)))


def by_feeder(found: Sequence[AreaNight]) -> Members:
    names = sorted({each.feeder for each in found if each.feeder})
    return {name: [each for each in found if each.feeder == name] for name in names}


def whole_station(found: Sequence[AreaNight]) -> Members:
    return {STATION: found} if found else {}


def sums(members: Members, before: Pasts, said: Mapping[str, Kw], rules: Rules) -> Sums:
    """Only areas of which something can be said are in a sum; `before` are the sums' own pasts.

    `said` (slots,) kW by area is what was forecast of transformers for the newest day: a sum is scored on
    what came of those.
    """
    names = tuple(members)
    if not names:
        return NONE
    past = before.of("", names).issued
    truth = np.stack([_came(some, said) for some in members.values()])
    width = intervals.stretched(past.width, truth, past.p10, past.p90, rules.levels)
    own = backtest.sums(truth, past.p10, past.p50, past.p90, np.full_like(truth, np.nan))
    score = np.zeros((len(names), SCORE), np.float32)
    score[:, : own.shape[1]] = own
    score[own[:, 0] == 0] = np.nan
    days = len(next(iter(members.values()))[0].transformer.ahead)
    ahead = tuple(_ahead(list(members.values()), n, width) for n in range(days))
    return Sums(names, Night(ahead, score))


def _came(areas: Sequence[AreaNight], said: Mapping[str, Kw]) -> Kw:
    return coherence.came(np.stack([each.truth[0] for each in areas]),
                          np.stack([said[each.area] for each in areas]))  # fmt: skip


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
