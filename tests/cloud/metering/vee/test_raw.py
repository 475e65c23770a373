"""The raw day over exchanges and changes of ratio: each meter at its own ratio."""

import numpy as np
import pytest

from cloud.metering.store import SOURCE_ID, Columns
from cloud.metering.vee.grid import Grid, grid
from cloud.metering.vee.raw import RawDay, Register, raw_days
from cloud.metering.vee.registers import Exchange
from protocols.readings import Source
from tests.cloud.metering.vee.village import DAY, ZONE

NIGHT = grid(DAY, ZONE, 900)
Q = 900_000
START = int(NIGHT.bounds_ms[0])


def register(meter: str, start: int, end: int, factor: float = 1.0) -> Register:
    return Register(meter, start, end, factor, 1e9 * factor, 20_000 * factor, 16_000 * factor, 5 * 60_000)


def stamps(rows: dict[int, dict[int, int]]) -> Columns:
    """Profile stamps: {meter: {boundary: Wh}}."""
    flat = [
        (meter, START + at * Q, value) for meter, each in rows.items() for at, value in sorted(each.items())
    ]
    meter, at, value = (np.array(each) for each in zip(*flat, strict=True))
    source = np.full(len(flat), SOURCE_ID[Source.PROFILE], np.uint8)
    return Columns(
        "energy_import_wh", meter.astype(np.int32), at, source, np.zeros(len(flat), np.uint8), value
    )


def raw(
    rows: dict[int, dict[int, int]], places: list[Register], *exchanges: Exchange, day: Grid = NIGHT
) -> RawDay:
    meters = {each.meter: int(each.meter[-1]) for each in places}
    return raw_days(stamps(rows), meters, {"P": places}, {"P": exchanges}, day)["P"]


OLD = {at: 1000 + 10 * at for at in range(41)}
NEW = {at: 5 + 10 * (at - 41) for at in range(41, 97)}
CHANGED = START + 40 * Q + 300_000


def test_an_exchange_within_a_slot_leaves_that_slot_unknown_and_is_stitched_around_it() -> None:
    found = raw({0: OLD, 1: NEW}, [register("m0", 0, CHANGED), register("m1", CHANGED, 2**60)])
    assert np.flatnonzero(np.isnan(found.wh)).tolist() == [40]
    assert np.flatnonzero(found.exchanged).tolist() == [40]
    assert not found.falls.any(), "the new register is lower, and that is no fall"
    assert found.between(40, 41) is None
    assert not found.whole


def test_what_was_written_down_at_the_exchange_says_what_the_slot_held() -> None:
    told = Exchange(CHANGED, removed_wh=1403, installed_wh=0)
    found = raw({0: OLD, 1: NEW}, [register("m0", 0, CHANGED), register("m1", CHANGED, 2**60)], told)
    assert found.between(40, 41) == 3 + 5
    assert found.between(0, 96) == 403 + 5 + 10 * 55
    nonsense = raw({0: OLD, 1: NEW}, [register("m0", 0, CHANGED), register("m1", CHANGED, 2**60)],
                   Exchange(CHANGED, 900, 0))  # fmt: skip
    assert nonsense.between(40, 41) is None


def test_a_change_of_ratio_splits_the_day_and_averages_nothing() -> None:
    one = {at: 1000 + 10 * at for at in range(97)}
    places = [register("m0", 0, CHANGED, 100.0), register("m0", CHANGED, 2**60, 200.0)]
    found = raw({0: one}, places)
    assert set(found.wh[:40]) == {1000.0}
    assert set(found.wh[41:]) == {2000.0}
    assert np.isnan(found.wh[40])


def test_each_register_counts_at_its_own_ratio_over_a_declared_change() -> None:
    one = {at: 1000 + 10 * at for at in range(97)}
    places = [register("m0", 0, CHANGED, 100.0), register("m0", CHANGED, 2**60, 200.0)]
    found = raw({0: one}, places, Exchange(CHANGED, 1404, 1404))
    assert found.between(40, 41) == 4 * 100 + 6 * 200
    assert raw({0: one}, places, Exchange(CHANGED, None, 1404)).between(40, 41) is None


def test_two_exchanges_and_a_roll_over_in_one_hole_are_taken_one_after_the_other() -> None:
    later = CHANGED + 300_000
    old = {at: 10**9 - 500 + 10 * at for at in range(41)}
    new = {at: 7 + 10 * (at - 41) for at in range(41, 97)}
    places = [register("m0", 0, CHANGED), register("m1", CHANGED, later), register("m2", later, 2**60)]
    told = Exchange(CHANGED, 30, 600), Exchange(later, 602, 5)
    found = raw({0: old, 2: new}, places, *told)
    assert found.between(40, 41) == (10**9 - (10**9 - 100) + 30) + 2 + 2
    assert raw({0: old, 2: new}, places, told[0]).between(40, 41) is None, "nobody told of the second"


def test_an_exchange_just_on_a_boundary_loses_no_slot() -> None:
    on = START + 40 * Q
    new = {40: 0, **{at: 5 + 10 * (at - 41) for at in range(41, 97)}}
    found = raw({0: OLD, 1: new}, [register("m0", 0, on), register("m1", on, 2**60)])
    assert not np.isnan(found.wh).any()
    assert found.wh[39] == 10
    assert found.wh[40] == 5
    assert not found.exchanged.any()


def test_a_roll_over_and_an_exchange_on_one_day_are_told_apart_by_time() -> None:
    rolling = {at: (10**9 - 100 + 10 * at) % 10**9 for at in range(41)}
    found = raw({0: rolling, 1: NEW}, [register("m0", 0, CHANGED), register("m1", CHANGED, 2**60)])
    assert (found.wh[:40] == 10).all()
    assert (found.wh[41:] == 10).all()
    assert not found.falls.any()


def test_a_fall_within_one_meter_has_no_number_and_is_told() -> None:
    fallen = {at: 1000 + 10 * at - (900 if at > 50 else 0) for at in range(97)}
    found = raw({0: fallen}, [register("m0", 0, 2**60)])
    assert np.flatnonzero(found.falls).tolist() == [50]
    assert np.isnan(found.wh[50])
    assert found.between(0, 96) is None


@pytest.mark.parametrize("factor", [1.0, 2000.0, 37.5, 1.1])
def test_slots_sum_to_the_difference_of_primary_registers_whatever_the_ratio(factor: float) -> None:
    rng = np.random.default_rng(3)
    values = 10_000 + np.cumsum(rng.integers(0, 300, 97))
    found = raw({0: dict(enumerate(values.tolist()))}, [register("m0", 0, 2**60, factor)])
    at = found.registers()
    assert found.wh.sum() == at[-1] - at[0]
    assert at[0] == np.rint(values[0] * factor)
    assert (found.wh == np.rint(found.wh)).all()
