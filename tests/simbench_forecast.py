"""Day-ahead forecasts of SimBench's 25 single load profiles and 16 aggregates, as the station makes them.

Source and licence of the data: see tests/simbench_station.py. Profiles are held out whole: whoever is
forecast was not in what the model learned, nor was any day from its targets on. The model that forecasts the
days before the last 86 (by which methods are chosen) learned from days before those alone.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast import choice, model
from cloud.analysis.forecast.backtest import errors, sums
from cloud.analysis.forecast.choice import CANDIDATES, Method
from cloud.analysis.forecast.figures import SUMS, figures
from cloud.analysis.forecast.intervals import Levels, around, offsets, stretched
from cloud.analysis.forecast.similar import HOLIDAY, Alike, similar
from cloud.analysis.grid import by_wall, day_grid
from cloud.kit.calendar import Calendar, DayType
from tests import simbench_station as station

Kw = NDArray[np.float32]
DAYS, LAST = 366, 86
BACKTEST, ERRORS = 28, 42
INDIVIDUAL, AGGREGATE = 25, 16
RULE, LEVELS = Alike(), Levels()
TYPES = (DayType.WORK, DayType.SATURDAY, DayType.OFF)


@dataclass(frozen=True, slots=True)
class Year:
    """`kw` float32 (41, 366, 96) in parts of each peak: single profiles first, then aggregates."""

    names: tuple[str, ...]
    kw: Kw
    kinds: NDArray[np.int8]
    weekdays: NDArray[np.int8]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the last 86 days. `chosen` and `similar` are sums (41, SUMS); `methods` how often each spoke."""

    chosen: NDArray[np.float64]
    similar: NDArray[np.float64]
    alone: NDArray[np.float64]
    methods: dict[str, int]

    def wape(self, which: slice) -> float:
        return float(np.mean(self.wapes(self.chosen)[which]))

    @staticmethod
    def wapes(of: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([figures(each).wape for each in of], np.float64)

    def coverage(self, which: slice) -> float:
        part = self.chosen[which].sum(axis=0)
        return float(part[SUMS.index("covered")] / part[SUMS.index("slots")])

    def worse_share(self, which: slice) -> float:
        return float(np.mean(self.wapes(self.chosen)[which] > self.wapes(self.similar)[which]))


SINGLE, AGGREGATES = slice(0, INDIVIDUAL), slice(INDIVIDUAL, None)


@cache
def year() -> Year:
    names = [name for name in station.profile_names() if _is_load(name)]
    names.sort(key=lambda name: name[:2] in ("lv", "mv", "hv"))
    _, profiles = station.profiles(names)
    start_ms = round(station.START.timestamp() * 1000)
    grid = day_grid(start_ms + np.arange(station.SLOTS) * 900_000, 900, station.ZONE)
    kw = by_wall(np.stack([profiles[name] for name in names]), grid)
    calendar = Calendar(country="DE")
    kinds = [HOLIDAY if calendar.holiday(day) else TYPES.index(calendar.day_type(day)) for day in grid.days]
    weekdays = np.array([day.weekday() for day in grid.days], np.int8)
    valid = np.isnan(kw).mean(axis=2) <= 0.1
    return Year(tuple(names), kw, np.array(kinds, np.int8), weekdays, valid)


def _is_load(name: str) -> bool:
    return name[:2] in ("lv", "mv", "hv") or (name[0] in "GHL" and name[:2] != "HS" and name[:3] != "HLS")


def outcome(folds: int = 5, rows: int = 200_000, how: model.Learning | None = None, step: int = 1) -> Outcome:
    """Forecast every profile by models of the others; `step` skips days to learn from."""
    told = contenders(folds, rows, how, step)
    return scored(told)


def contenders(folds: int, rows: int, how: model.Learning | None, step: int) -> Kw:
    """(BACKTEST + LAST days, CANDIDATES, 41, 96)."""
    whole, first = year(), DAYS - LAST - BACKTEST
    held = np.arange(len(whole.names)) % folds
    out = np.full((BACKTEST + LAST, CANDIDATES, len(whole.names), 96), np.nan, np.float32)
    known = {day: _lags(whole, day) for day in [*range(60, DAYS - LAST, step), *range(first, DAYS)]}
    for fold in range(folds):
        for begin, end in ((first, first + BACKTEST), (first + BACKTEST, DAYS)):
            trees = learned(whole, known, held != fold, range(60, begin, step), rows, how)
            for day in range(begin, end):
                own = _of(known[day], held == fold)
                out[day - first][:, held == fold] = choice.contenders(own, model.predict(trees, own))
    return out


def learned(whole: Year, known: dict[int, model.Lags], who: NDArray[np.bool_], days: range, rows: int,
            how: model.Learning | None) -> model.Trees:  # fmt: skip
    features = np.concatenate([known[day].rows[who].reshape(-1, known[day].rows.shape[2]) for day in days])
    truth = np.concatenate([(whole.kw[who, day] / known[day].scale[who, None]).ravel() for day in days])
    some = np.random.default_rng(0).permutation(len(truth))[:rows]
    return model.learn(features[some], truth[some], how)


def scored(told: Kw) -> Outcome:
    """Choice, intervals and scores day by day, each with what was known the day before."""
    whole, first = year(), DAYS - LAST - BACKTEST
    points = len(whole.names)
    missed = np.stack([errors(whole.kw[:, first + n], told[n]) for n in range(len(told))])
    past, _ = similar(whole.kw, whole.valid, whole.kinds, range(DAYS), RULE)
    width = np.ones((points, 2), np.float32)
    total = np.zeros((3, points, len(SUMS)))
    spoke = np.zeros(CANDIDATES, np.int64)
    for n in range(BACKTEST, len(told)):
        day, window = first + n, missed[n - BACKTEST : n].sum(axis=0).astype(np.float64)
        method, _ = choice.choose(window, np.full(points, BACKTEST), margin=0.03, least_days=14)
        p50 = choice.taken(told[n], method)
        since = slice(day - ERRORS, day)
        offset = offsets(whole.kw[:, since] - past[:, since], whole.kinds[since], whole.kinds[day], LEVELS)
        ratio = window[np.arange(points), method] / window[:, Method.SIMILAR]
        p10, p90 = around(p50, offset * ratio[:, None, None].astype(np.float32), width)
        truth, naive = whole.kw[:, day], whole.kw[:, day - 7]
        width = stretched(width, truth, p10, p90, LEVELS)
        for place, each in enumerate((p50, told[n, Method.SIMILAR], told[n, Method.MODEL])):
            total[place] += sums(truth, p10, each, p90, naive)
        spoke += np.bincount(method[:INDIVIDUAL], minlength=CANDIDATES)
    names = {Method(each).name.lower(): int(times) for each, times in enumerate(spoke)}
    return Outcome(total[0], total[1], total[2], names)


def _lags(whole: Year, day: int) -> model.Lags:
    return model.lags(whole.kw, whole.valid, whole.kinds, whole.weekdays, day, RULE)


def _of(known: model.Lags, who: NDArray[np.bool_]) -> model.Lags:
    return model.Lags(np.ascontiguousarray(known.rows[who]), known.scale[who], known.used[who])
