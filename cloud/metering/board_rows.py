"""What boards draw, as points: areas by quarter-hour, days, and who hangs where. Pure.

An area's energy is its area meters' or, without one, all its customers'. What is not known has no field.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np

from cloud.fleet.topology import Installation
from cloud.metering.points import Point
from cloud.metering.quarters import (
    QUARTER_MS,
    Bools,
    Floats,
    Ints,
    MeterQuarters,
    Quarters,
    Readings,
    hung,
    meter_quarters,
)
from cloud.metering.store import instant

PER_HOUR = 4
LOWEST_V, HIGHEST_V = 198.0, 235.4
"""GB/T 12325: 220 V, -10 % and +7 %."""

Fields = dict[str, int | float | str]


def area_points(installations: Sequence[Installation], readings: Readings, quarters: Quarters) -> list[Point]:
    """`area_15min`: a point for each area and quarter-hour of which anything was due or known."""
    if not installations:
        return []
    places = sorted({(one.feeder, one.area) for one in installations})
    number = {place: index for index, place in enumerate(places)}
    area = np.array([number[one.feeder, one.area] for one in installations], np.int64)
    found = meter_quarters(installations, readings, quarters)
    sums = _Sums(area, len(places), quarters.count)
    low, high = sums.least(found.low_v), sums.most(found.high_v)
    out = (found.low_v < LOWEST_V) | (found.high_v > HIGHEST_V)
    energy = _supply_wh(installations, found, sums, quarters)
    table = {
        "meters": sums.of(found.due),
        "heard": sums.of(found.heard),
        "energy_wh": energy,
        "power_w": energy * PER_HOUR,
        "voltage_min_v": low,
        "voltage_max_v": high,
        "voltage_known": sums.of(~np.isnan(found.low_v)),
        "voltage_out": sums.of(out),
    }
    return [
        Point({"feeder": feeder, "area": name}, instant(quarters.start_ms + slot * QUARTER_MS), fields)
        for index, (feeder, name) in enumerate(places)
        for slot in range(quarters.count)
        if (fields := _known({column: values[index, slot] for column, values in table.items()}))
    ]


class _Sums:
    """Arrays of (installations, count) brought together by area: (areas, count)."""

    def __init__(self, area: Ints, areas: int, count: int) -> None:
        self._area, self._shape = area, (areas, count)

    def of(self, values: Bools | Floats) -> Floats:
        total = np.zeros(self._shape)
        np.add.at(total, self._area, values.astype(np.float64))
        return total

    def least(self, values: Floats) -> Floats:
        found = np.full(self._shape, np.nan)
        np.fmin.at(found, self._area, values)
        return found

    def most(self, values: Floats) -> Floats:
        found = np.full(self._shape, np.nan)
        np.fmax.at(found, self._area, values)
        return found


def _supply_wh(
    installations: Sequence[Installation], found: MeterQuarters, sums: _Sums, quarters: Quarters
) -> Floats:
    """Of the area meters (台区总表) there; without one, of all customers; NaN unless all are known."""
    these = hung(installations, np.zeros(len(installations), np.int64))
    touched = these.touched(quarters)
    total: Floats = np.full_like(sums.of(touched), np.nan)
    for role in ("customer", "area"):  # an area meter, where there is one, has the last word
        has_role = np.array([one.role == role for one in installations], np.bool_)[:, None]
        # a meter hung or taken down within a quarter-hour is there, and has no energy of a whole one
        there = touched & has_role
        summed = sums.of(np.where(there, found.energy_wh, 0.0))  # NaN in one of them is NaN in the sum
        total = np.where(sums.of(there) > 0, summed, total)
    return total


def _known(values: Mapping[str, float]) -> Fields:
    """The fields of one point: a count only of what there is any of, a value only where it is known."""
    fields: Fields = {}
    if values["meters"]:
        fields |= {name: int(values[name]) for name in ("meters", "heard")}
    if not np.isnan(values["energy_wh"]):
        fields |= {name: float(values[name]) for name in ("energy_wh", "power_w")}
    if values["voltage_known"]:
        fields |= {name: float(values[name]) for name in ("voltage_min_v", "voltage_max_v")}
        fields |= {name: int(values[name]) for name in ("voltage_known", "voltage_out")}
    return fields


def info_points(installations: Iterable[Installation], at: datetime) -> list[Point]:
    """`meter_info`: one point for each meter, standing at `at`."""
    return [
        Point({"feeder": one.feeder, "area": one.area, "meter": one.meter}, at, {"value": 1})
        for one in installations
    ]


def day_point(tags: Mapping[str, str], at: datetime, counts: Mapping[str, int]) -> Point:
    """`collection_day`: a rate and its parts only where anything was expected."""
    fields: Fields = {"meters": counts["meters"]}
    if counts["expected"]:
        fields |= {name: counts[name] for name in ("expected", "received", "late", "silent")}
        fields["rate"] = 100.0 * counts["received"] / counts["expected"]
    if counts["freeze_expected"]:
        fields |= {name: counts[name] for name in ("freeze_expected", "freeze_received")}
    return Point(tags, at, fields)
