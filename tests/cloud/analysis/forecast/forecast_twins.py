"""Slow and obvious twins of the forecast's kernels, in NumPy."""

import numpy as np
from numpy.typing import NDArray

Kw = NDArray[np.float32]


def similar_mean(values: Kw, usable: NDArray[np.bool_], days: NDArray[np.int64], count: int) -> Kw:
    """(points, slots): of one target, whose days alike are `days`, -1 behind the last."""
    out = np.full((len(values), values.shape[2]), np.nan, np.float32)
    for point, own in enumerate(values):
        chosen = [own[day] for day in days if day >= 0 and usable[point, day]][:count]
        for slot in range(values.shape[2]):
            known = [row[slot] for row in chosen if not np.isnan(row[slot])]
            if known:
                out[point, slot] = np.mean(known)
    return out


def features_of(values: Kw, usable: NDArray[np.bool_], days: NDArray[np.int64], last: int, target: int,
                count: int) -> dict[str, Kw]:  # fmt: skip
    """(points, slots) of each energy feature in kW."""
    out: dict[str, list[Kw]] = {}
    nothing = np.full(values.shape[2], np.nan, np.float32)
    for point, own in enumerate(values):
        alike = np.array([own[day] for day in days if day >= 0 and usable[point, day]][:10])
        few = alike[:count]
        weights = 0.7 ** np.arange(len(alike))[:, None] * ~np.isnan(alike)

        def day(number: int, own: Kw = own) -> Kw:
            return own[number] if 0 <= number <= last else nothing

        told = {
            "mean": np.nanmean(few, axis=0),
            "median": np.nanmedian(few, axis=0),
            "weighted": np.nansum(alike * weights, axis=0) / weights.sum(axis=0),
            "spread": np.nanmax(few, axis=0) - np.nanmin(few, axis=0),
            "lowest": np.nanmin(few, axis=0),
            "day_before": day(target - 1),
            "two_before": day(target - 2),
            "week_before": day(target - 7),
            "fortnight_before": day(target - 14),
            "last_week": np.nanmean(own[last - 6 : last + 1], axis=0),
            "newest_day": np.full(values.shape[2], np.nanmean(own[last])),
            "newest_week": np.full(values.shape[2], np.nanmean(own[last - 6 : last + 1])),
        }
        for name, each in told.items():
            out.setdefault(name, []).append(each.astype(np.float32))
    return {name: np.stack(each) for name, each in out.items()}


def block_quantiles(errors: Kw, chosen: NDArray[np.bool_], block: int, low: float, high: float) -> Kw:
    """(points, 2, blocks)"""
    points, _, slots = errors.shape
    out = np.full((points, 2, slots // block), np.nan, np.float32)
    for point in range(points):
        own = errors[point, chosen]
        days = int((~np.isnan(own)).any(axis=1).sum())
        wider = 1 + 1 / max(days, 1)
        levels = max(0.0, 1 - (1 - low) * wider), min(1.0, high * wider)
        for number in range(slots // block):
            part = own[:, number * block : (number + 1) * block]
            known = part[~np.isnan(part)]
            if len(known):
                out[point, :, number] = np.quantile(known, levels)
    return out
