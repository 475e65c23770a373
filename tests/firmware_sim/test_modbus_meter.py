"""Modbus meters: other people's masters read them; the dead and the unknown are silent, not exceptions."""

import re
import socket
import struct
import subprocess

import pytest

from firmware_sim import history
from firmware_sim.clock import ManualClock
from firmware_sim.modbus_bus import RtuSlaves
from firmware_sim.pytest_plugin import MeterFleet, RunningFleet
from firmware_sim.registers import registers_of
from protocols import models
from protocols.modbus.rtu import read_reply, read_request
from protocols.modbus.values import Reader
from protocols.models import values_from_registers
from tests.firmware_sim.texts import MODBUS_LINE, NOON_MS
from tests.programs import require_program

AREA, WORKSHOP = 1, 2


def ask(fleet: RunningFleet, unit: int, fc: int, address: int, count: int, patience_s: float = 5.0) -> bytes:
    """The reply's PDU; empty when nobody answers."""
    with socket.create_connection(("127.0.0.1", fleet.port("modbus")), timeout=patience_s) as connection:
        connection.sendall(struct.pack(">HHHBBHH", 7, 0, 6, unit, fc, address, count))
        try:
            reply = connection.recv(300)
        except TimeoutError:
            return b""
    assert reply[:4] == b"\0\x07\0\0"
    assert reply[6] == unit
    return reply[7:]


def silent(fleet: RunningFleet, unit: int) -> bool:
    return ask(fleet, unit, 4, 0, 2, 0.25) == b""


def words(pdu: bytes) -> list[int]:
    return list(struct.unpack(f">{pdu[1] // 2}H", pdu[2:]))


@pytest.mark.parametrize(("unit", "name"), [(AREA, "area"), (WORKSHOP, "workshop")])
def test_a_gateway_reads_what_the_meter_measures(meter_fleet: MeterFleet, unit: int, name: str) -> None:
    fleet = meter_fleet(MODBUS_LINE, ManualClock(NOON_MS))
    model = fleet.meter(name).model
    found: dict[tuple[int, int], int] = {}
    for request in model.requests():
        pdu = ask(fleet, unit, request.fc, request.address, request.count)
        assert pdu[0] == request.fc
        found |= {(request.fc, request.address + at): word for at, word in enumerate(words(pdu))}
    assert values_from_registers(model, found) == history.polled(fleet.meter(name), NOON_MS)


def test_mbpoll_reads_the_floats_of_an_sdm630(meter_fleet: MeterFleet) -> None:
    mbpoll = require_program("mbpoll")
    fleet = meter_fleet(MODBUS_LINE, ManualClock(NOON_MS))
    polled = subprocess.run(
        [mbpoll, "-m", "tcp", "-p", str(fleet.port("modbus")), "-a", "1", "-t", "3:float", "-B", "-r", "1",
         "-c", "3", "-1", "127.0.0.1"],
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    seen = [float(value) for value in re.findall(r"^\[\d\]:\s+([0-9.]+)", polled.stdout, re.MULTILINE)]
    wanted = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v")
    exact = fleet.meter("area").values(NOON_MS, frozenset(wanted))
    assert seen == pytest.approx([exact[name] for name in wanted], abs=1e-3)


def test_an_unknown_unit_is_silent(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(MODBUS_LINE)
    assert silent(fleet, 99)
    assert silent(fleet, 0)
    assert not silent(fleet, AREA)


def test_a_dead_or_unpowered_meter_is_silent_and_one_with_auxiliary_supply_says_0_volts(
    meter_fleet: MeterFleet,
) -> None:
    fleet = meter_fleet(MODBUS_LINE)
    fleet.fault("meter-dead", "area")
    assert silent(fleet, AREA)
    fleet.clear("meter-dead", "area")
    fleet.fault("area-out", "A06")
    assert ask(fleet, WORKSHOP, 3, 0x2006, 2, 0.25) == b""
    assert words(ask(fleet, AREA, 4, 0, 2)) == [0, 0]
    fleet.clear("area-out", "A06")
    assert words(ask(fleet, WORKSHOP, 3, 0x2006, 2)) != [0, 0]


@pytest.mark.parametrize(
    ("unit", "fc", "address", "code"),
    [(AREA, 3, 0, 1), (WORKSHOP, 4, 0x2006, 1), (AREA, 4, 0x7000, 2), (AREA, 6, 0, 1)],
)
def test_what_the_meter_has_not_is_an_exception(
    meter_fleet: MeterFleet, unit: int, fc: int, address: int, code: int
) -> None:
    assert ask(meter_fleet(MODBUS_LINE), unit, fc, address, 2) == bytes((fc | 0x80, code))


def test_a_line_that_is_cut_is_silent_and_one_that_is_down_refuses(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(MODBUS_LINE)
    port = fleet.port("modbus")
    fleet.fault("line-cut", "modbus")
    assert silent(fleet, AREA)
    fleet.clear("line-cut", "modbus")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(struct.pack(">HHHBBHH", 7, 0, 6, AREA, 4, 0, 2))
        assert connection.recv(300)
        fleet.fault("line-down", "modbus")
        assert connection.recv(10) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    fleet.clear("line-down", "modbus")
    assert not silent(fleet, AREA)
    assert fleet.port("modbus") == port


def test_noise_spoils_modbus_as_well(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(MODBUS_LINE.replace("delay_ms = 0", "delay_ms = 0\nnoise = {loss = 1.0}"))
    assert silent(fleet, AREA)


MODELS = [name for name in models.names() if models.load(name).protocol == "modbus"]


def every_model(kind: str = "modbus-tcp") -> str:
    """One line with a meter of each Modbus model, its unit being its place in MODELS."""
    head = f'seed = 7\n[[area]]\nid = "A06"\n[[line]]\nname = "modbus"\nkind = "{kind}"\ndelay_ms = 0\n'
    meters = (
        f'[[meter]]\nid = "{name}"\nunit = {unit}\nmodel = "{name}"\narea = "A06"\nline = "modbus"\n'
        for unit, name in enumerate(MODELS, 1)
    )
    return head + "".join(meters)


def test_every_model_is_read_as_it_measures(meter_fleet: MeterFleet) -> None:
    """Over Modbus TCP and, byte for byte the same registers, as RTU."""
    fleet = meter_fleet(every_model(), ManualClock(NOON_MS))
    for unit, name in enumerate(MODELS, 1):
        meter = fleet.meter(name)
        slaves = RtuSlaves([meter], ManualClock(NOON_MS))
        start = (
            registers_of(meter.model).points[meter.model.points[0].fc][0].address
            - meter.model.points[0].address
        )
        values: dict[str, float] = {}
        for request in meter.model.requests():
            pdu = ask(fleet, unit, request.fc, start + request.address, request.count)
            asked = read_request(unit, request.fc, start + request.address, request.count)
            heard = slaves.hear(asked)
            assert heard is not None
            assert words(pdu) == read_reply(asked, heard)
            values |= Reader(request.points, request.address, request.count).values(words(pdu))
        assert values == history.polled(meter, NOON_MS)
        assert "energy_import_wh" in values


def test_a_read_longer_than_the_meter_allows_is_refused(meter_fleet: MeterFleet) -> None:
    unit = MODELS.index("gavazzi-em24") + 1
    assert ask(meter_fleet(every_model()), unit, 4, 0x0C, 12) == b"\x84\x03"


def test_an_exchange_brings_another_unit_and_a_dip_silence_until_it_has_booted(
    meter_fleet: MeterFleet,
) -> None:
    fleet = meter_fleet(MODBUS_LINE, ManualClock(NOON_MS))
    assert not silent(fleet, WORKSHOP)
    fleet.fault("exchange", "workshop:9,12.5")
    assert silent(fleet, WORKSHOP)
    model = fleet.meter("workshop").model
    first = model.requests()[0]
    assert ask(fleet, 9, first.fc, first.address, first.count)[0] == first.fc
    assert fleet.transcript.of(what="reply")[-1].who == "workshop"
    fleet.fault("brown-out", "area")
    assert silent(fleet, AREA)
    fleet.advance(6)
    assert not silent(fleet, AREA)
