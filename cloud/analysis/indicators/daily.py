"""The 26 daily indicators of every customer's day: their names, and the one call that fills them.

A row is a day of any number of slots. What cannot be said is NaN; energy is never extrapolated over a hole.

On a day with holes every indicator is of the known slots alone, and `valid_slots` says how many there are:
whoever shows a number shows that coverage with it and publishes below `PUBLISH_COVERAGE` with a caveat only.
`energy_kwh` is the energy of the known slots (the registers know more: see metering); a ramp is of two known
neighbours, and a hole ends a run. Of several equal extremes the first slot counts.

A ratio needs something to be a ratio of: where the highest load is not above 0, or any slot is net export
(below 0: the channel is then not a load), ratios and shares are NaN. Night is 22:00 to 06:00 and daytime
08:00 to 18:00 by the wall clock. `base_kw` is the 5th lowest load of a day of 81 or more slots, of a shorter
one the lowest twentieth, rounded up. Formulas: usual practice of load-characteristic statistics (负荷特性).
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.grid import DayGrid
from cloud.analysis.kernels.daily import BANDS, CORE, Days, fill_days
from cloud.kit.errors import Invalid

VERSION = 1
"""Raise it when a formula changes: stored indicators of an older one are made anew."""

PUBLISH_COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Indicator:
    """A column of every array of daily indicators: `unit` is kWh, kW, h, slot (an index or a count) or 1."""

    name: str
    unit: str
    zh: str


INDICATORS = (
    Indicator("energy_kwh", "kWh", "日电量"),
    Indicator("max_kw", "kW", "日最大负荷"),
    Indicator("min_kw", "kW", "日最小负荷"),
    Indicator("max_slot", "slot", "最大负荷时刻"),
    Indicator("load_factor", "1", "日负荷率"),
    Indicator("peak_valley_rate", "1", "峰谷差率"),
    Indicator("sharp_share", "1", "尖段电量占比"),
    Indicator("peak_share", "1", "峰段电量占比"),
    Indicator("flat_share", "1", "平段电量占比"),
    Indicator("valley_share", "1", "谷段电量占比"),
    Indicator("max_ramp_kw", "kW", "最大爬坡"),
    Indicator("std_kw", "kW", "负荷标准差"),
    Indicator("base_kw", "kW", "基荷"),
    Indicator("min_slot", "slot", "最小负荷时刻"),
    Indicator("min_load_rate", "1", "最小负荷率"),
    Indicator("peak_valley_kw", "kW", "峰谷差"),
    Indicator("deep_valley_share", "1", "深谷电量占比"),
    Indicator("valid_slots", "slot", "有效点数"),
    Indicator("estimated_slots", "slot", "估算点数"),
    Indicator("peak_hours", "h", "尖峰负荷持续时间"),
    Indicator("night_share", "1", "夜间电量占比"),
    Indicator("daytime_share", "1", "日间电量占比"),
    Indicator("zero_run", "slot", "最长连续零值点数"),
    Indicator("frozen_run", "slot", "最长连续不变点数"),
    Indicator("spike_ratio", "1", "尖峰比"),
    Indicator("high_band_max_kw", "kW", "尖峰段最大需量"),
)

NIGHT_MIN = (22 * 60, 6 * 60)
DAYTIME_MIN = (8 * 60, 18 * 60)
DAY_S = 86_400
_AT_ONCE = 4096  # rows of band tables looked at together
_PARTS = 4  # a thread's share in so many parts: who is held up by others takes fewer


def daily(
    wh: NDArray[np.float32],
    *,
    interval_s: int,
    bands: NDArray[np.int8],
    estimated: NDArray[np.bool_] | None = None,
    labels: NDArray[np.int64] | None = None,
    core: bool = False,
    threads: int = 1,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """(rows, 26), or the first 13 where `core`, of days `wh` (rows, slots) float32: Wh, NaN where unknown.

    `bands` int8 (slots,) or (rows, slots): 0 sharp, 1 peak, 2 flat, 3 valley, 4 deep valley. `estimated`
    (rows, slots): without it `estimated_slots` is NaN. `labels` (slots,): which slot of a usual day each is
    by the wall clock; where days are not of the usual length and it is not given, night and daytime are NaN.
    `out` is filled instead of a new array. Bit for bit the same whatever `threads`. Invalid: shapes, bands.
    """
    _check(wh, bands, estimated)
    rows, slots = wh.shape
    filled = _room(out, rows, CORE if core else len(INDICATORS))
    if labels is not None and labels.shape != (slots,):
        raise Invalid(f"labels: {labels.shape} does not fit {slots} slots")
    usual = slots * interval_s == DAY_S
    wall = labels if labels is not None else np.arange(slots) if usual else None
    for places, table in _tables(bands, rows):
        days = Days(slots, places * slots, places, _classes(table, wall, interval_s), wall is not None)
        if bands.ndim == 1:
            _fill(wh, estimated, days, interval_s, filled[:, None], threads)
        else:  # of all rows one long one, so that those with the same table are days of it
            marks = None if estimated is None else estimated.reshape(1, -1)
            _fill(wh.reshape(1, -1), marks, days, interval_s, filled[None], threads)
    return filled


def daily_of(
    wh: NDArray[np.float32],
    grid: DayGrid,
    *,
    interval_s: int,
    bands: NDArray[np.int8],
    estimated: NDArray[np.bool_] | None = None,
    core: bool = False,
    threads: int = 1,
) -> NDArray[np.float32]:
    """(points, days, 26) of curves `wh` (points, slots of the grid); days of 92, 96, 100 slots as they are.

    `bands` int8 (slots of the grid,): the band of each slot in order of time, so that months, day types and
    days of other lengths each have their own. `max_slot` and `min_slot` count from the day's own midnight.
    Otherwise as `daily`.
    """
    _check(wh, bands, estimated)
    if bands.ndim != 1 or wh.shape[1] != len(grid.day):
        raise Invalid(f"wh, bands: a grid of {len(grid.day)} slots, but {wh.shape} and {bands.shape}")
    out = np.empty((len(wh), len(grid.days), CORE if core else len(INDICATORS)), np.float32)
    for days in _alike(grid, bands, interval_s):
        _fill(wh, estimated, days, interval_s, out, threads)
    return out


def warm() -> None:
    """Compiles the kernels, or loads them from where they are kept since the last time."""
    bands, marks = np.full(96, 2, np.int8), np.zeros((1, 96), np.bool_)
    for core in (True, False):
        daily(np.ones((1, 96), np.float32), interval_s=900, bands=bands, estimated=marks, core=core)


def _check(wh: NDArray[np.float32], bands: NDArray[np.int8], estimated: NDArray[np.bool_] | None) -> None:
    if wh.ndim != 2 or wh.dtype != np.float32:
        raise Invalid(f"wh: float32 (rows, slots) is needed, not {wh.dtype} {wh.shape}")
    if bands.shape not in (wh.shape, wh.shape[1:]):
        raise Invalid(f"bands: {bands.shape} does not fit {wh.shape[0]} × {wh.shape[1]} slots")
    if bands.size and not 0 <= bands.min() <= bands.max() < BANDS:
        raise Invalid(f"bands: {bands.min()} to {bands.max()}, but they are 0 to {BANDS - 1}")
    if estimated is not None and (estimated.shape != wh.shape or estimated.dtype != np.bool_):
        raise Invalid(f"estimated: bool {wh.shape} is needed, not {estimated.dtype} {estimated.shape}")


def _room(out: NDArray[np.float32] | None, rows: int, columns: int) -> NDArray[np.float32]:
    if out is None:
        return np.empty((rows, columns), np.float32)
    if out.shape != (rows, columns) or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise Invalid(f"out: contiguous float32 ({rows}, {columns}) is needed, not {out.dtype} {out.shape}")
    return out


def _tables(bands: NDArray[np.int8], rows: int) -> list[tuple[NDArray[np.int64], NDArray[np.int8]]]:
    """Each different table with the rows that it holds for; one that holds for all has row 0 stand for all.

    Rows are told apart by a sum of 62-bit weights: two tables share one about once in 10^18.
    """
    if bands.ndim == 1:
        return [(np.zeros(1, np.int64), bands)]
    weights = np.random.default_rng(0).integers(1, 2**62, bands.shape[1])
    sums = np.empty(rows, np.int64)
    for start in range(0, rows, _AT_ONCE):
        sums[start : start + _AT_ONCE] = bands[start : start + _AT_ONCE].astype(np.int64) @ weights
    _, first, which = np.unique(sums, return_index=True, return_inverse=True)
    return [(np.flatnonzero(which == number), bands[row]) for number, row in enumerate(first)]


def _classes(table: NDArray[np.int8], wall: NDArray[np.int64] | None, interval_s: int) -> NDArray[np.int8]:
    """Band + 5 × part of the day (1 night, 2 daytime) of each slot."""
    if wall is None:
        return table.astype(np.int8)
    minute = wall * interval_s // 60
    night = (minute >= NIGHT_MIN[0]) | (minute < NIGHT_MIN[1])
    daytime = (minute >= DAYTIME_MIN[0]) & (minute < DAYTIME_MIN[1])
    part = np.where(night, 1, np.where(daytime, 2, 0))
    return np.asarray(table + BANDS * part, np.int8)


def _alike(grid: DayGrid, bands: NDArray[np.int8], interval_s: int) -> list[Days]:
    """The days of the grid, those with the same table together."""
    alike: dict[bytes, list[int]] = {}
    classes = _classes(bands, grid.label, interval_s)
    for place, (start, end) in enumerate(zip(grid.first_slot[:-1], grid.first_slot[1:], strict=True)):
        alike.setdefault(classes[start:end].tobytes(), []).append(place)
    return [
        Days(
            len(table),
            grid.first_slot[places],
            np.array(places, np.int64),
            np.frombuffer(table, np.int8),
            True,
        )
        for table, places in alike.items()
    ]


def _fill(
    wh: NDArray[np.float32],
    estimated: NDArray[np.bool_] | None,
    days: Days,
    interval_s: int,
    out: NDArray[np.float32],
    threads: int,
) -> None:
    rows = len(wh) * len(days.first)
    parts = 1 if threads == 1 else threads * _PARTS
    cuts = [rows * part // parts for part in range(parts + 1)]

    wh = np.ascontiguousarray(wh)
    marks = None if estimated is None else np.ascontiguousarray(estimated)

    def part(number: int) -> None:
        fill_days(wh, marks, days, interval_s, cuts[number], cuts[number + 1], out)

    if parts == 1:
        part(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, range(parts)))
