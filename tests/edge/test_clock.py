"""What the gateway believes about its own time."""

import pytest

from edge.clock import FIRST_VALID_MS, SystemClock, can_date, kernel_clock_state
from protocols.mqtt.messages import ClockState


def test_only_a_plainly_impossible_time_may_not_date_a_reading() -> None:
    assert not can_date(0)
    assert not can_date(FIRST_VALID_MS - 1)
    assert can_date(FIRST_VALID_MS)


def test_time_since_boot_goes_on_and_the_boot_has_a_name() -> None:
    clock = SystemClock()
    first = clock.since_boot_ns()
    assert clock.since_boot_ns() >= first > 0
    assert clock.boot == SystemClock().boot != ""


def test_a_clock_that_cannot_date_is_unsynced_whatever_the_kernel_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SystemClock, "now_ms", lambda _: 0)
    assert SystemClock().state() is ClockState.UNSYNCED


def test_the_kernel_is_asked_and_its_answer_is_one_of_three() -> None:
    assert kernel_clock_state() in set(ClockState)
