"""What boards draw, reckoned: energy between registers, who was heard, voltages; nothing made up."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.fleet.topology import Installation
from cloud.metering.board_rows import area_points, day_point
from cloud.metering.boards import Touched, runs
from cloud.metering.points import Point
from cloud.metering.quarters import (
    ENERGY,
    QUARTER_MS,
    MeterQuarters,
    Quarters,
    Readings,
    hung,
    meter_quarters,
    reach_ms,
    registers_at,
)
from cloud.metering.store import QUALITY_ID, Columns, ms
from protocols.readings import Quality

T0 = datetime(2026, 11, 20, tzinfo=UTC)
T0_MS = ms(T0)
MINUTE = 60_000
HOUR = Quarters(T0_MS, 4)
Value = tuple[float, float] | tuple[float, float, Quality]
"""(minute, value), or with a quality."""


def installed(meter: str = "m1", role: str = "customer", **facts: object) -> Installation:
    known: dict[str, object] = {
        "point": meter,
        "meter": meter,
        "area": "a1",
        "feeder": "f1",
        "gateway": "gw-1",
        "line": "l1",
        "role": role,
        "model": "dlt645-2007-3p",
        "interval_s": 900,
        "ct_ratio": Decimal(1),
        "pt_ratio": Decimal(1),
        "start": datetime(2020, 1, 1, tzinfo=UTC),
        "end": None,
    }
    return Installation(**(known | facts))  # type: ignore[arg-type]


def readings(told: Mapping[str, Mapping[str, Sequence[Value]]]) -> Readings:
    """{meter: {quantity: values}} as a store gives it."""
    meters = sorted(told)
    columns = []
    for quantity in sorted({name for values in told.values() for name in values}):
        rows = [
            (number, T0_MS + round(value[0] * MINUTE), value[1], value[2] if len(value) > 2 else Quality.GOOD)
            for number, meter in enumerate(meters)
            for value in sorted(told[meter].get(quantity, ()))
        ]
        columns.append(
            Columns(
                quantity,
                np.array([row[0] for row in rows], np.int32),
                np.array([row[1] for row in rows], np.int64),
                np.zeros(len(rows), np.uint8),
                np.array([QUALITY_ID[row[3]] for row in rows], np.uint8),
                np.array([row[2] for row in rows], np.int64 if quantity == ENERGY else np.float64),
            )
        )
    return Readings(meters, columns)


def steady(first: float = -15, last: float = 75, every: float = 15, wh_per_minute: float = 10) -> list[Value]:
    return [(minute, round(10_000 + minute * wh_per_minute)) for minute in np.arange(first, last + 1, every)]


def said(one: Installation, readings: Readings, quarters: Quarters) -> MeterQuarters:
    """What one installation says, its only row."""
    found = meter_quarters([one], readings, quarters)
    return MeterQuarters(found.due[0], found.heard[0], found.energy_wh[0], found.low_v[0], found.high_v[0])


def fields(points: Sequence[Point], number: int) -> Mapping[str, object]:
    at = T0 + timedelta(minutes=15 * number)
    return next((point.fields for point in points if point.at == at), {})


def test_energy_is_the_difference_of_the_register_at_both_ends() -> None:
    found = said(installed(), readings({"m1": {ENERGY: steady(first=-8, every=15)}}), HOUR)
    assert found.energy_wh == pytest.approx([150.0] * 4)
    assert found.heard.tolist() == found.due.tolist() == [True] * 4


@given(
    st.lists(st.integers(1, 20), min_size=12, max_size=12),
    st.lists(st.integers(0, 5000), min_size=12, max_size=12),
)
def test_energy_is_conserved_however_readings_fall(steps: list[int], rises: list[int]) -> None:
    minutes = np.cumsum([-15, *steps])
    registers = np.cumsum([1000, *rises])
    told = [(float(minute), int(value)) for minute, value in zip(minutes, registers, strict=True)]
    found = said(installed(), readings({"m1": {ENERGY: told}}), HOUR)
    edges = np.interp(np.arange(5) * 15, minutes, registers)
    known = ~np.isnan(found.energy_wh)
    assert found.energy_wh[known] == pytest.approx(np.diff(edges)[known])
    if minutes[-1] >= 60:
        assert known.all()


def test_a_missed_reading_is_a_gap_and_no_estimate() -> None:
    told = [value for value in steady() if value[0] != 30]
    found = said(installed(), readings({"m1": {ENERGY: told}}), HOUR)
    assert found.energy_wh[[0, 3]] == pytest.approx([150.0, 150.0])
    assert np.isnan(found.energy_wh[[1, 2]]).all()
    assert found.heard.tolist() == [True, True, False, True]


def test_a_register_that_fell_is_known_on_neither_side_and_gives_no_negative_energy() -> None:
    told = [(minute, value if minute < 30 else value - 9_000) for minute, value in steady()]  # type: ignore[misc]
    found = said(installed(), readings({"m1": {ENERGY: told}}), HOUR)
    assert found.energy_wh[[0, 2, 3]] == pytest.approx([150.0] * 3)
    assert np.isnan(found.energy_wh[1])


def test_a_register_is_not_known_across_a_fall_however_small() -> None:
    told: list[Value] = [(-8, 850), (7, 1000), (22, 1150), (37, 1140), (52, 1290), (67, 1440)]
    found = meter_quarters([installed()], readings({"m1": {ENERGY: told}}), HOUR)
    assert [bool(each) for each in np.isnan(found.energy_wh[0])] == [False, True, True, False]


def test_a_doubtful_register_counts_as_heard_and_is_not_reckoned_with() -> None:
    told: list[Value] = [*(v for v in steady() if v[0] != 30), (30, 999_999, Quality.SUSPECT)]
    found = said(installed(), readings({"m1": {ENERGY: told}}), HOUR)
    assert np.isnan(found.energy_wh[1:3]).all()
    assert found.heard.all()


def test_the_ratio_is_applied_once() -> None:
    one = installed(ct_ratio=Decimal(40), pt_ratio=Decimal(1))
    found = said(one, readings({"m1": {ENERGY: steady()}}), HOUR)
    assert found.energy_wh == pytest.approx([150.0 * 40] * 4)


def test_behind_voltage_transformers_there_are_no_limits_of_220_v() -> None:
    told = readings({"m1": {ENERGY: steady(), "voltage_l1_v": [(5, 57.7)]}})
    found = said(installed(pt_ratio=Decimal(100)), told, HOUR)
    assert np.isnan(found.low_v).all()


def test_voltages_are_the_extremes_of_the_phases_that_have_one() -> None:
    told = {
        "voltage_l1_v": [(1, 230.0), (14, 197.9)],
        "voltage_l2_v": [(1, 0.0)],
        "voltage_l3_v": [(16, 236.0)],
    }
    points = area_points([installed()], readings({"m1": told}), HOUR)
    first, second = fields(points, 0), fields(points, 1)
    assert (first["voltage_min_v"], first["voltage_max_v"], first["voltage_out"]) == (197.9, 230.0, 1)
    assert (second["voltage_min_v"], second["voltage_out"]) == (236.0, 1)
    assert "voltage_out" not in fields(points, 2)
    assert fields(points, 2) == {"meters": 1, "heard": 0}


def test_without_an_area_meter_one_unknown_customer_leaves_the_area_unknown() -> None:
    told = {"m1": {ENERGY: steady()}, "m2": {ENERGY: [v for v in steady() if v[0] != 30]}}
    points = area_points([installed("m1"), installed("m2")], readings(told), HOUR)
    assert fields(points, 0)["energy_wh"] == pytest.approx(300.0)
    assert "energy_wh" not in fields(points, 1)
    assert fields(points, 2)["heard"] == 1


def test_an_area_meter_has_the_last_word() -> None:
    told = {"m0": {ENERGY: steady(wh_per_minute=30)}, "m1": {ENERGY: steady()}}
    points = area_points([installed("m0", "area"), installed("m1")], readings(told), HOUR)
    assert fields(points, 0)["power_w"] == pytest.approx(1800.0)
    silent: dict[str, dict[str, list[Value]]] = {"m0": {ENERGY: []}, "m1": {ENERGY: steady()}}
    points = area_points([installed("m0", "area"), installed("m1")], readings(silent), HOUR)
    assert "power_w" not in fields(points, 0)


def test_an_exchange_within_a_quarter_hour_leaves_only_that_one_unknown() -> None:
    at = T0 + timedelta(minutes=20)
    old = installed("old", "area", point="p0", end=at)
    new = installed("new", "area", point="p0", start=at)
    told = {"old": {ENERGY: steady(last=19, every=5)}, "new": {ENERGY: steady(first=20, every=5)}}
    points = area_points([old, new], readings(told), HOUR)
    assert ["energy_wh" in fields(points, number) for number in range(4)] == [True, False, True, True]


def test_meters_that_are_due_less_often_are_not_missed() -> None:
    points = area_points([installed(interval_s=3600)], readings({"m1": {ENERGY: steady(every=60)}}), HOUR)
    assert all("meters" not in point.fields for point in points)


def test_of_nothing_there_is_no_point() -> None:
    gone = installed(end=T0 - timedelta(days=1))
    assert area_points([gone], readings({"m1": {}}), HOUR) == []


def at_edges(readings: Readings, *, interval_s: int = 900) -> list[float]:
    one = installed(interval_s=interval_s)
    these = hung([one], readings.owners([one]))
    return [float(value) for value in registers_at(readings.track(ENERGY), these, HOUR.edges_ms)[0]]


def test_an_instant_that_was_read_needs_no_neighbour() -> None:
    found = at_edges(readings({"m1": {ENERGY: [(15, 100), (60, 700)]}}))
    assert found == pytest.approx([np.nan, 100, np.nan, np.nan, 700], nan_ok=True)
    assert at_edges(readings({"m1": {ENERGY: [(30, 5)]}})) == pytest.approx(
        [np.nan, np.nan, 5, np.nan, np.nan], nan_ok=True
    )
    assert np.isnan(at_edges(readings({"m1": {}}))).all()


def test_no_meters_readings_are_taken_for_its_neighbours() -> None:
    told: dict[str, dict[str, list[Value]]] = {
        "m0": {ENERGY: [(50, 1)]},
        "m1": {ENERGY: []},
        "m2": {ENERGY: [(55, 100)]},
    }
    found = meter_quarters([installed(meter) for meter in told], readings(told), HOUR)
    assert found.heard.tolist() == [[False, False, False, True], [False] * 4, [False, False, False, True]]
    assert np.isnan(found.energy_wh).all()


def test_the_reach_is_less_than_one_missed_reading() -> None:
    assert all(interval * 1000 < reach_ms(interval) < 2 * interval * 1000 for interval in (300, 900))
    assert reach_ms(3600) == 1_800_000
    assert reach_ms(5) == 300_000


def test_a_day_has_rates_only_where_something_was_expected() -> None:
    none = {
        "meters": 4,
        "expected": 0,
        "received": 0,
        "late": 0,
        "silent": 0,
        "freeze_expected": 0,
        "freeze_received": 0,
    }
    assert day_point({}, T0, none).fields == {"meters": 4}
    some = none | {"expected": 400, "received": 398, "freeze_expected": 4, "freeze_received": 0}
    found = day_point({}, T0, some).fields
    assert (found["rate"], found["freeze_received"]) == (99.5, 0)


def test_the_newest_quarter_hours_go_first_and_none_is_forgotten() -> None:
    touched = Touched()
    touched.add([100])
    touched.add([50])
    assert touched.take(before=101, most=3) == [98, 99, 100]
    touched.give_back([99])
    assert touched.take(before=1000, most=99) == [48, 49, 50, 51, 52, 99, 101, 102]
    assert touched.take(before=1000, most=99) == []


def test_stretches_have_no_hole_and_are_small_enough() -> None:
    found = [(one.start_ms // QUARTER_MS, one.count) for one in runs([1, 2, 3, 7, *range(100, 125)])]
    assert found == [(1, 3), (7, 1), (100, 16), (116, 9)]
