"""The relay to the broker: it carries bytes both ways, and `gateway-dark` cuts and refuses."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from firmware_sim.pytest_plugin import MeterFleet
from tests.firmware_sim.texts import ONE_LINE


@pytest.fixture
def broker() -> Iterator[int]:
    """A TCP server that gives back in capitals what it is told; its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                while data := _received(connection):
                    connection.sendall(data.upper())

    thread = Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(100)
    except ConnectionError:
        return b""


def with_gateway(broker: int) -> str:
    gateway = (
        f'[[gateway]]\nid = "gw"\narea = "A01"\nsupply_file = "gw.supply"\nbroker = "127.0.0.1:{broker}"\n'
    )
    return ONE_LINE + gateway


def dial(uplink: str) -> socket.socket:
    host, _, port = uplink.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def test_bytes_go_to_the_broker_and_back_until_the_gateway_is_dark(
    meter_fleet: MeterFleet, broker: int
) -> None:
    fleet = meter_fleet(with_gateway(broker))
    uplink = fleet.uplink("gw")
    with dial(uplink) as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"HELLO"
        fleet.fault("gateway-dark", "gw")
        assert _received(connection) == b""
    with pytest.raises(ConnectionRefusedError):
        dial(uplink)
    fleet.clear("gateway-dark", "gw")
    assert fleet.uplink("gw") == uplink
    with dial(uplink) as connection:
        connection.sendall(b"again")
        assert connection.recv(100) == b"AGAIN"


def test_without_a_broker_the_gateway_is_hung_up_on(meter_fleet: MeterFleet, broker: int) -> None:
    fleet = meter_fleet(with_gateway(1))
    with dial(fleet.uplink("gw")) as connection:
        assert _received(connection) == b""


def test_the_supply_file_follows_the_mains_of_the_area(
    meter_fleet: MeterFleet, broker: int, tmp_path: Path
) -> None:
    fleet, file = meter_fleet(with_gateway(broker)), tmp_path / "gw.supply"
    assert file.read_text() == "1\n"
    fleet.fault("area-out", "A01")
    assert file.read_text() == "0\n"
    fleet.clear("area-out", "A01")
    assert file.read_text() == "1\n"
    fleet.fault("phase-lost", "A01:A")
    assert file.read_text() == "1\n"
    assert fleet.ready["gateways"] == [
        {"id": "gw", "area": "A01", "uplink": fleet.uplink("gw"), "supply_file": str(file)}
    ]
