"""Features of a customer's month out of daily indicators and typical days: no size in them, only behaviour.

All are ratios, shares or hours, so that a small shop and a large one look alike: load factor, peak-valley
rate, night and daytime shares, days off against working days, ramp, base and spread, hours of the peak, the
typical day in windows of three hours (after Kwac et al. 2014 and McLoughlin et al. 2015, who keep shape and
total apart). What cannot be said is NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.indicators.daily import INDICATORS, PUBLISH_COVERAGE

VERSION = 1
"""Raise it when a formula changes: stored features of an older one are made anew."""
LEAST_DAYS = 10
"""A month of fewer valid working days says nothing of its own."""
Floats = NDArray[np.float64]
_AT = {each.name: place for place, each in enumerate(INDICATORS)}
_WINDOWS = 8
_TWO_PI = 2 * np.pi


@dataclass(frozen=True, slots=True)
class Feature:
    """`unit` is 1 (a ratio), h (an hour of the day or hours)."""

    name: str
    unit: str


FEATURES = (
    Feature("load_factor", "1"),
    Feature("peak_valley_rate", "1"),
    Feature("base_ratio", "1"),
    Feature("ramp_ratio", "1"),
    Feature("spread_ratio", "1"),
    Feature("peak_hours", "h"),
    Feature("night_share", "1"),
    Feature("daytime_share", "1"),
    Feature("night_share_off", "1"),
    Feature("daytime_share_off", "1"),
    Feature("load_factor_off", "1"),
    Feature("saturday_ratio", "1"),
    Feature("off_ratio", "1"),
    Feature("work_cv", "1"),
    Feature("month_load_factor", "1"),
    Feature("peak_sin", "1"),
    Feature("peak_cos", "1"),
    Feature("peak_steady", "1"),
    Feature("valley_sin", "1"),
    Feature("valley_cos", "1"),
    *(Feature(f"work_{3 * n:02}", "1") for n in range(_WINDOWS)),
    *(Feature(f"off_{3 * n:02}", "1") for n in range(_WINDOWS)),
    Feature("noon_dip", "1"),
    Feature("evening_rise", "1"),
    Feature("morning_rise", "1"),
    Feature("off_likeness", "1"),
    Feature("roughness", "1"),
)
NAMES = tuple(each.name for each in FEATURES)
"""The columns of every array of features."""


def features(
    daily: NDArray[np.float32],
    day_types: Sequence[str],
    slots: NDArray[np.int64],
    work_kw: NDArray[np.float32],
    off_kw: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(points, len(FEATURES)) of `daily` (points, days, 26), the days of a month of kinds `day_types`.

    `slots` (points, days): how many each day should have; `work_kw` and `off_kw` (points, labels): typical
    days by the wall clock, NaN where there is none. A row of too few valid working days is NaN.
    """
    span = _Span(daily, day_types, slots)
    work, off = _shares(work_kw), _shares(off_kw)
    found = np.stack([*span.columns(), *_of_shapes(work, off)], axis=1)
    found[~span.enough] = np.nan
    return found.astype(np.float32)


class _Span:
    """The days of one month, all points at once."""

    def __init__(
        self, daily: NDArray[np.float32], day_types: Sequence[str], slots: NDArray[np.int64]
    ) -> None:
        self._daily, self._slots = daily, slots
        known = np.nan_to_num(daily[:, :, _AT["valid_slots"]])
        energy = np.nan_to_num(daily[:, :, _AT["energy_kwh"]])
        valid = (slots > 0) & (known >= PUBLISH_COVERAGE * slots) & (energy > 0)
        kinds = np.array(day_types)
        self._work, self._saturday = valid & (kinds == "work"), valid & (kinds == "saturday")
        self._off, self._valid = valid & (kinds == "off"), valid
        self.enough: NDArray[np.bool_] = self._work.sum(axis=1) >= LEAST_DAYS

    def columns(self) -> list[Floats]:
        work, off, mean_kw = self._work, self._off | self._saturday, self._of("energy_kwh") / 24
        energy = self._of("energy_kwh")
        usual = _mean(energy, work)
        return [
            _mean(self._of("load_factor"), work),
            _mean(self._of("peak_valley_rate"), work),
            _ratio(_mean(self._of("base_kw"), work), _mean(mean_kw, work)),
            _ratio(_mean(self._of("max_ramp_kw"), work), _mean(mean_kw, work)),
            _ratio(_mean(self._of("std_kw"), work), _mean(mean_kw, work)),
            _mean(self._of("peak_hours"), work),
            _mean(self._of("night_share"), work),
            _mean(self._of("daytime_share"), work),
            _mean(self._of("night_share"), off),
            _mean(self._of("daytime_share"), off),
            _mean(self._of("load_factor"), off),
            _ratio(_mean(energy, self._saturday), usual),
            _ratio(_mean(energy, self._off), usual),
            _ratio(_std(energy, work), usual),
            _ratio(_mean(energy, self._valid), np.where(self._valid, energy, 0).max(axis=1, initial=0)),
            *self._hour("max_slot"),
            *self._hour("min_slot")[:2],
        ]  # fmt: skip

    def _of(self, name: str) -> Floats:
        return self._daily[:, :, _AT[name]].astype(np.float64)

    def _hour(self, name: str) -> tuple[Floats, Floats, Floats]:
        """Sine and cosine of the mean hour on working days, and how alike the days are in it (0 to 1)."""
        angle = _TWO_PI * (self._of(name) + 0.5) / np.maximum(self._slots, 1)
        sine, cosine = _mean(np.sin(angle), self._work), _mean(np.cos(angle), self._work)
        return sine, cosine, np.hypot(sine, cosine)


def _of_shapes(work: Floats, off: Floats) -> list[Floats]:
    """Of typical days as shares of their energy; windows of three hours, and what stands out in them."""
    windows = [_windows(each)[:, n] for each in (work, off) for n in range(_WINDOWS)]
    hours = _by(work, 24)
    noon, around = hours[:, 12:14].mean(axis=1), hours[:, [10, 11, 14, 15]].mean(axis=1)
    evening, day = hours[:, 18:22].mean(axis=1), hours[:, 9:17].mean(axis=1)
    morning, night = hours[:, 5:8].mean(axis=1), hours[:, 1:4].mean(axis=1)
    return [
        *windows,
        _log_ratio(noon, around),
        _log_ratio(evening, day),
        _log_ratio(morning, night),
        1 - np.abs(_by(work, 24) - _by(off, 24)).sum(axis=1) / 2,
        np.abs(np.diff(work, axis=1)).sum(axis=1),
    ]


def _shares(kw: NDArray[np.float32]) -> Floats:
    """Of a day's energy; NaN for a day with a hole, with nothing, or that feeds in."""
    values = kw.astype(np.float64)
    total = values.sum(axis=1)
    usable = (total > 0) & (values.min(axis=1, initial=np.inf) >= 0)
    return np.where(usable[:, None], values / np.where(usable, total, 1)[:, None], np.nan)


def _by(shares: Floats, parts: int) -> Floats:
    found: Floats = shares.reshape(len(shares), parts, -1).sum(axis=2)
    return found


def _windows(shares: Floats) -> Floats:
    return _by(shares, _WINDOWS)


def _log_ratio(part: Floats, whole: Floats) -> Floats:
    """Of shares of an hour, each lifted by a thousandth so that nothing is infinitely little."""
    found: Floats = np.log((part + 1e-3) / (whole + 1e-3))
    return found


def _mean(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    known = chosen & ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(axis=1), known.sum(axis=1).astype(np.float64), least=0.5)


def _std(values: Floats, chosen: NDArray[np.bool_]) -> Floats:
    mean = _mean(values, chosen)
    return np.asarray(np.sqrt(_mean((values - mean[:, None]) ** 2, chosen)), np.float64)


def _ratio(part: Floats, whole: Floats, least: float = 0.0) -> Floats:
    found: Floats = np.full(part.shape, np.nan)
    np.divide(part, whole, out=found, where=whole > least)
    return found
