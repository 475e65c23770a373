"""Buses as they are in the field: slow, shared, mixed, mis-wired; and what the transcript says of them."""

import socket
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from firmware_sim.clock import ManualClock
from firmware_sim.pytest_plugin import MeterFleet, RunningFleet
from firmware_sim.scenario import ScenarioError, parse
from protocols.dlt645.conversations import read_address_request, read_reply, read_request
from protocols.dlt645.frame import Frame, encode, frames_in
from protocols.modbus import rtu
from tests.firmware_sim.test_lines import Client, connected
from tests.firmware_sim.texts import AREA_METER, HOUSE, NOON_MS, ONE_LINE, SHOP

READ = read_request(HOUSE, "00010000")
FAST = ONE_LINE.replace("delay_ms = 0", "baud = 9600")
RTU_METER = """
[[meter]]
id = "boiler"
unit = 7
model = "eastron-sdm630"
area = "A01"
line = "bus"
load = "factory"
"""
MIXED = ONE_LINE.replace('"dlt645-tcp"', '"tcp"') + RTU_METER
MASTER = """
[[master]]
name = "concentrator"
line = "bus"
cycle_s = 0.4
gap_ms = 50
request = [{meter = "shop", di = "02010100"}, {meter = "house"}]
"""
SILENCE_S = 0.15


@contextmanager
def dialled(fleet: RunningFleet) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", fleet.port("bus")), timeout=3) as connection:
        yield connection


def heard(connection: socket.socket, patience_s: float = SILENCE_S) -> bytes:
    """All that comes until it has been quiet for so long."""
    connection.settimeout(patience_s)
    data = b""
    try:
        while piece := connection.recv(4096):
            data += piece
    except TimeoutError:
        pass
    return data


def asked(fleet: RunningFleet, request: Frame, patience_s: float = SILENCE_S) -> bytes:
    with dialled(fleet) as connection:
        connection.sendall(encode(request))
        return heard(connection, patience_s)


def test_both_directions_take_their_air_time_and_a_meter_20_ms(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(FAST)
    char_s = 11 / 9600
    best = 1.0
    with connected(fleet) as client:
        for _ in range(5):
            started = time.monotonic()
            reply = client.ask(READ)
            took = time.monotonic() - started
            limit = (len(encode(READ)) + len(encode(reply)) + 4) * char_s + 0.020
            assert took >= limit - 4 * char_s
            best = min(best, took - limit)
    assert best < 0.010
    request, answer = fleet.transcript.of(what="request")[-1], fleet.transcript.of(what="reply")[-1]
    assert answer.start_s - request.end_s == pytest.approx(0.020, abs=0.003)
    assert answer.end_s - answer.start_s == pytest.approx(len(answer.raw) * char_s, abs=1e-6)


def test_an_answer_arrives_over_time_and_not_at_once(meter_fleet: MeterFleet) -> None:
    with dialled(meter_fleet(ONE_LINE.replace("delay_ms = 0", "baud = 1200"))) as connection:
        connection.sendall(encode(READ))
        first_at = last_at = pieces = 0.0
        while last_at - first_at < 0.05:
            connection.recv(4096)
            pieces += 1
            last_at = time.monotonic()
            first_at = first_at or last_at
        assert pieces >= 2


def test_a_slow_meter_answers_after_its_own_delay(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE.replace('phase = "B"', 'phase = "B"\nresponse_ms = 120'))
    with connected(fleet) as client:
        started = time.monotonic()
        client.ask(READ)
        assert time.monotonic() - started >= 0.12


def test_eight_none_one_is_shorter_than_eight_even_one() -> None:
    even, none = (parse(FAST.replace("baud = 9600", f'baud = 9600\nparity = "{p}"')).lines[0] for p in "EN")
    assert (even.char_s, none.char_s) == (11 / 9600, 10 / 9600)


def test_both_protocols_answer_on_one_bus(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(MIXED, ManualClock(NOON_MS))
    with dialled(fleet) as connection:
        for _ in range(3):
            connection.sendall(encode(READ))
            [reply] = frames_in(heard(connection, 0.1))
            assert len(read_reply(READ, reply)) == 4
            request = rtu.read_request(7, 4, 0x34, 2)
            connection.sendall(request)
            assert len(rtu.read_reply(request, heard(connection, 0.1))) == 2
    assert {entry.form for entry in fleet.transcript} == {"dlt645", "rtu"}
    assert [entry.who for entry in fleet.transcript.of(what="reply")][:2] == ["house", "boiler"]


def test_a_request_that_speaks_over_an_answer_is_lost_and_so_is_the_answer(meter_fleet: MeterFleet) -> None:
    slow = FAST.replace("9600", "2400")
    fleet = meter_fleet(slow)
    with dialled(fleet) as connection:
        connection.sendall(encode(READ))
        air_s = len(encode(READ)) * 11 / 2400
        time.sleep(air_s + 0.020 + 0.03)  # the answer is on the wire now
        connection.sendall(encode(read_request(SHOP, "00010000")))
        assert list(frames_in(heard(connection))) == []
    assert fleet.transcript.of(what="jammed")[0].raw == encode(read_request(SHOP, "00010000"))
    assert not fleet.verdict()
    assert [verdict.clause for verdict in fleet.verdict().broken] == ["talks-alone"]


def test_two_meters_with_one_address_collide(meter_fleet: MeterFleet) -> None:
    twins = ONE_LINE.replace('address = "202600010002"', f'address = "{HOUSE}"\ntwin = true')
    fleet = meter_fleet(twins, ManualClock(NOON_MS))
    assert list(frames_in(asked(fleet, READ))) == []
    assert fleet.transcript.of(what="reply")[0].who == "house+shop"
    with pytest.raises(ScenarioError, match="twin = true"):
        parse(twins.replace("twin = true", ""))


def test_a_second_master_is_heard_with_its_meters_answers(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE + MASTER)
    with dialled(fleet) as connection:
        connection.settimeout(2)
        data = b""
        while data.count(b"\x16") < 9:
            data += connection.recv(4096)
    frames = list(frames_in(data))
    asking = [frame.address for frame in frames if not frame.from_meter]
    assert set(asking) == {SHOP, HOUSE}
    assert {frame.address for frame in frames if frame.from_meter} == {SHOP, HOUSE}
    starts = [entry.start_s for entry in fleet.transcript.of(who="concentrator")]
    assert starts[2] - starts[0] == pytest.approx(0.4, abs=0.1)


def test_a_second_master_falls_silent_when_it_is_told(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE + MASTER)
    fleet.clear("second-master", "concentrator")
    with dialled(fleet) as connection:
        assert heard(connection, 0.6) == b""


def test_meters_behind_a_broken_segment_are_silent(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE)
    fleet.fault("line-broken", "bus:shop")
    assert asked(fleet, READ)
    assert asked(fleet, read_request(SHOP, "00010000")) == b""
    fleet.clear("line-broken", "bus:shop")
    assert asked(fleet, read_request(SHOP, "00010000"))


def test_swapped_wires_bring_garbage_and_no_frame(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE)
    fleet.fault("line-swapped", "bus")
    assert asked(fleet, READ) == b"\0"


def test_a_meter_at_another_speed_is_silent_until_the_port_is_set_to_it(meter_fleet: MeterFleet) -> None:
    text = FAST.replace("dlt645-tcp", "serial").replace('phase = "B"', 'phase = "B"\nbaud = 2400')
    with connected(meter_fleet(text)) as client:
        assert client.silent(READ)
        assert client.ask(read_request(SHOP, "00010000"))
        _set_speed(client, termios.B2400)
        assert client.ask(READ)
        assert client.silent(read_request(SHOP, "00010000"))


def test_a_port_at_another_speed_hears_garbage_of_a_second_master(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(FAST.replace("dlt645-tcp", "serial") + MASTER)
    with connected(fleet) as client:
        assert client.hear()
        _set_speed(client, termios.B2400)
        client.hear(1, 0.1)
        assert client.hear(1, 0.9) == []
        _set_speed(client, termios.B9600)
        assert client.hear()


def _set_speed(client: Client, speed: int) -> None:
    settings = termios.tcgetattr(client._fd)
    settings[4] = settings[5] = speed
    termios.tcsetattr(client._fd, termios.TCSANOW, settings)


def test_a_meter_with_another_parity_is_silent(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(FAST.replace('phase = "B"', 'phase = "B"\nparity = "N"'))
    assert asked(fleet, READ) == b""
    assert asked(fleet, read_request(AREA_METER, "00010000"))


@pytest.mark.parametrize(
    ("kind", "frames"),
    [("lost-reply", 0), ("doubled-reply", 2), ("echo-first", 2), ("flip-data", 0), ("noise-before", 1)],
)
def test_a_fault_of_the_wire_strikes_the_meter_it_was_given_to(
    meter_fleet: MeterFleet, kind: str, frames: int
) -> None:
    fleet = meter_fleet(ONE_LINE)
    fleet.fault(kind, "house", nth=1)
    assert len(list(frames_in(asked(fleet, READ)))) == frames
    assert len(list(frames_in(asked(fleet, READ)))) == 1
    assert fleet.transcript.of(what="request")[0].fate == kind


def test_an_answer_can_wait_for_the_next_question(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE)
    fleet.fault("reply-after-next-request", "house", nth=1)
    with dialled(fleet) as connection:
        connection.sendall(encode(READ))
        assert heard(connection, 0.2) == b""
        connection.sendall(encode(read_request(SHOP, "00010000")))
        assert [frame.address for frame in frames_in(heard(connection))] == [HOUSE, SHOP]


def test_a_late_answer_leaves_the_line_free_meanwhile(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE)
    fleet.fault("late-reply", "house", nth=1, delay_s=0.6)
    with dialled(fleet) as connection:
        connection.sendall(encode(READ))
        assert heard(connection, 0.1) == b""
        connection.sendall(encode(read_request(SHOP, "00010000")))
        assert [frame.address for frame in frames_in(heard(connection, 0.2))] == [SHOP]
        assert [frame.address for frame in frames_in(heard(connection, 0.8))] == [HOUSE]


def test_the_wire_of_modbus_tcp_has_its_faults_too(meter_fleet: MeterFleet) -> None:
    lan = '[[line]]\nname = "lan"\nkind = "modbus-tcp"\n'
    text = ONE_LINE + lan + RTU_METER.replace('"bus"', '"lan"')
    fleet = meter_fleet(text, ManualClock(NOON_MS))
    ask = bytes.fromhex("0001000000060704 00340002")
    with socket.create_connection(("127.0.0.1", fleet.port("lan")), timeout=3) as connection:
        connection.sendall(ask)
        good = heard(connection, 0.2)
        for kind, wanted in (("lost-reply", b""), ("doubled-reply", good * 2), ("wrong-transaction", None)):
            fleet.fault(kind, "boiler")
            connection.sendall(ask)
            raw = heard(connection, 0.2)
            assert raw == wanted if wanted is not None else raw[:2] == b"\0\2"
            fleet.clear(kind, "boiler")
        fleet.fault("late-reply", "boiler", delay_s=0.4)
        connection.sendall(ask)
        assert heard(connection, 0.1) == b""
        assert heard(connection, 0.6)[:2] == b"\0\1"


def test_everybody_answers_a_wildcard_and_they_collide(meter_fleet: MeterFleet) -> None:
    assert list(frames_in(asked(meter_fleet(ONE_LINE), read_address_request()))) == []


def test_the_transcript_tells_who_asked_what_and_when(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE, ManualClock(NOON_MS))
    asked(fleet, READ)
    request, reply = fleet.transcript
    assert (request.who, request.what, request.at_ms) == ("master", "request", NOON_MS)
    assert (reply.who, reply.decoded["di"], reply.decoded["unit"]) == ("house", "00010000", "kWh")
    assert "di=00010000" in str(fleet.transcript)


def test_truth_is_exact_at_any_time(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE, ManualClock(NOON_MS))
    [reply] = frames_in(asked(fleet, READ))
    shown = int(reply.data[4:][::-1].hex())  # hundredths of a kWh
    assert shown == fleet.truth("house") // 10_000
    assert fleet.truth("house", NOON_MS - 3_600_000) < fleet.truth("house")
