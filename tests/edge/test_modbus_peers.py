"""Programs that are not ours: our driver reads libmodbus, and mbpoll reads the simulated meters."""

import ctypes.util
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.drivers.mixed import LineDriver
from edge.drivers.modbus import ModbusDriver
from edge.links import NoReply
from edge.settings import LineSettings, MeterSettings
from firmware_sim import history
from firmware_sim.clock import ManualClock
from firmware_sim.pytest_plugin import MeterFleet
from protocols import models
from protocols.errors import Refused
from tests.edge.lines import line
from tests.programs import require_program

SERVER = Path(__file__).with_name("libmodbus_server.py")
MODELS = [name for name in models.names() if models.load(name).protocol == "modbus"]
NOON_MS = 1_795_320_000_000
WORDS = 0x100
UNIT = 17


def registers() -> str:
    """Each pair of registers is a float32: 231, 232, 233 ... by its place; in hex."""
    return struct.pack(f">{WORDS // 2}f", *(231.0 + at for at in range(WORDS // 2))).hex()


@contextmanager
def libmodbus(*how: str) -> Iterator[str]:
    """The first line that the server says."""
    if ctypes.util.find_library("modbus") is None:
        lacking = "libmodbus is not installed: apt-get install libmodbus5"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(lacking)
    command = [sys.executable, str(SERVER), *how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdin.write(registers() + "\n")
            server.stdin.flush()
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def sdm630(unit: int = UNIT) -> MeterSettings:
    return MeterSettings(id="m1", model="eastron-sdm630", unit=unit)


def floats() -> dict[str, float]:
    """What an SDM630 with those registers measures."""
    model = models.load("eastron-sdm630")
    found = {point.quantity: (231.0 + point.address // 2) * point.factor for point in model.points}
    return {name: round(value) if name.endswith("h") else value for name, value in found.items()}


def driver_of(on: LineSettings) -> ModbusDriver:
    return ModbusDriver(on, {each.model: models.load(each.model) for each in on.meters})


def read_and_refused(driver: ModbusDriver) -> None:
    """All quantities are read; an address that libmodbus does not have is refused, and by its name."""
    driver.open()
    try:
        assert driver.read(sdm630()) == floats()
        with pytest.raises(Refused, match="illegal data address"):
            driver.registers(sdm630(), 4, WORDS, 2)
        assert driver.registers(sdm630(), 3, 0, 2) == list(struct.unpack(">HH", struct.pack(">f", 231.0)))
        assert (driver.noise_bytes, driver.bad_frames) == (0, 0)
    finally:
        driver.close()


def test_libmodbus_is_read_over_tcp() -> None:
    with libmodbus("tcp") as port:
        read_and_refused(driver_of(line(f"127.0.0.1:{port}", sdm630(), kind="modbus-tcp", timeout_s=2.0)))


def test_libmodbus_is_read_over_a_serial_line(serial_pair: tuple[str, str]) -> None:
    ours, theirs = serial_pair
    with libmodbus("rtu", theirs, str(UNIT)) as said:
        assert said == "ready"
        settings = line(ours, sdm630(), kind="modbus-rtu", timeout_s=2.0, baud=9600, parity="none")
        read_and_refused(driver_of(settings))


def test_libmodbus_does_not_answer_for_another_unit(serial_pair: tuple[str, str]) -> None:
    ours, theirs = serial_pair
    with libmodbus("rtu", theirs, str(UNIT)):
        driver = driver_of(line(ours, sdm630(UNIT + 1), kind="modbus-rtu", baud=9600, parity="none"))
        driver.open()
        with pytest.raises(NoReply):
            driver.read(sdm630(UNIT + 1))
        driver.close()


def station(kind: str, link: str = "") -> str:
    """One line with a meter of every Modbus model and, where the line is a bus, a DL/T 645 meter."""
    head = f'seed = 7\n[[area]]\nid = "A06"\n[[line]]\nname = "bus"\nkind = "{kind}"\ndelay_ms = 0\n{link}'
    meters = "".join(
        f'[[meter]]\nid = "{name}"\nunit = {unit}\nmodel = "{name}"\narea = "A06"\nline = "bus"\n'
        for unit, name in enumerate(MODELS, 1)
    )
    beside = (
        '[[meter]]\nid = "beside"\naddress = "202600010001"\nmodel = "dlt645-2007-1p"\narea = "A06"\n'
        'line = "bus"\n'
    )
    return head + meters + (beside if kind in ("tcp", "serial") else "")


def meters_of(kind: str) -> list[MeterSettings]:
    found = [MeterSettings(id=name, model=name, unit=unit) for unit, name in enumerate(MODELS, 1)]
    beside = MeterSettings(id="beside", model="dlt645-2007-1p", address="202600010001")
    return [*found, *([beside] if kind in ("tcp", "serial") else [])]


@pytest.mark.parametrize("kind", ["modbus-tcp", "tcp", "serial"])
def test_every_model_is_read_by_the_driver_on_every_kind_of_line(meter_fleet: MeterFleet, kind: str) -> None:
    """SunSpec maps are searched for; on a bus DL/T 645 and Modbus RTU meters answer side by side."""
    fleet = meter_fleet(station(kind), ManualClock(NOON_MS))
    on = line(fleet.endpoint("bus"), *meters_of(kind), kind=kind, timeout_s=2.0)
    driver = LineDriver(on, {each.model: models.load(each.model) for each in on.meters})
    driver.open()
    try:
        for each in on.meters:
            assert driver.read(each) == history.polled(fleet.meter(each.id), NOON_MS)
        assert (driver.noise_bytes, driver.bad_frames) == (0, 0)
    finally:
        driver.close()


def polled(*arguments: str) -> list[float]:
    """The numbers that mbpoll shows."""
    mbpoll = require_program("mbpoll")
    said = subprocess.run([mbpoll, *arguments], check=True, capture_output=True, text=True, timeout=30).stdout
    return [float(number) for number in re.findall(r"^\[\d+\]:\s+(-?[0-9.]+)", said, re.MULTILINE)]


MBPOLL_READS = [
    ("eastron-sdm630", ("-t", "3:float", "-B", "-r", "1", "-c", "3"), "voltage_l{}_v", 1),
    ("janitza-umg96rm-e", ("-t", "4:float", "-B", "-r", "19001", "-c", "3"), "voltage_l{}_v", 1),
    ("abb-b2x", ("-t", "4:int", "-B", "-r", "23297", "-c", "3"), "voltage_l{}_v", 0.1),
    ("gavazzi-em340", ("-t", "3:int", "-r", "1", "-c", "3"), "voltage_l{}_v", 0.1),
]  # fmt: skip


@pytest.mark.parametrize(("model", "how", "names", "step"), MBPOLL_READS)
@pytest.mark.parametrize("kind", ["modbus-tcp", "serial"])
def test_mbpoll_reads_simulated_meters(
    meter_fleet: MeterFleet, kind: str, model: str, how: tuple[str, ...], names: str, step: float
) -> None:
    fleet = meter_fleet(station(kind), ManualClock(NOON_MS))
    unit = str(MODELS.index(model) + 1)
    if kind == "serial":
        seen = polled("-m", "rtu", "-b", "9600", "-P", "none", "-a", unit, *how, "-1", fleet.endpoint("bus"))
    else:
        seen = polled("-m", "tcp", "-p", str(fleet.port("bus")), "-a", unit, *how, "-1", "127.0.0.1")
    wanted = [names.format(phase) for phase in (1, 2, 3)]
    exact = fleet.meter(model).values(NOON_MS, frozenset(wanted))
    assert [value * step for value in seen] == pytest.approx([exact[name] for name in wanted], abs=step)


def test_mbpoll_reads_a_simulated_bus_through_a_socat_pair(
    meter_fleet: MeterFleet, serial_pair: tuple[str, str]
) -> None:
    """mbpoll's serial device and the bus behind a serial server, with socat between them."""
    socat = require_program("socat")
    fleet = meter_fleet(station("tcp"), ManualClock(NOON_MS))
    theirs, far_end = serial_pair
    unit = str(MODELS.index("eastron-sdm630") + 1)
    bridge = [str(socat), f"{far_end},raw,echo=0", f"TCP:127.0.0.1:{fleet.port('bus')}"]
    with subprocess.Popen(bridge) as between:
        seen = polled(
            "-m", "rtu", "-b", "9600", "-P", "none", "-a", unit, "-t", "3:float", "-B", "-r", "1", "-c", "1",
            "-1", theirs,
        )  # fmt: skip
        between.terminate()
    exact = fleet.meter("eastron-sdm630").values(NOON_MS, frozenset(["voltage_l1_v"]))
    assert seen == pytest.approx([exact["voltage_l1_v"]], abs=1e-3)
