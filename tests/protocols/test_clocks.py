"""When a stamp was made: mapped by the offsets measured around it, and never beyond what they prove."""

from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from firmware_sim.meter_clock import MeterClock
from protocols.clocks import Mapped, Offset, mapped_at

T0 = round(datetime(2026, 11, 28, tzinfo=UTC).timestamp() * 1000)
HOUR, DAY = 3_600_000, 86_400_000


def test_without_any_offset_a_stamp_stays_and_nothing_is_sure() -> None:
    assert mapped_at(T0, (), 300) == Mapped(T0, sure=False)


@pytest.mark.parametrize(
    ("offset_s", "sure"), [(0, True), (300, True), (-300, True), (300.1, False), (-301, False)]
)
def test_one_offset_is_in_force_before_and_after_it(offset_s: float, sure: bool) -> None:
    known = [Offset(T0, offset_s)]
    for stamp_ms in (T0 - DAY, T0 + DAY):
        assert mapped_at(stamp_ms, known, 300) == Mapped(stamp_ms - round(offset_s * 1000), sure)


def test_after_a_jump_both_offsets_may_have_been_in_force() -> None:
    wrong = [Offset(T0, 0), Offset(T0 + DAY, 3600), Offset(T0 + 2 * DAY, 3600)]
    assert mapped_at(T0 - HOUR, wrong, 300).sure
    assert not mapped_at(T0 + HOUR, wrong, 300).sure
    set_right = [Offset(T0, -250), Offset(T0 + DAY, 0)]
    assert mapped_at(T0 + HOUR, set_right, 300) == Mapped(T0 + HOUR + 250_000, sure=True)


@given(
    ppm=st.floats(-100, 100),
    first_s=st.floats(-150, 150),
    hours=st.lists(st.floats(0, 240), min_size=1, max_size=12, unique=True),
    at_h=st.floats(0, 240),
)
def test_a_drifting_clock_is_followed_to_the_second(
    ppm: float, first_s: float, hours: list[float], at_h: float
) -> None:
    """Measured to the half second; beyond the last measurement it may have drifted on."""
    clock = MeterClock(T0 - DAY, 0)
    clock.set(T0 - DAY, T0 - DAY + round(first_s * 1000))
    clock.drift(T0 - DAY, ppm)
    moments = sorted(T0 + round(hour * HOUR) for hour in hours)
    offsets = [Offset(at, round(clock.offset_ms(at) / 1000, 1)) for at in moments]
    made_ms = T0 + round(at_h * HOUR)
    outside_h = max(0, moments[0] - made_ms, made_ms - moments[-1]) / HOUR
    mapped = mapped_at(clock.shows(made_ms), offsets, 300)
    assert mapped.sure
    assert abs(mapped.at_ms - made_ms) <= 100 + outside_h * HOUR * abs(ppm) / 1e6
