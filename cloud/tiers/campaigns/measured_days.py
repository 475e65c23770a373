"""What accounts used in quarters of the days of a period, from valid slots alone: measured, not estimated.

A day counts when every slot asked for is valid; what is missing never counts as nothing used.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from cloud.customers.store import service_table
from cloud.fleet.history import point_facts
from cloud.insight import curves
from cloud.insight.bands import StationBands
from cloud.kit.bands import Band
from cloud.kit.days import bounds, midnight
from cloud.tiers.campaigns.plan import Metric

_CHUNK = 400
_SHARE_OF = {
    Metric.VALLEY_SHARE: frozenset({Band.VALLEY, Band.DEEP_VALLEY}),
    Metric.PEAK_SHARE: frozenset({Band.SHARP, Band.PEAK}),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """`quarters` of the wall clock; a share asks for all and counts those of its bands."""

    metric: Metric
    quarters: frozenset[int]
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Archive:
    folder: Path
    zone: tzinfo
    bands: StationBands


@dataclass(frozen=True, slots=True)
class Used:
    """Means of valid days by account: `counted` kWh a day of what is asked for, `whole` kWh a day of all it
    is held against (1.0 where it is no share), `days` valid of `of_days`."""

    counted: float
    whole: float
    days: int
    of_days: int


@dataclass(frozen=True, slots=True)
class Period:
    """By account; `coverage` is the share of slots asked for that are valid, `estimated` that which were
    estimated and so do not count. Who was not served at the same points throughout is not there."""

    used: Mapping[str, Used]
    coverage: float | None
    estimated: float | None
    inputs: str


def period(connection: Connection, archive: Archive, accounts: Collection[str], ask: Ask) -> Period:
    """Area by area, so that no more than one area's curves are in memory."""
    served = served_throughout(connection, accounts, ask.first, ask.last, archive.zone)
    by_area: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for account, points in served.items():
        for point, area in points:
            by_area[area].append((account, point))
    sums: dict[str, list[NDArray[np.float64]]] = {}
    valid = slots = estimated = 0
    digest = blake2b(digest_size=16)
    for area, pairs in sorted(by_area.items()):
        names = [point for _, point in pairs]
        source = curves.source(
            connection, archive.folder, ask.first, ask.last, zone=archive.zone, areas=[area]
        )
        digest.update(f"{area} {source.inputs}\n".encode())
        read = curves.read(source, names)
        days = _days(read, ask, archive.bands)
        valid, slots, estimated = valid + days.valid, slots + days.slots, estimated + days.estimated
        row_of = {point: number for number, point in enumerate(read.points)}
        for account, point in pairs:
            row = row_of[point]
            own = sums.setdefault(account, [np.zeros(len(days.counted[row])), np.zeros(len(days.whole[row]))])
            own[0] += days.counted[row]
            own[1] += days.whole[row]
    of_days = (ask.last - ask.first).days + 1
    used = {account: _mean(counted, whole, of_days) for account, (counted, whole) in sums.items()}
    return Period(
        used,
        valid / slots if slots else None,
        estimated / slots if slots else None,
        digest.hexdigest(),
    )


def day_wh(
    connection: Connection, archive: Archive, accounts: Collection[str], quarters: frozenset[int], day: date
) -> dict[str, int]:
    """By account the whole Wh of the valid slots of a day's quarters; who has no valid slot is not there."""
    served = served_throughout(connection, accounts, day, day, archive.zone)
    by_area: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for account, points in served.items():
        for point, area in points:
            by_area[area].append((account, point))
    found: dict[str, float] = {}
    for area, pairs in sorted(by_area.items()):
        read = curves.curves(
            connection,
            archive.folder,
            [point for _, point in pairs],
            day,
            day,
            zone=archive.zone,
            areas=[area],
        )
        inside = np.isin(read.grid.label, sorted(quarters))
        good = inside[None, :] & ~np.isnan(read.wh) & ~read.estimated
        row_of = {point: number for number, point in enumerate(read.points)}
        for account, point in pairs:
            row = row_of[point]
            if good[row].any():
                wh = float(read.wh[row][good[row]].astype(np.float64).sum())
                found[account] = found.get(account, 0.0) + wh
    return {account: int(wh) for account, wh in found.items()}


def served_throughout(
    connection: Connection, accounts: Collection[str], first: date, last: date, zone: tzinfo
) -> dict[str, list[tuple[str, str]]]:
    """By account its (point, area) where it was served by exactly these from the first day to the last."""
    start, end = midnight(first, zone), bounds(last, zone)[1]
    service, place = service_table.c, point_facts.c
    found: dict[str, list[tuple[str, str]]] = {}
    broken: set[str] = set()
    ordered = sorted(accounts)
    for low in range(0, len(ordered), _CHUNK):
        query = (
            select(service.account, service.point, service.start, service.end, place.area)
            .join(point_facts, place.point == service.point)
            .where(service.account.in_(ordered[low : low + _CHUNK]))
            .where(service.start < end, service.end.is_(None) | (service.end > start))
            .where(place.withdrawn_at.is_(None), place.start < end)
            .where(place.end.is_(None) | (place.end >= end))
            .order_by(service.account, service.point)
        )
        for row in connection.execute(query):
            if row.start > start or _ends(row.end, end):
                broken.add(row.account)
            found.setdefault(row.account, []).append((row.point, row.area))
    return {account: points for account, points in found.items() if account not in broken}


def _ends(at: datetime | None, end: datetime) -> bool:
    return at is not None and at < end


@dataclass(frozen=True, slots=True)
class _Days:
    """float64 (points, days) kWh of valid days, NaN of others."""

    counted: NDArray[np.float64]
    whole: NDArray[np.float64]
    valid: int
    slots: int
    estimated: int


def _days(read: curves.Curves, ask: Ask, bands: StationBands) -> _Days:
    share = _SHARE_OF.get(ask.metric)
    everything = np.ones(len(read.grid.label), np.bool_)
    if share is not None:
        asked, inside = everything, np.isin(bands.slots(read.grid), sorted(share))
    elif ask.metric is Metric.KWH_IN_HOURS:
        asked = inside = np.isin(read.grid.label, sorted(ask.quarters))
    else:
        asked = inside = everything
    good = ~np.isnan(read.wh) & ~read.estimated
    kwh = np.where(good, read.wh, 0).astype(np.float64) / 1000
    cuts = read.grid.first_slot[:-1]
    lacking = np.add.reduceat((asked[None, :] & ~good).astype(np.int64), cuts, axis=1)
    counted = np.add.reduceat(kwh * inside, cuts, axis=1)
    whole = np.add.reduceat(kwh * asked, cuts, axis=1) if share is not None else np.ones_like(counted)
    hole = lacking > 0
    counted[hole] = whole[hole] = np.nan
    marked = int((asked[None, :] & read.estimated & ~np.isnan(read.wh)).sum())
    return _Days(counted, whole, int((asked[None, :] & good).sum()), int(asked.sum()) * len(read.wh), marked)


def _mean(counted: NDArray[np.float64], whole: NDArray[np.float64], of_days: int) -> Used:
    """A day counts when it is valid at all points of the account."""
    good = ~np.isnan(counted)
    days = int(good.sum())
    if not days:
        return Used(float("nan"), float("nan"), 0, of_days)
    return Used(float(counted[good].mean()), float(whole[good].mean()), days, of_days)


def of_customers(
    used: Mapping[str, Used], accounts_of: Mapping[str, Sequence[str]], metric: Metric, least: float
) -> dict[str, float]:
    """By customer the metric over all their drawn accounts; NaN where one has too few valid days."""
    found = {}
    for customer, accounts in accounts_of.items():
        parts = [used.get(account) for account in accounts]
        known = [each for each in parts if each is not None and each.days >= least * each.of_days]
        if len(known) < len(parts) or not known:
            found[customer] = float("nan")
            continue
        counted, whole = sum(each.counted for each in known), sum(each.whole for each in known)
        if metric in _SHARE_OF:
            found[customer] = counted / whole if whole > 0 else float("nan")
        else:
            found[customer] = counted
    return found
