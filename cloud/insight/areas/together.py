"""Coincidence of customers, in an area and on its feeder: who draws at the peak, and how much."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.indicators.coincidence import Coincidence, coincidence
from cloud.analysis.indicators.transformer import top
from cloud.insight.areas.policy import PublishLimits
from cloud.insight.areas.store import AreaDay, Contribution, Kind, Reason
from cloud.insight.areas.task import AreaResult
from cloud.insight.curves import Curves
from cloud.metering.store import instant

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Group:
    """Customers as one: `wh` (points, slots), `counts` (points,) who has enough data."""

    names: Sequence[str]
    wh: NDArray[np.float32]
    counts: Bools
    starts_ms: NDArray[np.int64]
    interval_s: int


def enough(wh: NDArray[np.float32], limits: PublishLimits) -> Bools:
    """(points,): whose day is known well enough to count."""
    known = (~np.isnan(wh)).sum(axis=1)
    found: Bools = known >= limits.coverage * max(wh.shape[1], 1)
    return found


def of_area(curves: Curves, area: str, day: date, limits: PublishLimits) -> AreaDay:
    """The row of an area with all that is said of its customers together."""
    counts = enough(curves.wh, limits)
    valid = int((~np.isnan(curves.wh)).sum())
    plain = AreaDay(
        kind=Kind.AREA,
        subject=area,
        day=day,
        customers=len(curves.points),
        counted=int(counts.sum()),
        coverage=valid / curves.wh.size if curves.wh.size else None,
        estimated_share=int(curves.estimated.sum()) / valid if valid else None,
        coincidence=None,
        peak_kw=None,
        peak_at=None,
        maxima_kw=None,
    )
    group = _Group(curves.points, curves.wh, counts, curves.starts_ms, curves.interval_s)
    return _with_coincidence(plain, group, limits)


def of_feeder(feeder: str, day: date, results: Sequence[AreaResult], limits: PublishLimits) -> AreaDay:
    """The row of a feeder out of its areas, whose curves are of one interval."""
    customers = sum(each.row.customers for each in results)
    slots = sum(each.wh.size for each in results)
    valid = sum(each.valid_slots for each in results)
    plain = AreaDay(
        kind=Kind.FEEDER,
        subject=feeder,
        day=day,
        customers=customers,
        counted=sum(each.row.counted for each in results),
        coverage=valid / slots if slots else None,
        estimated_share=sum(each.estimated_slots for each in results) / valid if valid else None,
        coincidence=None,
        peak_kw=None,
        peak_at=None,
        maxima_kw=None,
    )
    names = [point for each in results for point in each.points]
    group = _Group(
        names,
        np.concatenate([each.wh for each in results]),
        np.concatenate([each.counts for each in results]),
        results[0].starts_ms,
        results[0].interval_s,
    )
    row = _with_coincidence(plain, group, limits)
    return row if row.peak_at is None else replace(row, areas=_areas(results, row.peak_at, limits.top))


def drawn_at(
    names: Sequence[str], wh: NDArray[np.float32], slot: int, interval_s: int, count: int
) -> tuple[Contribution, ...]:
    """Those that draw most in a slot, of all that are known there."""
    kw = wh[:, slot] * np.float32(3.6 / interval_s)
    own = np.fmax.reduce(wh, axis=1, initial=np.nan) * np.float32(3.6 / interval_s)
    return _contributions(names, kw, own, float(np.nansum(kw)), count)


def _with_coincidence(row: AreaDay, group: _Group, limits: PublishLimits) -> AreaDay:
    if not row.customers:
        return _without(row, Reason.NO_CUSTOMERS)
    if row.counted < max(limits.customers * row.customers, 1):
        return _without(row, Reason.FEW_DATA)
    found = coincidence(group.wh, np.where(group.counts, 0, -1))
    if not found.peak[0] > 0:
        return _without(row, Reason.NO_LOAD)
    kw = 3.6 / group.interval_s
    return replace(
        row,
        coincidence=float(found.factor[0]),
        peak_kw=float(found.peak[0]) * kw,
        peak_at=_at(group, found),
        maxima_kw=float(found.maxima[0]) * kw,
        contributions=_contributions(
            group.names,
            np.where(group.counts, found.at_peak, np.nan) * np.float32(kw),
            found.own * np.float32(kw),
            float(found.peak[0]) * kw,
            limits.top,
        ),
    )


def _without(row: AreaDay, reason: Reason) -> AreaDay:
    return replace(row, reasons={**row.reasons, "coincidence": reason})


def _at(group: _Group, found: Coincidence) -> datetime:
    return instant(int(group.starts_ms[found.peak_slot[0]]))


def _areas(results: Sequence[AreaResult], peak_at: datetime, count: int) -> tuple[Contribution, ...]:
    """What the areas' customers that count drew together at the feeder's peak, over the areas' own peaks."""
    slot = int(np.argmax([instant(int(ms)) == peak_at for ms in results[0].starts_ms]))
    sums = np.stack([np.nansum(each.wh[each.counts], axis=0) for each in results]) * (
        3.6 / results[0].interval_s
    )
    names = [each.row.subject for each in results]
    kw, own = sums[:, slot].astype(np.float32), sums.max(axis=1).astype(np.float32)
    return _contributions(names, kw, own, float(kw.sum()), count)


def _contributions(
    names: Sequence[str],
    kw: NDArray[np.float32],
    own: NDArray[np.float32],
    whole: float,
    count: int,
) -> tuple[Contribution, ...]:
    return tuple(
        Contribution(names[at], float(kw[at]), float(kw[at]) / whole, float(kw[at]) / float(own[at]))
        for at in top(kw, count).tolist()
    )
