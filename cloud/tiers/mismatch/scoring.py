"""From stored features to evidence: months of points become months of accounts, judged out of fold.

An account with several points is judged by the one that used most in the month. Only whole months in which
the account was served count, well enough read and of some use.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.classes import groups, model
from cloud.analysis.classes.features import FEATURES, NAMES
from cloud.analysis.classes.model import Months
from cloud.tiers.mismatch.gather import AreaMonth, Typical
from cloud.tiers.mismatch.policy import Mismatching
from cloud.tiers.mismatch.rules import Judged

STATION, PRIOR, NONE = "station", "prior", "none"
_COUNT = len(FEATURES)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Account:
    """`right` False: its contract was found wrong on site, and nothing is learned from it."""

    no: str
    customer: str
    class_: str
    right: bool = True


@dataclass(frozen=True, slots=True)
class Service:
    """An account at a point: [start, end), end None while it lasts."""

    point: str
    account: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Account-months that count: `values` (rows, features); the other arrays (rows,); `month` by place."""

    accounts: tuple[Account, ...]
    months: tuple[date, ...]
    values: NDArray[np.float32]
    account: NDArray[np.int64]
    month: NDArray[np.int64]
    point: tuple[str, ...]
    coverage: NDArray[np.float32]
    estimated: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scored:
    """`judged` by account; `coverage`, `estimated` the means of its months; `usual` (accounts, features).

    `balanced`: balanced accuracy of the families over accounts, out of fold; `confusion` of contract by what
    behaviour speaks for, `recall` by family; None where nothing could be learned or judged.
    """

    rows: Rows
    judged: Judged
    source: str
    usual: NDArray[np.float32]
    coverage: Floats
    estimated: Floats
    counts: Mapping[str, int]
    balanced: float | None
    recall: Mapping[str, float | None]
    confusion: Mapping[str, Mapping[str, int]]


def rows_of(
    months: Iterable[AreaMonth],
    accounts: Sequence[Account],
    served: Mapping[date, Mapping[str, str]],
    policy: Mismatching,
) -> Rows:
    """`served` by month: which account each point served from its first to its last day."""
    limits = policy.limits.evidence
    place = {each.no: at for at, each in enumerate(accounts)}
    span = tuple(sorted(served))
    best: dict[tuple[int, int], tuple[float, NDArray[np.float32], str]] = {}
    for each in months:
        of_point, number = served.get(each.month, {}), span.index(each.month)
        kwh, coverage, estimated = (each.values[:, _COUNT + at] for at in range(3))
        good = (kwh >= limits.least_kwh_month) & (coverage >= limits.least_coverage)
        good &= (estimated <= limits.most_estimated) & ~np.isnan(each.values[:, :_COUNT]).all(axis=1)
        for row in np.flatnonzero(good):
            at = place.get(of_point.get(each.points[row], ""), -1)
            if at >= 0 and kwh[row] > best.get((at, number), (-1.0,))[0]:
                best[at, number] = (float(kwh[row]), each.values[row], each.points[row])
    keys = sorted(best)
    values = np.array([best[key][1] for key in keys], np.float32).reshape(-1, _COUNT + 3)
    return Rows(
        tuple(accounts),
        span,
        values[:, :_COUNT],
        np.array([at for at, _ in keys], np.int64),
        np.array([number for _, number in keys], np.int64),
        tuple(best[key][2] for key in keys),
        values[:, _COUNT + 1],
        values[:, _COUNT + 2],
    )


def score(rows: Rows, policy: Mismatching, seed: int = 1) -> Scored:
    """What the behaviour of each account speaks for, by the station's own classes where there are enough."""
    limits, accounts = policy.limits, len(rows.accounts)
    family = [limits.family(each.class_) for each in rows.accounts]
    own = np.array([-1 if name is None else limits.names.index(name) for name in family], np.int64)
    there = np.bincount(rows.account, minlength=accounts) > 0
    counts = {name: int((there & (own == at)).sum()) for at, name in enumerate(limits.names)}
    source = STATION if min(counts.values()) >= limits.evidence.learn_from else PRIOR
    monthly = _judged(rows, own, policy, source, seed)
    found = model.together(monthly, rows.account, accounts)
    known = np.bincount(rows.account[~np.isnan(monthly).any(axis=1)], minlength=accounts)
    found[known < limits.evidence.least_months] = np.nan
    judged = Judged(own, found, known, _in_row(rows, monthly, own), source == PRIOR)
    balanced, recall, confusion = _worth(found, own, limits.names)
    return Scored(
        rows,
        judged,
        source,
        groups.medians(rows.values, rows.account, accounts),
        _mean(rows.coverage, rows.account, accounts),
        _mean(rows.estimated, rows.account, accounts),
        counts,
        balanced,
        recall,
        confusion,
    )


def usual(scored: Scored, names: Sequence[str]) -> dict[str, dict[str, groups.Quartiles]]:
    """Quartiles of each family's features; families of fewer than ten are left out."""
    found = {}
    for at, name in enumerate(names):
        mine = scored.judged.own == at
        columns = groups.quartiles(scored.usual[mine])
        if told := groups.by_name(columns, NAMES):
            found[name] = told
    return found


def usual_days(
    typical: Typical, points: Mapping[str, str], names: Sequence[str]
) -> dict[str, tuple[Floats | None, Floats | None, int]]:
    """(work, off, customers): quartiles (3, 96) of days over their mean load; `points` by family's name."""
    of = np.array([names.index(points[each]) if each in points else -1 for each in typical.points], np.int64)
    found: dict[str, tuple[Floats | None, Floats | None, int]] = {}
    for at, name in enumerate(names):
        mine = of == at
        both = [_over_mean(kw[mine]) for kw in (typical.work, typical.off)]
        quartiles = [groups.quartiles(each) for each in both]
        kept = [None if np.isnan(each).any() else each for each in quartiles]
        found[name] = (kept[0], kept[1], int(mine.sum()))
    return found


def digest(rows: Rows, version: str) -> str:
    """Of all that the judgement depends on."""
    told = hashlib.blake2b(f"{version} {model.VERSION} {rows.months}".encode(), digest_size=16)
    told.update(repr(rows.accounts).encode())
    for each in (rows.values, rows.account, rows.month):
        told.update(np.ascontiguousarray(each).tobytes())
    return told.hexdigest()


def _judged(rows: Rows, own: NDArray[np.int64], policy: Mismatching, source: str, seed: int) -> Floats:
    limits = policy.limits
    if source == PRIOR or not len(rows.values):
        return policy.profiles.prior(limits)(rows.values)
    right = np.array([each.right for each in rows.accounts])
    customers = {name: at for at, name in enumerate(sorted({each.customer for each in rows.accounts}))}
    group = np.array([customers[each.customer] for each in rows.accounts], np.int64)
    label = np.where(right, own, -1)
    months = Months(rows.values, rows.account, label, group, len(limits.names))
    return model.out_of_fold(months, limits.evidence.folds, seed)


def _in_row(rows: Rows, monthly: Floats, own: NDArray[np.int64]) -> NDArray[np.int64]:
    """(accounts,) to the newest month; one that is not known ends the row."""
    against = np.zeros((len(rows.accounts), len(rows.months)), np.bool_)
    known = ~np.isnan(monthly).any(axis=1)
    of = rows.account[known]
    speaks = monthly[known].argmax(axis=1)
    against[of, rows.month[known]] = (speaks != own[of]) & (own[of] >= 0)
    broken = np.argmin(np.column_stack((against[:, ::-1], np.zeros(len(against), np.bool_))), axis=1)
    return np.asarray(broken, np.int64)


def _worth(
    found: Floats, own: NDArray[np.int64], names: Sequence[str]
) -> tuple[float | None, dict[str, float | None], dict[str, dict[str, int]]]:
    known = ~np.isnan(found).any(axis=1) & (own >= 0)
    said = np.where(known, np.nan_to_num(found).argmax(axis=1), -1)
    confusion = {
        name: {other: int((known & (own == at) & (said == to)).sum()) for to, other in enumerate(names)}
        for at, name in enumerate(names)
    }
    recall: dict[str, float | None] = {}
    for name in names:
        total = sum(confusion[name].values())
        recall[name] = confusion[name][name] / total if total else None
    each = [value for value in recall.values() if value is not None]
    return (sum(each) / len(each) if len(each) == len(names) else None), recall, confusion


def _mean(values: NDArray[np.float32], account: NDArray[np.int64], accounts: int) -> Floats:
    count = np.bincount(account, minlength=accounts)
    total = np.bincount(account, weights=values, minlength=accounts)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _over_mean(kw: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = kw.mean(axis=1)
    usable = mean > 0
    return np.where(usable[:, None], kw / np.where(usable, mean, 1)[:, None], np.nan).astype(np.float32)
