"""Indicators of a month and of a year out of daily ones (load-characteristic practice, 负荷特性 §月、年).

A figure is published only where enough of the time is known: else it is NaN, and `coverage` says why. Ratios
are means over valid days alone; energy is what was measured and estimated, never stretched over holes.
"""

from calendar import isleap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.indicators.daily import INDICATORS, PUBLISH_COVERAGE

VERSION = 1
"""Raise it when a formula changes."""
Floats = NDArray[np.float64]
_AT = {each.name: place for place, each in enumerate(INDICATORS)}
_SHARES = ("sharp", "peak", "flat", "valley", "deep_valley", "night", "daytime")
_WORK = "work"


@dataclass(frozen=True, slots=True)
class Monthly:
    """A column: `unit` is kWh, kW, h, d (a count of days, or a day of the span counted from 1) or 1."""

    name: str
    unit: str
    zh: str


_BOTH = (
    Monthly("energy_kwh", "kWh", "电量"),
    Monthly("max_kw", "kW", "最大负荷"),
    Monthly("max_day", "d", "最大负荷日"),
    Monthly("min_kw", "kW", "最小负荷"),
    Monthly("mean_kw", "kW", "平均负荷"),
    Monthly("mean_daily_load_factor", "1", "平均日负荷率"),
    Monthly("mean_peak_valley_rate", "1", "平均峰谷差率"),
    Monthly("max_peak_valley_kw", "kW", "最大峰谷差"),
    Monthly("max_hours", "h", "最大负荷利用小时"),
    Monthly("load_factor", "1", "负荷率"),
    Monthly("sharp_share", "1", "尖段电量占比"),
    Monthly("peak_share", "1", "峰段电量占比"),
    Monthly("flat_share", "1", "平段电量占比"),
    Monthly("valley_share", "1", "谷段电量占比"),
    Monthly("deep_valley_share", "1", "深谷电量占比"),
    Monthly("night_share", "1", "夜间电量占比"),
    Monthly("daytime_share", "1", "日间电量占比"),
    Monthly("weekend_ratio", "1", "非工作日与工作日电量比"),
    Monthly("day_cv", "1", "日电量变异系数"),
    Monthly("base_kw", "kW", "基荷"),
    Monthly("max_ramp_kw", "kW", "最大爬坡"),
    Monthly("mean_peak_hours", "h", "平均尖峰负荷持续时间"),
    Monthly("high_band_max_kw", "kW", "尖峰段最大需量"),
    Monthly("zero_days", "d", "零电量天数"),
    Monthly("coverage", "1", "数据完整率"),
    Monthly("estimated_share", "1", "估算占比"),
    Monthly("valid_days", "d", "有效天数"),
    Monthly("max_measured", "1", "最大负荷日全为实测"),
)
MONTHLY = (*_BOTH, Monthly("month_load_factor", "1", "月负荷率"))
"""月负荷率 (月不均衡系数): mean of the days' mean loads over the highest day's mean load. `load_factor` is
mean load over the highest load of the month; `base_kw` the median of the days' base loads."""
YEARLY = (*_BOTH, Monthly("season_factor", "1", "季不均衡系数"))
"""`max_hours` is Tmax (年最大负荷利用小时), `load_factor` Tmax over 8760 h or 8784 h of twelve months;
季不均衡系数: mean of the months' maxima over the year's, of twelve months only."""
ALWAYS = frozenset({"coverage", "estimated_share", "valid_days"})
"""Said whatever the coverage."""


def monthly(
    daily: NDArray[np.float32],
    days: Sequence[date],
    day_types: Sequence[str],
    slots: NDArray[np.int64],
    *,
    interval_s: int = 900,
    least: float = PUBLISH_COVERAGE,
) -> NDArray[np.float32]:
    """(points, len(MONTHLY)) of `daily` (points, days, 26): the days of a month, or of its part that is over.

    `day_types` "work", "saturday" or "off" of each day; `slots` (days,), or (points, days) where a point was
    in service for a part only, how many each should have. NaN where it cannot be said.
    """
    span = _Span(daily, days, day_types, slots, interval_s, least)
    mean_kw = span.mean_of_days_kw
    factor = _ratio(_mean(mean_kw), _max(mean_kw))
    return span.table([*span.both(), span.published(factor)])


def yearly(
    daily: NDArray[np.float32],
    days: Sequence[date],
    day_types: Sequence[str],
    slots: NDArray[np.int64],
    *,
    interval_s: int = 900,
    least: float = PUBLISH_COVERAGE,
) -> NDArray[np.float32]:
    """(points, len(YEARLY)), as `monthly`, of the days of one year."""
    span = _Span(daily, days, day_types, slots, interval_s, least)
    whole = len({each.month for each in days}) == 12
    hours = 24.0 * (366 if isleap(days[0].year) else 365) if whole else None
    season = _season(span.of("max_kw"), days) if whole else np.full(len(daily), np.nan)
    return span.table([*span.both(hours), span.published(season)])


class _Span:
    """The days of one span, all points at once; arrays are (points, days) or (points,)."""

    def __init__(
        self,
        daily: NDArray[np.float32],
        days: Sequence[date],
        day_types: Sequence[str],
        slots: NDArray[np.int64],
        interval_s: int,
        least: float,
    ) -> None:
        self._daily, self._days, self._hour = daily, days, interval_s / 3600
        self._work = np.array([each == _WORK for each in day_types])
        expected = np.broadcast_to(slots, daily.shape[:2]).astype(np.float64)
        known = np.nan_to_num(daily[:, :, _AT["valid_slots"]].astype(np.float64))
        self._known = known
        self._valid = (expected > 0) & (known >= PUBLISH_COVERAGE * expected)
        self._whole = known >= expected
        self.coverage = _ratio(known.sum(axis=1), expected.sum(axis=1))
        self._enough = np.nan_to_num(self.coverage) >= least

    def of(self, name: str) -> Floats:
        """An indicator on valid days; NaN on others."""
        return np.where(self._valid, self._daily[:, :, _AT[name]].astype(np.float64), np.nan)

    @property
    def mean_of_days_kw(self) -> Floats:
        return _ratio(self.of("energy_kwh"), self._known * self._hour)

    def published(self, values: Floats) -> Floats:
        return np.where(self._enough, values, np.nan)

    def table(self, columns: Sequence[Floats]) -> NDArray[np.float32]:
        return np.stack(columns, axis=1).astype(np.float32)

    def both(self, hours: float | None = None) -> list[Floats]:
        """The columns of `_BOTH`; the load factor is of all `hours` where given, else of known time."""
        anyhow = self._daily[:, :, _AT["energy_kwh"]].astype(np.float64)
        maxima, energy = self._all("max_kw"), _sum(anyhow)
        highest, mean = _max(maxima), _ratio(energy, self._known.sum(axis=1) * self._hour)
        max_day, measured = self._highest_day(maxima)
        use_h = _ratio(energy, highest)
        found = [
            energy,
            highest,
            max_day,
            _min(self._all("min_kw")),
            mean,
            _mean(self.of("load_factor")),
            _mean(self.of("peak_valley_rate")),
            _max(self.of("peak_valley_kw")),
            use_h,
            _ratio(mean, highest) if hours is None else use_h / hours,
            *(self._share(name, anyhow) for name in _SHARES),
            self._weekend(),
            self._spread(),
            _median(self.of("base_kw")),
            _max(self.of("max_ramp_kw")),
            _mean(self.of("peak_hours")),
            _max(self._all("high_band_max_kw")),
            (self._valid & (anyhow == 0)).sum(axis=1).astype(np.float64),
        ]
        estimated = np.nan_to_num(self._daily[:, :, _AT["estimated_slots"]].astype(np.float64)).sum(axis=1)
        return [
            *(self.published(each) for each in found),
            self.coverage,
            _ratio(estimated, self._known.sum(axis=1)),
            self._valid.sum(axis=1).astype(np.float64),
            self.published(measured),
        ]

    def _all(self, name: str) -> Floats:
        return self._daily[:, :, _AT[name]].astype(np.float64)

    def _highest_day(self, maxima: Floats) -> tuple[Floats, Floats]:
        """The first day of the highest load, counted from 1, and whether all of that day was measured."""
        some = ~np.isnan(maxima).all(axis=1)
        place = np.argmax(np.where(np.isnan(maxima), -np.inf, maxima), axis=1)
        rows = np.arange(len(maxima))
        estimates = self._daily[rows, place, _AT["estimated_slots"]]
        measured = (estimates == 0) & self._whole[rows, place]
        return np.where(some, place + 1.0, np.nan), np.where(some, measured.astype(np.float64), np.nan)

    def _share(self, name: str, energy: Floats) -> Floats:
        """Weighed by energy; of the days that have both."""
        share = self._all(f"{name}_share")
        both = ~np.isnan(share) & ~np.isnan(energy)
        part = np.where(both, share * energy, 0).sum(axis=1)
        return _ratio(part, np.where(both, energy, 0).sum(axis=1))

    def _weekend(self) -> Floats:
        energy = self.of("energy_kwh")
        off = np.where(self._work, np.nan, energy)
        return _ratio(_mean(off), _mean(np.where(self._work, energy, np.nan)))

    def _spread(self) -> Floats:
        energy = self.of("energy_kwh")
        mean = _mean(energy)
        variance = _mean((energy - mean[:, None]) ** 2)
        return _ratio(np.sqrt(variance), mean)


def _season(maxima: Floats, days: Sequence[date]) -> Floats:
    month = np.array([each.month for each in days])
    of_month = np.stack([_max(maxima[:, month == each]) for each in range(1, 13)], axis=1)
    whole = ~np.isnan(of_month).any(axis=1)
    return np.where(whole, _ratio(_mean(of_month), _max(of_month)), np.nan)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """NaN where there is nothing to be a part of."""
    found: Floats = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=found, where=whole > 0)
    return found


def _sum(values: Floats) -> Floats:
    """NaN only where nothing is known."""
    known = ~np.isnan(values)
    return np.where(known.any(axis=1), np.where(known, values, 0).sum(axis=1), np.nan)


def _mean(values: Floats) -> Floats:
    known = (~np.isnan(values)).sum(axis=1)
    return _ratio(_sum(values), known.astype(np.float64))


def _max(values: Floats) -> Floats:
    found = np.where(np.isnan(values), -np.inf, values).max(axis=1, initial=-np.inf)
    return np.where(np.isneginf(found), np.nan, found)


def _min(values: Floats) -> Floats:
    return -_max(-values)


def _median(values: Floats) -> Floats:
    known = (~np.isnan(values)).sum(axis=1)
    ordered = np.sort(values, axis=1)
    rows, low, high = np.arange(len(values)), np.maximum((known - 1) // 2, 0), known // 2
    middle = (ordered[rows, low] + ordered[rows, np.minimum(high, ordered.shape[1] - 1)]) / 2
    return np.where(known > 0, middle, np.nan)
