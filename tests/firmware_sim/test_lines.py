"""Lines as a gateway meets them: over TCP and a pseudo-serial port, noisy, echoing, slow, cut and down."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_sim.bus_faults import UnknownFault
from firmware_sim.clock import ManualClock
from firmware_sim.noise import NOISY, Wire, collide
from firmware_sim.pytest_plugin import MeterFleet, RunningFleet
from firmware_sim.scenario import Noise, ScenarioError
from protocols.dlt645.conversations import read_address_request, read_reply, read_request
from protocols.dlt645.frame import Decoder, Frame, encode
from tests.firmware_sim.texts import AREA_METER, HOUSE, NOON_MS, ONE_LINE, ONE_METER, SHOP
from tests.programs import free_port

QUIET_S = 0.25
"""How long a test listens before it calls a line silent; replies take about a millisecond."""
SERIAL_LINE = ONE_LINE.replace("dlt645-tcp", "dlt645-serial")


class Client:
    """A gateway's end of a line: a socket or an open device."""

    def __init__(self, fd: int, fleet: RunningFleet) -> None:
        os.set_blocking(fd, False)
        self._fd, self._fleet = fd, fleet

    def say(self, raw: bytes) -> None:
        os.write(self._fd, raw)

    def hear(self, wanted: int = 1, patience_s: float = 5.0) -> list[Frame]:
        """Frames until there are as many as wanted, or for as long as patience lasts."""
        decoder, frames = Decoder(), list[Frame]()
        deadline = time.monotonic() + patience_s
        while len(frames) < wanted and time.monotonic() < deadline:
            try:
                frames += decoder.feed(os.read(self._fd, 4096))
            except BlockingIOError:
                time.sleep(0.001)
        return frames

    def ask(self, request: Frame) -> Frame:
        self.say(encode(request))
        [reply] = self.hear()
        return reply

    def silent(self, request: Frame) -> bool:
        self.say(encode(request))
        quiet = self.hear(1, QUIET_S) == []
        self._fleet.catch_up()
        return quiet and self.hear(1, 0.01) == []


def hung_up(connection: socket.socket) -> bool:
    try:
        return connection.recv(4096) == b""
    except ConnectionResetError:
        return True


@contextmanager
def connected(fleet: RunningFleet, line: str = "bus") -> Iterator[Client]:
    endpoint = fleet.endpoint(line)
    if endpoint.startswith("/"):
        fd = os.open(endpoint, os.O_RDWR | os.O_NOCTTY)
        try:
            yield Client(fd, fleet)
        finally:
            os.close(fd)
        return
    with socket.create_connection(("127.0.0.1", fleet.port(line)), timeout=5) as connection:
        yield Client(connection.fileno(), fleet)


READ = read_request(HOUSE, "00010000")


@pytest.mark.parametrize("text", [ONE_LINE, SERIAL_LINE], ids=["tcp", "serial"])
def test_many_meters_answer_on_one_line_and_others_are_silent(meter_fleet: MeterFleet, text: str) -> None:
    with connected(meter_fleet(text)) as client:
        for address in (HOUSE, SHOP, AREA_METER):
            request = read_request(address, "00010000")
            assert len(read_reply(request, client.ask(request))) == 4
        assert client.silent(read_request("202600010099", "00010000"))
        assert client.ask(READ)


def test_requests_in_one_segment_are_all_answered_in_order(meter_fleet: MeterFleet) -> None:
    with connected(meter_fleet(ONE_LINE)) as client:
        client.say(
            b"".join(encode(read_request(address, "00010000")) for address in (HOUSE, SHOP, AREA_METER))
        )
        assert [reply.address for reply in client.hear(3)] == [HOUSE, SHOP, AREA_METER]


def test_a_request_in_pieces_among_noise_is_understood(meter_fleet: MeterFleet) -> None:
    with connected(meter_fleet(ONE_LINE)) as client:
        raw = b"\x00\x68\x55" + encode(READ)
        for piece in (raw[:5], raw[5:9], raw[9:]):
            client.say(piece)
        assert client.hear()[0].address == HOUSE


def test_two_clients_get_each_their_own_answers(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE)
    with connected(fleet) as one, connected(fleet) as other:
        one.say(encode(read_request(HOUSE, "00010000")))
        other.say(encode(read_request(SHOP, "00010000")))
        assert [reply.address for reply in one.hear()] == [HOUSE]
        assert [reply.address for reply in other.hear()] == [SHOP]
        assert one.hear(1, QUIET_S) == other.hear(1, 0) == []


def test_who_are_you_on_a_line_of_one(meter_fleet: MeterFleet) -> None:
    with connected(meter_fleet(ONE_METER)) as client:
        assert client.ask(read_address_request()).address == HOUSE


def test_a_serial_line_is_found_by_its_link(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(SERIAL_LINE.replace('name = "bus"', 'name = "bus"\nlink = "tty-bus"'))
    assert fleet.endpoint("bus").endswith("/tty-bus")
    with connected(fleet) as client:
        assert client.ask(READ)


def test_an_echoing_line_gives_the_request_back_first(meter_fleet: MeterFleet) -> None:
    with connected(meter_fleet(ONE_LINE.replace("delay_ms = 0", "echo = true"))) as client:
        client.say(encode(READ))
        echo, reply = client.hear(2)
        assert (echo.control, reply.control) == (0x11, 0x91)


def test_replies_take_the_delay_and_the_air_time_of_the_line(meter_fleet: MeterFleet) -> None:
    slow = ONE_LINE.replace("delay_ms = 0", "delay_ms = 50\nbaud = 2400")
    with connected(meter_fleet(slow)) as client:
        started = time.monotonic()
        reply = client.ask(READ)
        on_the_wire = len(encode(READ)) + len(encode(reply))
        assert time.monotonic() - started >= 0.05 + on_the_wire * 11 / 2400


@pytest.mark.parametrize("text", [ONE_LINE, SERIAL_LINE], ids=["tcp", "serial"])
def test_a_cut_bus_keeps_its_port_open_and_says_nothing(meter_fleet: MeterFleet, text: str) -> None:
    fleet = meter_fleet(text)
    with connected(fleet) as client:
        fleet.fault("line-cut", "bus")
        assert client.silent(READ)
        fleet.clear("line-cut", "bus")
        assert client.ask(READ)


def test_a_tcp_line_that_is_down_hangs_up_and_refuses_and_comes_back_on_its_port(
    meter_fleet: MeterFleet,
) -> None:
    fleet = meter_fleet(ONE_LINE)
    port = fleet.port("bus")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(encode(READ))
        assert connection.recv(4096)
        fleet.fault("line-down", "bus")
        assert hung_up(connection)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    fleet.clear("line-down", "bus")
    assert fleet.port("bus") == port
    with connected(fleet) as client:
        assert client.ask(READ)


def test_a_serial_line_that_is_down_hangs_up_and_comes_back(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(SERIAL_LINE.replace('name = "bus"', 'name = "bus"\nlink = "tty-bus"'))
    fd = os.open(fleet.endpoint("bus"), os.O_RDWR | os.O_NOCTTY)
    fleet.fault("line-down", "bus")
    assert os.read(fd, 10) == b""
    os.close(fd)
    assert not os.path.lexists(fleet.endpoint("bus"))
    fleet.clear("line-down", "bus")
    with connected(fleet) as client:
        assert client.ask(READ)


def test_an_outage_silences_customers_while_the_area_meter_witnesses_the_line(
    meter_fleet: MeterFleet,
) -> None:
    fleet = meter_fleet(ONE_LINE)
    with connected(fleet) as client:
        fleet.fault("area-out", "A01")
        assert client.silent(READ)
        request = read_request(AREA_METER, "0201FF00")
        assert read_reply(request, client.ask(request)) == b"\0" * 6
        fleet.clear("area-out", "A01")
        assert client.ask(READ)
        request = read_request(HOUSE, "03110000")
        assert read_reply(request, client.ask(request)) == b"\x01\0\0"


def test_a_noisy_line_loses_and_spoils_some_and_a_quiet_one_none(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE, ManualClock(NOON_MS))
    with connected(fleet) as client:
        good = client.ask(READ)
        fleet.fault("line-noise", "bus")
        client.say(encode(READ) * 60)
        heard = client.hear(60, 1.0)
        assert 10 < len(heard) < 60
        assert all(reply.data == good.data for reply in heard)
        fleet.clear("line-noise", "bus")
        client.say(encode(READ) * 20)
        assert len(client.hear(20)) == 20


def test_noise_is_the_same_for_the_same_seed_and_other_for_another() -> None:
    def fates(seed: int) -> list[bytes]:
        wire = Wire(seed, "bus", NOISY)
        return [wire.carry(encode(READ)) for _ in range(100)]

    assert fates(7) == fates(7)
    assert fates(7) != fates(8)
    assert b"" in fates(7)


def test_each_kind_of_noise_does_what_its_name_says() -> None:
    reply = encode(READ)
    assert Wire(7, "bus", Noise()).carry(reply) == reply
    assert Wire(7, "bus", Noise(loss=1)).carry(reply) == b""
    flipped = Wire(7, "bus", Noise(flip=1)).carry(reply)
    assert sum(a != b for a, b in zip(flipped, reply, strict=True)) == 1
    stray = Wire(7, "bus", Noise(garbage=1)).carry(reply)
    assert stray.endswith(reply)
    assert len(stray) > len(reply)


def test_a_collision_holds_the_bits_that_all_left_alone() -> None:
    assert collide([b"\xf0\xff", b"\xcc\xff\x12"]) == b"\xc0\xff\x12"


def test_a_port_that_is_taken_is_told_in_one_line(meter_fleet: MeterFleet) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ScenarioError, match=rf"bus: cannot listen on 127\.0\.0\.1:{port}") as caught:
            meter_fleet(ONE_LINE.replace("delay_ms = 0", f"port = {port}"))
        assert "\n" not in str(caught.value)


def test_a_link_never_replaces_a_file(meter_fleet: MeterFleet, tmp_path: Path) -> None:
    taken = tmp_path / "tty-bus"
    taken.write_text("mine")
    with pytest.raises(ScenarioError, match="is a file already"):
        meter_fleet(SERIAL_LINE.replace('name = "bus"', 'name = "bus"\nlink = "tty-bus"'))
    assert taken.read_text() == "mine"


def test_a_name_that_is_not_there_is_told_with_the_nearest_one(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE)
    for asked in (lambda: fleet.endpoint("bas"), lambda: fleet.port("bas")):
        with pytest.raises(UnknownFault, match="there is no line 'bas'; did you mean 'bus'"):
            asked()
    with pytest.raises(UnknownFault, match="no meter 'hous'; did you mean 'house'"):
        fleet.truth("hous")
