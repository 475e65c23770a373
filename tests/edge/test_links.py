"""Lines: opened, lost, emptied, and left at once when told to stop."""

import socket
import time
from collections.abc import Iterator
from threading import Timer

import pytest

from edge.links import Interrupted, Link, LinkDown, SerialLink, TcpLink, link_of
from edge.settings import LineSettings
from protocols.dlt645.frame import Frame, encode
from tests.edge.wire import TcpWire, Wire, dlt645_ear, wire_of
from tests.programs import free_port

ASK = encode(Frame("000000000001", 0x11, b"\x00\x00\x01\x00"))


def line(wire: Wire[Frame], kind: str) -> LineSettings:
    meter = {"id": "m1", "model": "dlt645-2007-1p", "address": "000000000001"}
    return LineSettings.model_validate(
        {"name": "l1", "kind": kind, "endpoint": wire.endpoint, "meter": [meter]}
    )


@pytest.fixture(params=["tcp", "serial"])
def told(request: pytest.FixtureRequest) -> Iterator[tuple[Wire[Frame], Link]]:
    """A wire that answers each request with "first", and the link to it, open."""
    with wire_of(request.param, lambda _: [b"first"]) as wire:
        link = link_of(line(wire, request.param))
        link.open()
        yield wire, link
        link.close()


def read_all(link: Link, count: int) -> bytes:
    data, end = b"", time.monotonic() + 5
    while len(data) < count and time.monotonic() < end:
        data += link.read(0.1)
    return data


def test_bytes_go_both_ways(told: tuple[Wire[Frame], Link]) -> None:
    wire, link = told
    link.write(ASK)
    assert read_all(link, 5) == b"first"
    assert [frame.address for frame in wire.requests] == ["000000000001"]


def test_nothing_to_read_is_no_bytes_after_the_time_out(told: tuple[Wire[Frame], Link]) -> None:
    _, link = told
    assert link.read(0.01) == b""


def test_late_bytes_are_discarded_and_counted(told: tuple[Wire[Frame], Link]) -> None:
    _, link = told
    link.write(ASK)
    end = time.monotonic() + 5
    thrown = 0
    while thrown < 5 and time.monotonic() < end:
        thrown += link.discard()
    assert thrown == 5
    assert link.read(0) == b""


def test_an_interrupt_ends_a_long_wait_at_once(told: tuple[Wire[Frame], Link]) -> None:
    _, link = told
    Timer(0.05, link.interrupt).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        link.read(30)
    assert time.monotonic() - began < 5
    with pytest.raises(Interrupted):
        link.read(30)


def test_a_closed_link_is_down(told: tuple[Wire[Frame], Link]) -> None:
    _, link = told
    link.close()
    link.close()
    assert not link.connected
    for use in (lambda: link.write(ASK), lambda: link.read(1), link.discard):
        with pytest.raises(LinkDown, match="not open"):
            use()


def test_open_is_idempotent(told: tuple[Wire[Frame], Link]) -> None:
    wire, link = told
    link.open()
    assert link.connected
    assert wire.connections <= 1


def test_a_refused_connection_is_told_at_once_with_its_address() -> None:
    link = TcpLink("127.0.0.1", free_port())
    with pytest.raises(LinkDown, match=r"127\.0\.0\.1:\d+: cannot connect"):
        link.open()
    assert not link.connected


def test_a_name_nobody_knows_is_a_line_that_is_down() -> None:
    with pytest.raises(LinkDown, match="cannot connect"):
        TcpLink("meter.invalid", 4001).open()


def test_a_connection_the_other_side_closes_is_down_and_can_be_opened_again() -> None:
    with TcpWire(lambda _: [b"hello"], dlt645_ear) as wire:
        link = TcpLink(*line(wire, "tcp").host_port)
        link.open()
        link.write(ASK)
        assert read_all(link, 5) == b"hello"
        wire.cut()
        with pytest.raises(LinkDown, match="closed"):
            link.read(5)
        assert not link.connected
        link.open()
        link.write(ASK)
        assert read_all(link, 5) == b"hello"
        link.close()


def test_distrust_leaves_a_late_answer_on_the_old_connection() -> None:
    with TcpWire(lambda _: [], dlt645_ear) as wire:
        link = TcpLink(*line(wire, "tcp").host_port)
        link.open()
        link.write(ASK)
        link.distrust()
        assert link.connected
        wire.react = lambda _: [b"new"]
        link.write(ASK)
        assert read_all(link, 3) == b"new"
        assert wire.connections == 2
        link.close()


def test_a_device_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(LinkDown, match="/dev/no-such-port: cannot open"):
        SerialLink("/dev/no-such-port").open()


def test_two_masters_on_one_device_are_refused() -> None:
    with wire_of("serial", lambda _: []) as wire:
        first, second = SerialLink(wire.endpoint), SerialLink(wire.endpoint)
        first.open()
        with pytest.raises(LinkDown, match="cannot open"):
            second.open()
        first.close()
        second.open()
        second.close()


def test_a_device_that_goes_away_is_down() -> None:
    with wire_of("serial", lambda _: []) as wire:
        link = SerialLink(wire.endpoint)
        link.open()
    with pytest.raises(LinkDown):
        link.read(5)
    assert not link.connected


def test_a_connection_that_is_never_taken_up_can_be_interrupted() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        address = busy.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(address)
        link = TcpLink(*address)
        Timer(0.1, link.interrupt).start()
        began = time.monotonic()
        with pytest.raises(Interrupted):
            link.open()
        assert time.monotonic() - began < 4
        for each in fillers:
            each.close()
