"""Orders to a meter: obeyed for the right password and in time by its own clock, else refused by name."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from firmware_sim.life import befall
from firmware_sim.load_relay import MOVES, RelayOrder, RelayState, moved
from protocols.dlt645 import events, orders, status
from protocols.dlt645.conversations import time_sync_request
from protocols.dlt645.frame import ANY_METER, BROADCAST, Frame
from protocols.dlt645.orders import Password, RelayAction
from protocols.errors import Refused
from tests.firmware_sim.asked import Line
from tests.firmware_sim.texts import AREA_METER, HOUSE, NOON_MS, ONE_LINE, SHOP

NOON = datetime(2026, 11, 22, 12)
SOON = NOON + timedelta(minutes=5)
CONTROL, PARAMETERS = Password("02", "111111"), Password("04", "000000")
OPERATOR = "00000042"
ESAM = ONE_LINE.replace('phase = "B"', 'phase = "B"\nbehaviour = ["esam"]')


def relay(
    line: Line, action: int, expires: datetime = SOON, password: Password = CONTROL, to: str = HOUSE
) -> Frame:
    """The answer to 1CH; `action` may be one that nothing of ours ever sends."""
    request = orders.relay_request(HOUSE, RelayAction.TRIP, expires, password, OPERATOR)
    data = bytearray(request.data)
    data[8] = action
    return line.answer(Frame(to, request.control, bytes(data)))


def word3(line: Line) -> int:
    found = line.value(HOUSE, "04000503")
    assert isinstance(found, int)
    return found


def code(reply: Frame) -> int | None:
    return reply.data[0] if reply.abnormal else None


def write(line: Line, di: str, value: bytes, password: Password = PARAMETERS) -> Frame:
    return line.answer(orders.write_request(HOUSE, di, value, password, OPERATOR))


def test_a_trip_takes_the_load_off_and_the_meter_lives_on() -> None:
    line = Line()
    assert line.value(HOUSE, "02030000") != 0
    assert code(relay(line, 0x1A)) is None
    before = line.value(HOUSE, "00010000")
    line.clock.advance(7200)
    assert line.value(HOUSE, "00010000") == before
    assert line.value(HOUSE, "02030000") == 0
    volts = line.value(HOUSE, "02010100")
    assert isinstance(volts, Decimal)
    assert volts > 200
    assert status.relay_open(word3(line))


def test_close_permitted_waits_for_the_customer_to_press() -> None:
    line = Line()
    relay(line, 0x1A)
    befall("press", line.meters["house"], "", line.now_ms)
    assert status.relay_open(word3(line))  # nobody has permitted it
    assert word3(line) >> 6 & 1
    relay(line, 0x1B)
    assert status.relay_open(word3(line))
    assert not word3(line) >> 6 & 1
    befall("press", line.meters["house"], "", line.now_ms)
    assert not status.relay_open(word3(line))
    assert line.value(HOUSE, "02030000") != 0


def test_every_move_of_the_relay_is_in_the_table_and_nothing_else_moves_it() -> None:
    for state in RelayState:
        for order in RelayOrder:
            after = moved(state, order)
            assert after == MOVES.get((state, order), state)
            if order is RelayOrder.PERMIT:
                assert after is not RelayState.CLOSED or state is RelayState.CLOSED


def test_trips_and_closings_are_counted_and_recorded_with_who_did_it() -> None:
    line = Line()
    for action in (0x1A, 0x1A, 0x1C):
        relay(line, action)
        line.clock.advance(60)
    assert line.value(HOUSE, "1D000000") == line.value(HOUSE, "1E000000") == 1
    trip = events.decode_record("1D000001", line.read(HOUSE, "1D000001"))
    close = events.decode_record("1E000001", line.read(HOUSE, "1E000001"))
    assert (trip.start, close.start) == (NOON, NOON + timedelta(minutes=2))


def test_an_order_that_is_too_late_by_the_meters_own_clock_is_refused() -> None:
    line = Line()
    assert code(relay(line, 0x1A, NOON - timedelta(seconds=1))) == 0x01
    befall("clock-step", line.meters["house"], "600", line.now_ms)
    assert code(relay(line, 0x1A, SOON)) == 0x01
    assert not status.relay_open(word3(line))
    assert code(relay(line, 0x1A, SOON + timedelta(minutes=10))) is None


@pytest.mark.parametrize("password", [Password("02", "111112"), PARAMETERS, Password("98", "111111")])
def test_the_relay_obeys_only_the_password_of_its_level(password: Password) -> None:
    line = Line()
    assert code(relay(line, 0x1A, password=password)) == 0x04
    assert not status.relay_open(word3(line))


@pytest.mark.parametrize("to", [ANY_METER, BROADCAST, "AAAAAAAA0001"])
def test_no_order_reaches_a_meter_by_broadcast_or_wildcard(to: str) -> None:
    line = Line()
    request = orders.relay_request(HOUSE, RelayAction.TRIP, SOON, CONTROL, OPERATOR)
    for function, data in ((request.control, request.data), (0x16, b"\x99" * 4), (0x14, b"\0" * 14)):
        assert line.hear(Frame(to, function, data)) == b""
    assert not status.relay_open(word3(line))
    with pytest.raises(Refused):
        line.read(HOUSE, "05010001")


def test_a_held_meter_refuses_a_trip_and_an_alarm_shows() -> None:
    line = Line()
    for action, bit in ((0x2A, 1), (0x2B, 0)):
        relay(line, action)
        assert word3(line) >> 7 & 1 == bit
    relay(line, 0x3A)
    assert code(relay(line, 0x1A)) == 0x01
    relay(line, 0x3B)
    assert code(relay(line, 0x1A)) is None


def test_an_area_meter_has_no_relay() -> None:
    assert code(relay(Line(), 0x1A, to=AREA_METER)) == 0x01


def test_a_relay_that_is_stuck_says_yes_and_its_state_tells() -> None:
    line = Line(ONE_LINE.replace('phase = "B"', 'phase = "B"\nbehaviour = ["relay-stuck"]'))
    assert code(relay(line, 0x1A)) is None
    assert not status.relay_open(word3(line))


def test_a_meter_with_a_security_chip_refuses_plain_passwords_and_goes_on_being_read() -> None:
    line = Line(ESAM)
    assert code(relay(line, 0x1A)) == 0x04
    assert code(write(line, "04000B01", b"\x00\x05")) == 0x04
    assert line.value(HOUSE, "00010000") is not None


def test_a_meter_with_a_security_chip_takes_a_broadcast_time_that_is_near() -> None:
    line = Line(ESAM)
    line.hear(time_sync_request(NOON + timedelta(minutes=6)))
    assert line.value(HOUSE, "04000102") == "12:00:00"
    line.hear(time_sync_request(NOON + timedelta(minutes=4)))
    assert line.value(HOUSE, "04000102") == "12:04:00"


def test_the_clock_is_set_by_two_writes_or_one_and_the_meter_notes_it() -> None:
    line = Line()
    later = NOON + timedelta(days=1, hours=1)
    for in_one in (False, True):
        for request in orders.clock_request(HOUSE, later, PARAMETERS, OPERATOR, in_one=in_one):
            orders.check_reply(request, line.answer(request))
        assert line.value(HOUSE, "0400010C") == "2026-11-23T13:00:00 week=1"
    assert line.value(HOUSE, "03300400") == 3
    record = events.decode_record("03300403", line.read(HOUSE, "03300403"))
    assert record.fields["operator"] == OPERATOR
    assert record.fields["before"] == NOON
    assert record.fields["after"] == NOON + timedelta(days=1)


def test_writing_is_noted_with_what_was_written() -> None:
    line = Line()
    assert code(write(line, "04000B01", b"\x00\x05")) is None
    assert line.read(HOUSE, "04000B01") == b"\x00\x05"
    record = events.decode_record("03300001", line.read(HOUSE, "03300001"))
    assert (record.fields["operator"], record.fields["di_1"]) == (OPERATOR, "04000B01")


@pytest.mark.parametrize(
    ("di", "value", "refused"),
    [
        ("04000B01", b"\x00\x29", 0x01),  # no month has a 29th for sure
        ("04000B01", b"\x99\x99", 0x01),
        ("04000A02", b"\x61\x00", 0x01),
        ("04000101", b"\x07\x32\x11\x26", 0x01),
        ("04010001", bytes.fromhex("050000"), 0x01),  # there is no tariff 5
        ("04010001", bytes.fromhex("010000") * 15, 0x20),
        ("04800001", b"x" * 32, 0x02),
        ("04000501", b"\0\0", 0x02),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_name(di: str, value: bytes, refused: int) -> None:
    line = Line()
    before = line.hear(Frame(HOUSE, 0x11, bytes.fromhex(di)[::-1]))
    # 15 slots and a DI are more than a master may send at once: the frame is made by hand
    data = bytes.fromhex(di)[::-1] + PARAMETERS.wire() + bytes(4) + value
    assert code(line.answer(Frame(HOUSE, 0x14, data))) == refused
    assert line.hear(Frame(HOUSE, 0x11, bytes.fromhex(di)[::-1])) == before


def test_a_slot_table_counts_from_when_it_was_written() -> None:
    line = Line()
    before = line.value(HOUSE, "0001FF00")
    assert code(write(line, "04010001", bytes.fromhex("010000"))) is None  # all day sharp
    line.clock.advance(86_400)
    after = line.value(HOUSE, "0001FF00")
    assert isinstance(before, list)
    assert isinstance(after, list)
    grown = [now - then for then, now in zip(before, after, strict=True)]
    assert grown[0] > 1
    assert grown[2:] == [0, 0, 0]
    assert abs(grown[0] - grown[1]) <= Decimal("0.01")
    assert line.value(HOUSE, "04010001") == ["000001"]


def test_a_password_is_changed_by_who_knows_the_old_one() -> None:
    line = Line()

    def change(old: str, new: str) -> Frame:
        data = bytes.fromhex("04000C05")[::-1]
        return line.answer(Frame(HOUSE, 0x18, data + Password("04", old).wire() + Password("04", new).wire()))

    assert code(change("123456", "654321")) == 0x04
    reply = change("000000", "654321")
    assert reply.data == Password("04", "654321").wire()
    assert code(write(line, "04000B01", b"\x00\x05")) == 0x04
    assert code(write(line, "04000B01", b"\x00\x05", Password("04", "654321"))) is None


def test_the_rate_is_fixed_and_the_pulse_port_is_not() -> None:
    line = Line()
    assert code(line.answer(Frame(SHOP, 0x17, b"\x20"))) == 0x08
    assert line.answer(Frame(SHOP, 0x1D, b"\x01")).data == b"\x01"


@pytest.mark.parametrize(("habit", "refused"), [("refuses-06", 0x06), ("no-blocks", 0x02)])
def test_what_is_not_there_is_refused_as_the_model_does(habit: str, refused: int) -> None:
    line = Line(ONE_LINE.replace('phase = "B"', f'phase = "B"\nbehaviour = ["{habit}"]'))
    assert code(line.answer(Frame(HOUSE, 0x11, bytes.fromhex("02070100")[::-1]))) == refused


def test_a_wildcard_is_echoed_where_the_model_does_so() -> None:
    text = ONE_LINE.split('[[meter]]\nid = "shop"')[0].replace(
        'phase = "B"', 'phase = "B"\nbehaviour = ["echo-aa", "no-lead-in"]'
    )
    line = Line(text, NOON_MS)
    line.meters["area"].dead = True
    reply = line.answer(Frame(ANY_METER, 0x11, bytes.fromhex("00010000")[::-1]))
    assert reply.address == ANY_METER
    assert line.hear(Frame(ANY_METER, 0x13)).startswith(b"\x68")
