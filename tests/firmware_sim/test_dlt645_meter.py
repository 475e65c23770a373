"""A DL/T 645 meter answers what it must, refuses with the right bits, and is silent where it has to be."""

from decimal import Decimal

import pytest

from firmware_sim.dlt645_registers import shown
from protocols.dlt645 import conversations
from protocols.dlt645.conversations import read_reply, read_request
from protocols.dlt645.frame import ANY_METER, BROADCAST, Frame, frames_in
from protocols.dlt645.identifiers import lookup
from protocols.errors import Refused
from tests.firmware_sim.asked import Line
from tests.firmware_sim.texts import AREA_METER, HOUSE, NOON_MS, OLD, ONE_METER, SHOP

METER_CLOCK = "2026-11-22T12:00:00"


def test_another_address_is_silent() -> None:
    assert Line().hear(read_request("202600010099", "00010000")) == b""


def test_broadcast_is_never_answered() -> None:
    line = Line()
    for request in (
        read_request(BROADCAST, "00010000"),
        Frame(BROADCAST, 0x13),
        Frame(BROADCAST, 0x16, b"\x99" * 4),
    ):
        assert line.hear(request) == b""


def test_what_other_meters_say_is_no_request() -> None:
    assert Line().hear(Frame(HOUSE, 0x91, bytes.fromhex("00000100"))) == b""


def test_a_wildcard_reads_the_only_meter_which_answers_with_its_own_address() -> None:
    line = Line(ONE_METER)
    assert line.answer(read_request(ANY_METER, "00010000")).address == HOUSE
    assert conversations.address_of(line.answer(conversations.read_address_request())) == HOUSE


def test_a_wildcard_on_a_line_of_many_is_a_collision_that_holds_no_frame() -> None:
    garbled = Line().hear(read_request(ANY_METER, "00010000"))
    assert garbled
    assert list(frames_in(garbled)) == []


def test_an_abbreviated_address_finds_its_meter() -> None:
    line = Line()
    assert line.answer(read_request("AAAAAAAA0002", "00010000")).address == SHOP
    assert line.hear(read_request("AAAAAAAA0099", "00010000")) == b""
    assert line.hear(read_request("AAAAAAAA0507", "9010", "1997")) == b""  # 1997 knows no abbreviation


def test_wildcards_are_for_reading_only() -> None:
    write = bytes.fromhex("02010004") + bytes.fromhex("04000000") + b"\0" * 4 + b"\0\0\0"
    assert Line(ONE_METER).hear(Frame(ANY_METER, 0x14, write)) == b""


def test_a_meter_of_1997_answers_its_own_functions_and_ignores_those_of_2007() -> None:
    line = Line()
    reply = line.answer(read_request(OLD, "9010", "1997"))
    assert reply.control == 0x81
    assert len(read_reply(read_request(OLD, "9010", "1997"), reply)) == 4
    for request in (read_request(OLD, "00010000"), Frame(OLD, 0x13), Frame(OLD, 0x14, b"\0" * 12)):
        assert line.hear(request) == b""
    assert line.hear(read_request(HOUSE, "9010", "1997")) == b""


def test_a_block_of_1997_ends_with_aa() -> None:
    data = Line().read(OLD, "901F", "1997")
    assert len(data) == 5 * 4 + 1
    assert data[-1] == 0xAA


def test_a_meter_that_is_dead_or_dark_is_silent_and_one_with_auxiliary_supply_says_0_volts() -> None:
    line = Line()
    line.meters["shop"].dead = True
    assert line.hear(read_request(SHOP, "00010000")) == b""
    for meter in line.meters.values():
        meter.set_phases((False, False, False), NOON_MS)
    assert line.hear(read_request(HOUSE, "00010000")) == b""
    assert line.value(AREA_METER, "0201FF00") == [Decimal(0)] * 3


@pytest.mark.parametrize("di", ["02070100", "01090000", "02010200", "00010500", "0F0F0F0F", "05060140"])
def test_data_it_has_not_is_refused_with_bit_1(di: str) -> None:
    reply = Line().answer(read_request(HOUSE, di))
    assert (reply.control, reply.data) == (0xD1, b"\x02")


def test_a_read_without_identifier_is_refused_with_bit_0() -> None:
    reply = Line().answer(Frame(HOUSE, 0x11, b"\0\0"))
    assert (reply.control, reply.data) == (0xD1, b"\x01")


@pytest.mark.parametrize(
    ("password", "control", "data"),
    [("04123456", 0xD4, b"\x04"), ("04000000", 0x94, b""), ("02111111", 0x94, b"")],
)
def test_a_write_needs_the_right_password(password: str, control: int, data: bytes) -> None:
    level, digits = bytes.fromhex(password[:2]), bytes.fromhex(password[2:])[::-1]
    write = bytes.fromhex("04000102")[::-1] + level + digits + b"\0" * 4 + bytes.fromhex("563412")
    reply = Line().answer(Frame(HOUSE, 0x14, write))
    assert (reply.control, reply.data) == (control, data)


@pytest.mark.parametrize(
    ("function", "code"),
    [(0x03, 1), (0x15, 1), (0x16, 1), (0x17, 8), (0x18, 1), (0x19, 1), (0x1A, 1), (0x1B, 1), (0x1C, 4),
     (0x1D, 1)],
)  # fmt: skip
def test_what_it_does_not_do_is_refused_and_changes_nothing(function: int, code: int) -> None:
    line = Line()
    before = line.read(HOUSE, "00010000")
    reply = line.answer(Frame(HOUSE, function, b"\0" * 16))
    assert (reply.control, reply.data) == (function | 0xC0, bytes((code,)))
    assert line.read(HOUSE, "00010000") == before


def test_missing_phases_of_a_single_phase_meter_are_ff_in_a_block() -> None:
    data = Line().read(HOUSE, "0201FF00")
    assert len(data) == 6
    assert data[2:] == b"\xff" * 4
    assert data[:2] != b"\xff\xff"


def test_a_block_holds_the_total_and_the_four_tariffs() -> None:
    line = Line()
    values = line.value(SHOP, "0001FF00")
    assert isinstance(values, list)
    total, *tariffs = (Decimal(str(value)) for value in values)
    assert total == line.value(SHOP, "00010000")
    assert 0 <= total - sum(tariffs) < Decimal("0.04")  # each is cut to its own last digit


def test_a_long_answer_comes_in_parts_and_a_part_can_be_asked_again() -> None:
    line = Line()
    first = line.answer(read_request(SHOP, "0506FF01"))
    assert (first.control, len(first.data)) == (0xB1, 200)
    again = [line.answer(conversations.read_more_request(SHOP, "0506FF01", 1)) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0].control == 0x92
    whole = line.read(SHOP, "0506FF01")
    assert whole == first.data[4:] + again[0].data[4:-1]
    parts = (5, 20, 20, 20, 20, 20, 20, 20, 20, 40, 40, 24)
    assert len(whole) == sum(parts) + len(parts) - 1
    with pytest.raises(Refused):
        read_reply(
            conversations.read_more_request(SHOP, "0506FF01", 3),
            line.answer(conversations.read_more_request(SHOP, "0506FF01", 3)),
        )


def test_a_follow_up_of_nothing_is_refused() -> None:
    reply = Line().answer(conversations.read_more_request(SHOP, "0001FF00", 1))
    assert (reply.control, reply.data) == (0xD2, b"\x02")


def test_the_daily_freeze_is_what_the_counter_said_at_midnight() -> None:
    line = Line()
    assert line.value(HOUSE, "05060001") == "2026-11-22T00:00"
    assert line.value(HOUSE, "05060002") == "2026-11-21T00:00"
    frozen = line.read(HOUSE, "05060101")
    line.clock.advance(-12 * 3600)
    assert frozen == line.read(HOUSE, "0001FF00")


def test_the_last_settlement_is_what_the_counter_said_on_the_first_of_the_month() -> None:
    line = Line()
    settled = line.value(HOUSE, "00010001")
    line.clock.advance(-(21 * 24 + 12) * 3600)
    assert settled == line.value(HOUSE, "00010000")


def test_the_clock_shows_the_stations_time() -> None:
    line = Line()
    assert line.value(HOUSE, "04000101") == "2026-11-22 week=0"
    assert line.value(HOUSE, "04000102") == "12:00:00"
    assert line.value(HOUSE, "0400010C") == METER_CLOCK + " week=0"


def test_broadcast_time_sets_all_clocks_in_silence_and_is_counted() -> None:
    line = Line()
    assert line.hear(Frame(BROADCAST, 0x08, bytes.fromhex("300512221126"))) == b""
    for address in (HOUSE, SHOP, AREA_METER):
        assert line.value(address, "04000102") == "12:05:30"
        assert line.value(address, "03300400") == Decimal(1)
    line.clock.advance(60)
    assert line.value(HOUSE, "04000102") == "12:06:30"


def test_a_time_that_is_none_is_ignored() -> None:
    line = Line()
    for data in ("261122123005", "FFFFFFFFFFFF", "0102"):
        assert line.hear(Frame(HOUSE, 0x08, bytes.fromhex(data))) == b""
    assert line.value(HOUSE, "04000102") == "12:00:00"


def test_a_power_down_is_counted_and_recorded_when_supply_returns() -> None:
    line = Line()
    house = line.meters["house"]
    house.set_phases((False, False, False), line.clock.now_ms())
    line.clock.advance(90)
    house.set_phases((True, True, True), line.clock.now_ms())
    assert line.value(HOUSE, "03110000") == Decimal(1)
    assert line.value(HOUSE, "03110001") == [METER_CLOCK, "2026-11-22T12:01:30"]
    assert line.value(AREA_METER, "03110000") == Decimal(0)


def test_a_phase_failure_counts_and_lasts_and_shows_in_the_status_words() -> None:
    line = Line()
    line.meters["shop"].set_phases((True, False, True), line.clock.now_ms())
    line.clock.advance(600)
    zero, one, ten = Decimal(0), Decimal(1), Decimal(10)
    assert line.value(SHOP, "03040000") == [zero, zero, one, ten, zero, zero]
    assert line.value(SHOP, "04000505") == 0x0081
    line.meters["shop"].set_phases((False, False, False), line.clock.now_ms())
    line.meters["shop"].set_phases((True, True, True), line.clock.now_ms())
    assert line.value(SHOP, "03040000") == [zero, zero, one, ten, zero, zero]
    assert line.value(SHOP, "040005FF") == [0b10, 0, 0, 0, 0, 0, 0]  # it measures demand in blocks


def test_it_says_who_it_is() -> None:
    line = Line()
    assert line.value(HOUSE, "04000401") == HOUSE
    assert line.value(HOUSE, "04000403") == "house"
    assert line.value(HOUSE, "04000404") == "220V"


def test_what_does_not_fit_a_register_is_not_available_and_a_full_counter_starts_again() -> None:
    power, energy = lookup("02030000"), lookup("00030000")
    assert power is not None
    assert energy is not None
    assert shown(79_999.9, power, counter=False) == 799_999
    assert shown(80_000.0, power, counter=False) is None
    assert shown(799_999_999.0, energy, counter=True) == 79_999_999
    assert shown(800_000_005.0, energy, counter=True) == 0
