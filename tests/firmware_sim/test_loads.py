"""Load curves: repeatable, positive, and their energy is the integral of their power."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.calendar import DAY_S, SLOT_S, Calendar
from firmware_sim.kinds import KINDS
from firmware_sim.loads import ConstantLoad, Load, SeededLoad

CALENDAR = Calendar.since(date(2024, 1, 1), ZoneInfo("Asia/Shanghai"))
START_S = CALENDAR.origin_s
kinds = st.sampled_from(sorted(KINDS))
instants = st.floats(START_S, START_S + 6 * 365 * DAY_S)


def load(kind: str, seed: int = 7, meter: str = "M1") -> SeededLoad:
    return SeededLoad(kind, seed, meter, CALENDAR)


@given(kinds, instants, st.integers(0, 9))
def test_the_same_seed_and_meter_draw_the_same_whatever_was_asked_before(
    kind: str, t_s: float, seed: int
) -> None:
    asked, fresh = load(kind, seed), load(kind, seed)
    asked.energy_mwh(START_S + 400 * DAY_S)
    asked.power_w(t_s + 5 * SLOT_S)
    asked.bands_mwh(t_s + 9 * DAY_S)
    assert asked.power_w(t_s) == fresh.power_w(t_s)
    assert asked.energy_mwh(t_s) == fresh.energy_mwh(t_s)
    assert asked.bands_mwh(t_s) == fresh.bands_mwh(t_s)


def test_another_seed_or_another_meter_draws_differently() -> None:
    t_s = START_S + 100 * DAY_S + 12_345
    powers = {load("household", 7, "M1").power_w(t_s), load("household", 8, "M1").power_w(t_s)}
    assert len(powers | {load("household", 7, "M2").power_w(t_s)}) == 3


@given(kinds, instants, st.floats(0.001, 3 * DAY_S))
def test_energy_never_falls_and_power_is_never_negative(kind: str, t_s: float, later_s: float) -> None:
    one = load(kind)
    assert one.power_w(t_s) > 0
    assert one.energy_mwh(t_s + later_s) >= one.energy_mwh(t_s)
    for earlier, later in zip(one.bands_mwh(t_s), one.bands_mwh(t_s + later_s), strict=True):
        assert later >= earlier


@given(kinds, st.integers(0, 6 * 365 * 96 - 1))
def test_the_energy_of_a_slot_is_the_integral_of_its_power(kind: str, slot: int) -> None:
    one, start = load(kind), START_S + slot * SLOT_S
    steps = 900
    inside = [one.power_w(start + (n + 0.5) * SLOT_S / steps) for n in range(steps)]
    taken = one.energy_mwh(start + SLOT_S - 1e-6) - one.energy_mwh(start)
    assert sum(inside) / steps * SLOT_S / 3.6 == pytest.approx(taken, rel=1e-3, abs=2)


@given(kinds, instants)
def test_the_tariffs_sum_up_to_the_total(kind: str, t_s: float) -> None:
    one = load(kind)
    assert sum(one.bands_mwh(t_s)) == one.energy_mwh(t_s)


@given(instants, st.floats(0, 3600))
def test_only_the_band_of_the_hour_counts(t_s: float, later_s: float) -> None:
    one = load("shop")
    band = CALENDAR.band(t_s)
    if CALENDAR.band(t_s + later_s) != band:
        return
    before, after = one.bands_mwh(t_s), one.bands_mwh(t_s + later_s)
    for other in {0, 1, 2, 3} - {band}:
        assert after[other] == before[other]


def day_wh(one: Load, day: int) -> float:
    return one.energy_mwh(START_S + (day + 1) * DAY_S) - one.energy_mwh(START_S + day * DAY_S)


def test_each_kind_has_its_day_its_week_and_its_year() -> None:
    def mean_power(kind: str, hour: float) -> float:
        days = range(7 * 52)
        one = load(kind)
        return sum(one.power_w(START_S + day * DAY_S + hour * 3600) for day in days) / len(days)

    assert mean_power("household", 19.5) > 2 * mean_power("household", 3)
    assert mean_power("factory", 9.5) > 3 * mean_power("factory", 3)
    working, sunday = 15, 20  # 2024-01-16 was a Tuesday, 2024-01-21 a Sunday
    assert day_wh(load("factory"), sunday) < 0.6 * day_wh(load("factory"), working)
    july, may = (sum(day_wh(load("farm"), first + n) for n in range(28)) for first in (190, 120))
    assert july > 1.4 * may


def test_the_load_of_a_transformer_is_always_there() -> None:
    iron = ConstantLoad(100, 0.4, CALENDAR)
    assert iron.energy_mwh(START_S + DAY_S) == 2_400_000
    assert iron.bands_mwh(START_S + DAY_S) == (200_000, 700_000, 700_000, 800_000)
