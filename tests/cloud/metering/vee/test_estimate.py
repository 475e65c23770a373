"""Holes are filled by the ladder: exact to the Wh where registers say how much, not at all in doubt."""

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.metering.vee.days import ESTIMATES, Channel, Flag, Method, PointDay
from cloud.metering.vee.estimate import Doubt, Filled, Gap, fill, gaps, share_out
from cloud.metering.vee.grid import grid
from cloud.metering.vee.policy import vee_policy
from cloud.metering.vee.shapes import Shape, class_profile, like_day, scaled
from tests.cloud.metering.vee.village import DAY, ZONE

POLICY = vee_policy()
LIMITS = POLICY.estimate
NAN = float("nan")
ONE = timedelta(days=1)


def doubt(count: int, outage: slice = slice(0, 0), unsure: slice = slice(0, 0)) -> Doubt:
    found = Doubt(np.zeros(count, bool), np.zeros(count, bool))
    found.outage[outage] = True
    found.unsure[unsure] = True
    return found


def filled(
    raw: Sequence[float], *holes: Gap, doubtful: Doubt | None = None, shape: Sequence[float] | None = None
) -> Filled:
    values = np.array(raw, float)
    usual = None if shape is None else Shape(np.array(shape, float), Method.LIKE_DAY, (DAY - 7 * ONE,))
    return fill(values, holes, doubtful or doubt(len(raw)), usual, LIMITS)


@settings(max_examples=200)
@given(
    st.integers(0, 10**12),
    st.lists(
        st.one_of(st.floats(0, 1e9), st.just(NAN), st.just(0.0), st.floats(-5, 0)), min_size=1, max_size=300
    ),
)
def test_what_is_shared_out_is_shared_out_exactly(total: int, weights: list[float]) -> None:
    parts = share_out(total, np.array(weights))
    assert int(parts.sum()) == total
    assert (parts >= 0).all()


def test_nothing_can_be_shared_of_a_debt() -> None:
    with pytest.raises(ValueError, match="cannot be shared"):
        share_out(-1, np.ones(3))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_after_estimation_the_slots_are_the_registers_difference_exactly(data: st.DataObject) -> None:
    true = data.draw(st.lists(st.integers(0, 5000), min_size=96, max_size=96))
    missing = data.draw(st.lists(st.booleans(), min_size=96, max_size=96))
    out = data.draw(st.lists(st.booleans(), min_size=96, max_size=96))
    shape = data.draw(st.lists(st.one_of(st.just(NAN), st.floats(0, 1e4)), min_size=96, max_size=96))
    raw = np.where(missing, NAN, np.array(true, float))
    holes = [Gap(first, last, int(sum(true[first:last]))) for first, last in gaps(raw)]
    found = fill(
        raw, holes, Doubt(np.array(out), np.zeros(96, bool)), Shape(np.array(shape), Method.LIKE_DAY), LIMITS
    )
    assert found.final_wh.sum() == sum(true)
    assert (found.final_wh == np.rint(found.final_wh)).all()
    assert (found.final_wh >= 0).all()
    assert np.array_equal(found.final_wh[~np.isnan(raw)], raw[~np.isnan(raw)]), "what was measured stays"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.just(NAN), st.integers(0, 5000).map(float)), min_size=9, max_size=96))
def test_without_register_neighbour_or_like_day_no_number_is_made_up(raw: list[float]) -> None:
    values = np.array(raw)
    wide = [Gap(first, last) for first, last in gaps(values)]
    found = fill(values, wide, doubt(len(raw), unsure=slice(None)), None, LIMITS)
    assert np.array_equal(found.final_wh, values, equal_nan=True)
    assert (found.method[np.isnan(values)] == Method.MISSING).all()


def test_up_to_two_hours_lie_on_a_straight_line() -> None:
    found = filled([100, NAN, NAN, NAN, 180], Gap(1, 4))
    assert found.final_wh.tolist() == [100, 120, 140, 160, 180]
    assert (found.method[1:4] == Method.INTERPOLATED).all()
    long = [100.0] + [NAN] * 9 + [100.0]
    assert np.isnan(filled(long, Gap(1, 10)).final_wh[1:10]).all()


def test_a_line_is_never_drawn_over_midnight() -> None:
    assert np.isnan(filled([NAN, 100, 100], Gap(0, 1)).final_wh[0])
    assert np.isnan(filled([100, 100, NAN], Gap(2, 3)).final_wh[2])


def test_a_neighbour_without_supply_ends_no_line() -> None:
    found = filled([100, 0, NAN, 100], Gap(2, 3), doubtful=doubt(4, outage=slice(1, 2)))
    assert np.isnan(found.final_wh[2])


def test_an_outage_is_zero_and_no_estimate() -> None:
    found = filled([100, NAN, NAN, 100], Gap(1, 3), doubtful=doubt(4, outage=slice(1, 3)), shape=[9, 9, 9, 9])
    assert found.final_wh.tolist() == [100, 0, 0, 100]
    assert (found.method[1:3] == Method.OUTAGE_ZERO).all()
    assert (found.flags[1:3] & Flag.OUTAGE).all()
    assert Method.OUTAGE_ZERO not in ESTIMATES
    assert found.references == ()


def test_estimates_stop_themselves_where_supply_is_in_doubt_but_a_register_is_believed() -> None:
    unsure = doubt(4, unsure=slice(1, 3))
    assert np.isnan(
        filled([100, NAN, NAN, 100], Gap(1, 3), doubtful=unsure, shape=[9] * 4).final_wh[1:3]
    ).all()
    found = filled([100, NAN, NAN, 100], Gap(1, 3, 50), doubtful=unsure)
    assert found.final_wh[1:3].sum() == 50


def test_energy_that_passed_in_a_told_outage_is_not_lost() -> None:
    out = doubt(4, outage=slice(1, 3))
    found = filled([100, NAN, NAN, 100], Gap(1, 3, 7), doubtful=out)
    assert found.final_wh[1:3].sum() == 7
    assert (found.method[1:3] == Method.REGISTER_SHAPED).any()


def test_like_days_give_the_shape_and_are_named() -> None:
    found = filled([NAN] * 10 + [50], Gap(0, 10), shape=[10] * 5 + [30] * 5 + [50])
    assert found.final_wh[:10].tolist() == [10] * 5 + [30] * 5
    assert found.references == (DAY - 7 * ONE,)


def test_an_estimate_that_is_the_days_highest_is_marked_for_the_demand() -> None:
    found = filled([100, NAN, 100], Gap(1, 2, 500))
    assert found.flags.tolist() == [0, Flag.MD_ESTIMATED, 0]
    assert filled([100, NAN, 100], Gap(1, 2, 50)).flags.tolist() == [0, 0, 0]


# like days, classes


def past(day: date, wh: float = 100.0, *, measured: int = 96, zone: ZoneInfo = ZONE) -> PointDay:
    made = grid(day, zone, 900)
    method = np.full(made.slots, Method.MEASURED, np.uint8)
    method[measured:] = Method.LIKE_DAY
    final, flags = np.full(made.slots, wh), np.zeros(made.slots, np.uint32)
    return PointDay("M-1", Channel.IMPORT, day, made.start, 900, final, flags, method)


def test_a_like_day_is_the_mean_of_the_four_newest_of_its_type() -> None:
    history = [past(DAY - n * ONE, 100.0 + n) for n in range(30, 0, -1)]
    found = like_day(grid(DAY, ZONE, 900), DAY, history, ZONE, LIMITS, POLICY.calendar)
    assert found is not None
    assert [each.day for each in found.references] == [25, 26, 29, 30], (
        "two working days, a weekend, two more"
    )
    assert found.wh[0] == 100 + np.mean([1, 2, 5, 6])


def test_a_day_mostly_estimated_or_with_an_outage_or_too_old_is_no_reference() -> None:
    target = grid(DAY, ZONE, 900)
    dark = past(DAY - ONE)
    dark.flags[5] = Flag.OUTAGE
    history = [past(DAY - 84 * ONE), past(DAY - 2 * ONE, measured=80), dark]
    assert like_day(target, DAY, history, ZONE, LIMITS, POLICY.calendar) is None


def test_a_day_of_92_or_100_slots_takes_its_shape_by_the_clock_on_the_wall() -> None:
    zone = ZoneInfo("Europe/Berlin")
    spring, autumn = date(2016, 3, 27), date(2016, 10, 30)
    for target in (spring, autumn):
        before = past(target - 7 * ONE, zone=zone)
        before.final_wh[:] = np.arange(96)
        found = like_day(grid(target, zone, 900), target, [before], zone, LIMITS, POLICY.calendar)
        assert found is not None
        assert found.wh[0] == 0
        assert found.wh[-1] == 95
        assert not np.isnan(found.wh).any()


def test_the_measured_part_of_a_day_says_how_high_the_shape_is_within_limits() -> None:
    shape = Shape(np.full(4, 100.0), Method.LIKE_DAY)
    assert scaled(shape, np.array([150, 150, NAN, NAN]), LIMITS).wh[3] == 150
    assert scaled(shape, np.array([900, 900, NAN, NAN]), LIMITS).wh[3] == 200
    assert scaled(shape, np.array([NAN] * 4), LIMITS).wh[3] == 100


def test_a_class_profile_needs_enough_peers_and_a_known_use() -> None:
    days = np.array([[1.0, 3.0], [10.0, 30.0], [2.0, 6.0], [NAN, 5.0], [0.0, 0.0]])
    found = class_profile(days, 400.0, LIMITS)
    assert found is not None
    assert found.wh.tolist() == [100, 300]
    assert class_profile(days[:2], 400.0, LIMITS) is None
    assert class_profile(days, None, LIMITS) is None
