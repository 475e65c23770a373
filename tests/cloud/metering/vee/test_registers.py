"""How far a register went on: roll-over, fall, exchange; and what stood on a boundary."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.metering.store import QUALITY_ID, SOURCE_ID, Columns
from cloud.metering.vee.grid import Span, boundaries, grid
from cloud.metering.vee.registers import advances, modulus_wh
from protocols import models
from protocols.readings import Quality, Source
from tests.cloud.metering.vee.village import DAY

M = 1_000_000_000
NAN = float("nan")
MINUTE = 60_000


def advance(start: float, end: float, most: float = 1e6, modulus: float = M) -> float:
    (passed,) = advances(*(np.array([each]) for each in (start, end, most, modulus)))
    return float(passed)


def test_a_register_that_went_on_says_how_far() -> None:
    assert advance(100, 250) == 150
    assert advance(100, 100) == 0


def test_a_roll_over_is_one_only_near_the_end_and_within_what_can_have_passed() -> None:
    assert advance(M - 100, 50) == 150
    assert np.isnan(advance(M - 100, 50, most=100)), "more than the meter lets through"
    assert np.isnan(advance(400, 50, most=2e9)), "a fall from the lower half is no roll-over"
    assert np.isnan(advance(M - 100, 50, modulus=NAN)), "a register without digits does not roll over"
    assert np.isnan(advance(M - 100, 50, most=NAN))


def test_a_fall_is_no_reset_to_zero_and_a_hole_is_no_number() -> None:
    assert np.isnan(advance(5000, 20))
    assert np.isnan(advance(NAN, 20))
    assert np.isnan(advance(20, NAN))


@given(st.integers(0, M - 1), st.lists(st.integers(0, 10_000), min_size=1, max_size=30))
def test_slots_sum_to_what_passed_over_any_roll_over(start: int, steps: list[int]) -> None:
    values = (start + np.concatenate(([0], np.cumsum(steps)))) % M
    most = np.full(len(steps), 1e6)
    passed = advances(
        values[:-1].astype(float), values[1:].astype(float), most, np.full(len(steps), float(M))
    )
    assert passed.tolist() == steps


@given(st.lists(st.one_of(st.just(NAN), st.integers(0, M - 1).map(float)), min_size=2, max_size=30))
def test_no_pattern_of_holes_makes_a_number(values: list[float]) -> None:
    all_ = np.array(values)
    passed = advances(all_[:-1], all_[1:], np.full(len(all_) - 1, 1e6), np.full(len(all_) - 1, float(M)))
    hole = np.isnan(all_[:-1]) | np.isnan(all_[1:])
    assert np.isnan(passed[hole]).all()
    assert (passed[~np.isnan(passed)] >= 0).all()


def test_the_digits_of_a_model_say_where_its_register_rolls_over() -> None:
    assert modulus_wh(models.load("dlt645-2007-1p"), "energy_import_wh") == M
    floats = [models.load(name) for name in models.names()]
    told = [modulus_wh(each, "energy_import_wh") for each in floats]
    assert any(each is None for each in told), "a float has no digits"
    assert all(each is None or each >= 2**16 for each in told)


def columns(rows: list[tuple[int, Source, int]], quality: Quality = Quality.GOOD, meter: int = 0) -> Columns:
    at, source, value = zip(*rows, strict=True)
    return Columns(
        "energy_import_wh",
        np.full(len(rows), meter, np.int32),
        np.array(at, np.int64),
        np.array([SOURCE_ID[each] for each in source], np.uint8),
        np.full(len(rows), QUALITY_ID[quality], np.uint8),
        np.array(value, np.int64),
    )


def on(rows: list[tuple[int, Source, int]], *, limit_ms: int = 5 * MINUTE, **more: object) -> float:
    span = Span(0, -(2**50), 2**60, limit_ms, M, 20_000.0)
    (found,) = boundaries(columns(rows, **more), [span], np.array([10 * MINUTE]))[0]  # type: ignore[arg-type]
    return float(found)


P, F = Source.POLLED, Source.FREEZE


def test_a_stamp_of_the_meter_itself_is_preferred_to_what_was_polled_then() -> None:
    assert on([(10 * MINUTE, P, 90), (10 * MINUTE, F, 100)]) == 100


def test_two_polled_readings_close_enough_bridge_a_boundary_and_others_do_not() -> None:
    near = [(9 * MINUTE, P, 100), (13 * MINUTE, P, 140)]
    assert on(near) == 110
    assert np.isnan(on([(4 * MINUTE, P, 100), (13 * MINUTE, P, 140)]))
    assert np.isnan(on(near[:1])), "one side says nothing"
    assert np.isnan(on(near, quality=Quality.SUSPECT))


def test_a_boundary_is_bridged_over_a_roll_over_and_not_over_a_fall() -> None:
    assert on([(9 * MINUTE, P, M - 10), (11 * MINUTE, P, 30)]) == 10
    assert np.isnan(on([(9 * MINUTE, P, 5000), (11 * MINUTE, P, 30)]))


def test_readings_of_a_meter_count_only_while_it_hung_there() -> None:
    rows = columns([(9 * MINUTE, P, 100), (11 * MINUTE, P, 120)])
    spans = [Span(0, 0, 10 * MINUTE, 5 * MINUTE, M, 2e4), Span(0, 9 * MINUTE, 2**60, 5 * MINUTE, M, 2e4)]
    found = boundaries(rows, spans, np.array([10 * MINUTE]))
    assert np.isnan(found[0, 0])
    assert found[1, 0] == 110


@settings(max_examples=30)
@given(st.lists(st.integers(0, 40), unique=True, min_size=1, max_size=20), st.integers(0, 3))
def test_boundaries_of_many_meters_are_those_of_each_alone(minutes: list[int], other: int) -> None:
    rows = [(each * MINUTE, P, each * 10) for each in sorted(minutes)]
    alone = columns(rows)
    shifted = columns([(at + other * MINUTE, source, value) for at, source, value in rows], meter=1)
    both = Columns(
        alone.quantity,
        *(np.concatenate([getattr(alone, n), getattr(shifted, n)]) for n in _ARRAYS),
    )
    span = [Span(meter, 0, 2**50, 5 * MINUTE, M, 2e4) for meter in (0, 1)]
    bounds = np.arange(0, 41, 5, dtype=np.int64) * MINUTE
    found = boundaries(both, span, bounds)
    assert np.array_equal(found[0], boundaries(alone, span[:1], bounds)[0], equal_nan=True)
    assert np.array_equal(found[1], boundaries(shifted, span[1:], bounds)[0], equal_nan=True)


_ARRAYS = ("meter", "at_ms", "source", "quality", "values")


@pytest.mark.parametrize(("day", "slots"), [((2016, 3, 27), 92), ((2016, 10, 30), 100), ((2016, 7, 1), 96)])
def test_a_local_day_has_as_many_slots_as_its_clock_makes(day: tuple[int, int, int], slots: int) -> None:
    made = grid(DAY.replace(*day), ZoneInfo("Europe/Berlin"), 900)
    assert made.slots == slots
    assert made.bounds_ms[-1] - made.bounds_ms[0] == slots * 900_000
    assert grid(DAY, ZoneInfo("Asia/Shanghai"), 900).slots == 96
    assert made.slot_of(int(made.bounds_ms[3]) + 1) == 3
    assert made.start.utcoffset() == timedelta(0)
