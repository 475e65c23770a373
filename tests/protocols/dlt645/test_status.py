"""Status words by the names of their bits, and rates by their codes."""

import pytest

from protocols.dlt645 import status
from protocols.dlt645.rates import BAUD_RATES, baud_of, code_of


@pytest.mark.parametrize(
    ("word", "value", "names"),
    [
        (1, 0x000C, ["clock_battery_low", "backup_battery_low"]),
        (2, 0x0041, ["active_reverse_a", "reactive_reverse_c"]),
        (3, 0x0050, ["relay_open", "relay_command_open"]),
        (3, 0x0004, ["supply_battery"]),
        (5, 0x0181, ["voltage_lost_b", "phase_failure_b", "current_break_b"]),
        (7, 0x0021, ["voltage_sequence", "power_down"]),
        (7, 0x8000, ["bit15"]),
        (4, 0, []),
    ],
)
def test_the_bits_that_are_set_have_names(word: int, value: int, names: list[str]) -> None:
    assert status.status_names(word, value) == names


def test_the_relay_is_open_when_its_own_bit_says_so_and_not_its_order() -> None:
    assert status.relay_open(0x0050)
    assert status.relay_open(0x0010)
    assert not status.relay_open(0x0040)
    assert not status.relay_open(0)


def test_there_are_seven_words() -> None:
    assert [status.di(1), status.di(7)] == ["04000501", "04000507"]
    for word in (0, 8):
        with pytest.raises(ValueError, match="no status word"):
            status.status_names(word, 0)


def test_each_rate_has_one_bit() -> None:
    assert [code_of(2400), code_of(9600), baud_of(0x40), baud_of(0x03)] == [0x08, 0x20, 19200, None]
    assert all(baud_of(code_of(baud)) == baud for baud in BAUD_RATES.values())
    with pytest.raises(ValueError, match="no rate of DL/T 645"):
        code_of(115200)
