"""What boards draw, out of installations and raw readings: pure, quarter-hour by quarter-hour, area by area.

Nothing is estimated: an area's energy is known when its area meters' registers are known at both ends of the
quarter-hour, or, without an area meter, those of all its customers. What is not known has no field.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.topology import Installation
from cloud.metering.points import Point
from cloud.metering.primary import Ratio, ratio_of
from cloud.metering.store import QUALITY_ID, Columns, instant, ms
from protocols.readings import Quality

ENERGY = "energy_import_wh"
VOLTAGES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
QUANTITIES = (ENERGY, *VOLTAGES)
QUARTER = timedelta(minutes=15)
QUARTER_MS = 900_000
PER_HOUR = 4
LOWEST_V, HIGHEST_V = 198.0, 235.4
"""GB/T 12325: 220 V, -10 % and +7 %."""
NO_VOLTAGE_V = 20.0
"""A phase below it has no voltage or is not connected: for the outage watch, not for voltage limits."""
_SUSPECT = QUALITY_ID[Quality.SUSPECT]
_LEAST_REACH_MS, _MOST_REACH_MS = 300_000, 1_800_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quarters:
    """`count` quarter-hours in a row from `start_ms`, a whole one of UTC."""

    start_ms: int
    count: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.count * QUARTER_MS

    @property
    def boundaries_ms(self) -> NDArray[np.int64]:
        """Shape (count + 1,)."""
        return self.start_ms + np.arange(self.count + 1, dtype=np.int64) * QUARTER_MS

    def inside(self, one: Installation) -> NDArray[np.bool_]:
        """Shape (count,): the quarter-hours that lie wholly in an installation."""
        edges = self.boundaries_ms
        found: NDArray[np.bool_] = edges[:-1] >= ms(one.start)
        return found if one.end is None else found & (edges[1:] <= ms(one.end))

    def touched(self, one: Installation) -> NDArray[np.bool_]:
        """Shape (count,): the quarter-hours that have some of an installation in them."""
        edges = self.boundaries_ms
        found: NDArray[np.bool_] = edges[1:] > ms(one.start)
        return found if one.end is None else found & (edges[:-1] < ms(one.end))


@dataclass(frozen=True, slots=True)
class MeterQuarters:
    """One installation: `energy_wh`, `low_v`, `high_v` NaN where not known; each of shape (count,)."""

    due: NDArray[np.bool_]
    heard: NDArray[np.bool_]
    energy_wh: Floats
    low_v: Floats
    high_v: Floats


def registers_at(
    at_ms: NDArray[np.int64], values: Floats, when_ms: NDArray[np.int64], reach_ms: int
) -> Floats:
    """A register at the instants `when_ms`, between the readings around each; NaN if they are too far apart.

    `at_ms` rises and has no doubles. A register that falls is known on neither side of its fall.
    """
    found = np.full(len(when_ms), np.nan)
    if len(at_ms) < 2:
        return _exactly(at_ms, values, when_ms, found)
    after = np.searchsorted(at_ms, when_ms, side="left")
    right = np.clip(after, 1, len(at_ms) - 1)
    left = right - 1
    span = at_ms[right] - at_ms[left]
    rise = values[right] - values[left]
    between = (at_ms[left] <= when_ms) & (when_ms <= at_ms[right])
    fine = between & (span <= reach_ms) & (rise >= 0)
    share = (when_ms - at_ms[left]) / span
    found[fine] = (values[left] + rise * share)[fine]
    return _exactly(at_ms, values, when_ms, found)


def _exactly(at_ms: NDArray[np.int64], values: Floats, when_ms: NDArray[np.int64], found: Floats) -> Floats:
    """A reading of that very instant needs no neighbour."""
    if len(at_ms):
        place = np.clip(np.searchsorted(at_ms, when_ms), 0, len(at_ms) - 1)
        here = (at_ms[place] == when_ms) & np.isnan(found)
        found[here] = values[place][here]
    return found


@lru_cache(1 << 12)
def _ratio(model: str, ct: Any, pt: Any) -> Ratio:
    return ratio_of(model, float(ct), float(pt))


class Readings:
    """The columns of some meters, to be cut meter by meter."""

    def __init__(self, meters: Sequence[str], columns: Iterable[Columns]) -> None:
        self._place = {meter: number for number, meter in enumerate(meters)}
        self._columns = {each.quantity: each for each in columns}

    def of(
        self, meter: str, quantity: str, start_ms: int, end_ms: int
    ) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
        """(at_ms, values, not suspect) of one meter in [start, end); of an instant the preferred source."""
        column = self._columns.get(quantity)
        if column is None:
            return np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_)
        number = self._place[meter]
        first, last = np.searchsorted(column.meter, (number, number + 1))
        at_ms = column.at_ms[first:last]
        begin, end = first + np.searchsorted(at_ms, (start_ms, end_ms))
        at_ms = column.at_ms[begin:end]
        single = np.ones(len(at_ms), np.bool_)
        single[1:] = at_ms[1:] != at_ms[:-1]
        sound = column.quality[begin:end] != _SUSPECT
        return at_ms[single], column.values[begin:end][single].astype(np.float64), sound[single]


def meter_quarters(one: Installation, readings: Readings, quarters: Quarters) -> MeterQuarters:
    """What one installation says of each quarter-hour."""
    reach = reach_ms(one.interval_s)
    start = max(ms(one.start), quarters.start_ms - reach)
    end = quarters.end_ms + reach if one.end is None else min(ms(one.end), quarters.end_ms + reach)
    at_ms, values, sound = readings.of(one.meter, ENERGY, start, end)
    heard = _any_in(at_ms, quarters)
    ratio = _ratio(one.model, one.ct_ratio, one.pt_ratio)
    at_edges = registers_at(at_ms[sound], values[sound], quarters.boundaries_ms, reach)
    rise = np.diff(at_edges)
    energy = np.where(rise >= 0, rise, np.nan) * float(ratio.factor(ENERGY))
    low, high = np.full(quarters.count, np.inf), np.full(quarters.count, -np.inf)
    for quantity in VOLTAGES:
        at_ms, values, sound = readings.of(one.meter, quantity, start, end)
        heard |= _any_in(at_ms, quarters)
        if one.pt_ratio == 1:
            _extremes(at_ms[sound], values[sound], quarters, low, high)
    inside = quarters.inside(one)
    due = inside & (one.interval_s * 1000 <= QUARTER_MS)
    nothing = low > high
    low[nothing] = high[nothing] = np.nan
    return MeterQuarters(due, heard & due, np.where(inside, energy, np.nan), low, high)


def reach_ms(interval_s: int) -> int:
    """So far apart two readings may be for the register between them to be known: less than a missed one."""
    return min(max(interval_s * 1500, _LEAST_REACH_MS), _MOST_REACH_MS)


def _any_in(at_ms: NDArray[np.int64], quarters: Quarters) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.diff(np.searchsorted(at_ms, quarters.boundaries_ms)) > 0
    return found


def _extremes(
    at_ms: NDArray[np.int64], values: Floats, quarters: Quarters, low: Floats, high: Floats
) -> None:
    slot = (at_ms - quarters.start_ms) // QUARTER_MS
    used = (slot >= 0) & (slot < quarters.count) & (values >= NO_VOLTAGE_V)
    np.minimum.at(low, slot[used], values[used])
    np.maximum.at(high, slot[used], values[used])


def area_points(installations: Sequence[Installation], readings: Readings, quarters: Quarters) -> list[Point]:
    """`area_15min`: a point for each area and quarter-hour of which anything was due or known."""
    areas: dict[tuple[str, str], list[tuple[Installation, MeterQuarters]]] = {}
    for one in installations:
        found = meter_quarters(one, readings, quarters)
        areas.setdefault((one.feeder, one.area), []).append((one, found))
    return [
        Point({"feeder": feeder, "area": area}, instant(quarters.start_ms + number * QUARTER_MS), fields)
        for (feeder, area), members in sorted(areas.items())
        for number, fields in enumerate(_area_fields(members, quarters))
        if fields
    ]


def _area_fields(
    members: Sequence[tuple[Installation, MeterQuarters]], quarters: Quarters
) -> list[dict[str, int | float | str]]:
    made: list[dict[str, int | float | str]] = [{} for _ in range(quarters.count)]
    energy = supply_wh(members, quarters)
    due = np.sum([each.due for _, each in members], axis=0)
    heard = np.sum([each.heard for _, each in members], axis=0)
    lows = np.array([each.low_v for _, each in members])
    highs = np.array([each.high_v for _, each in members])
    known = np.sum(~np.isnan(lows), axis=0)
    out = np.sum((lows < LOWEST_V) | (highs > HIGHEST_V), axis=0)
    for number, fields in enumerate(made):
        if due[number]:
            fields |= {"meters": int(due[number]), "heard": int(heard[number])}
        if not np.isnan(energy[number]):
            fields |= {"energy_wh": float(energy[number]), "power_w": float(energy[number]) * PER_HOUR}
        if known[number]:
            fields |= {
                "voltage_min_v": float(np.nanmin(lows[:, number])),
                "voltage_max_v": float(np.nanmax(highs[:, number])),
                "voltage_known": int(known[number]),
                "voltage_out": int(out[number]),
            }
    return made


def supply_wh(members: Sequence[tuple[Installation, MeterQuarters]], quarters: Quarters) -> Floats:
    """Of the area meters (台区总表) there; without one, of all customers; NaN unless all are known."""
    total = np.full(quarters.count, np.nan)
    for role in ("customer", "area"):  # an area meter, where there is one, has the last word
        installed = [(one, found) for one, found in members if one.role == role]
        if not installed:
            continue
        # a meter hung or taken down within a quarter-hour is there, and has no energy of a whole one
        touched = np.array([quarters.touched(one) for one, _ in installed])
        energy = np.where(touched, np.array([found.energy_wh for _, found in installed]), 0.0)
        there = touched.any(axis=0)
        total[there] = energy.sum(axis=0)[there]  # NaN in one of them is NaN in the sum
    return total


def info_points(installations: Iterable[Installation], at: datetime) -> list[Point]:
    """`meter_info`: one point for each meter, standing at `at`."""
    return [
        Point({"feeder": one.feeder, "area": one.area, "meter": one.meter}, at, {"value": 1})
        for one in installations
    ]


def day_point(tags: Mapping[str, str], at: datetime, counts: Mapping[str, int]) -> Point:
    """`collection_day`: a rate and its parts only where anything was expected."""
    fields: dict[str, int | float | str] = {"meters": counts["meters"]}
    if counts["expected"]:
        fields |= {name: counts[name] for name in ("expected", "received", "late", "silent")}
        fields["rate"] = 100.0 * counts["received"] / counts["expected"]
    if counts["freeze_expected"]:
        fields |= {name: counts[name] for name in ("freeze_expected", "freeze_received")}
    return Point(tags, at, fields)
