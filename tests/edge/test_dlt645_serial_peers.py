"""DL/T 645 over serial devices: socat's wire between them, and the PyPI package dlt645 on the other end."""

import json
import subprocess
from pathlib import Path

import pytest

from firmware_sim import history
from firmware_sim.clock import ManualClock
from firmware_sim.pytest_plugin import MeterFleet
from tests.edge.lines import ADDRESS, dlt645_driver, line, meter
from tests.programs import require_program

PEER = Path(__file__).parents[1] / "system" / "peers" / "dlt645"
HOUSE, NOON_MS = "202600010001", 1_795_320_000_000
SCENARIO = f"""
seed = 7
[[area]]
id = "A01"
[[line]]
name = "bus"
kind = "tcp"
delay_ms = 20
[[meter]]
id = "house"
address = "{HOUSE}"
model = "dlt645-2007-1p"
area = "A01"
line = "bus"
"""


def test_the_packages_meter_is_read_through_a_serial_device(
    dlt645_peer_python: Path, serial_pair: tuple[str, str]
) -> None:
    ours, theirs = serial_pair
    command = [str(dlt645_peer_python), str(PEER / "server.py"), ADDRESS, theirs]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        assert peer.stdout is not None
        assert peer.stdin is not None
        assert json.loads(peer.stdout.readline()) == {"port": theirs}
        driver = dlt645_driver(line(ours, kind="serial", baud=9600, parity="even", timeout_s=2.0))
        driver.open()
        try:
            values = driver.read(meter())
            assert (values["energy_import_wh"], values["voltage_l1_v"]) == (2_149_400, 230.1)
            assert (values["power_w"], values["frequency_hz"]) == (345.0, 50.01)
            assert driver.bad_frames == 0
        finally:
            driver.close()
            peer.stdin.close()


def test_the_packages_master_reads_a_simulated_bus_through_a_serial_device(
    meter_fleet: MeterFleet, dlt645_peer_python: Path, serial_pair: tuple[str, str]
) -> None:
    socat = require_program("socat")
    fleet = meter_fleet(SCENARIO, ManualClock(NOON_MS))
    theirs, far_end = serial_pair
    bridge = [str(socat), f"{far_end},raw,echo=0", f"TCP:127.0.0.1:{fleet.port('bus')}"]
    with subprocess.Popen(bridge) as between:
        read = subprocess.run(
            [dlt645_peer_python, PEER / "client.py", theirs, HOUSE],
            check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        between.terminate()
    told, truth = json.loads(read.stdout), history.polled(fleet.meter("house"), NOON_MS)
    assert told["address"] == HOUSE
    assert told["energy_kwh"] == pytest.approx(truth["energy_import_wh"] / 1000, abs=1e-9)
    assert told["voltage_v"] == pytest.approx(truth["voltage_l1_v"])
    assert told["power_kw"] == pytest.approx(truth["power_w"] / 1000)


def test_our_driver_reads_a_simulated_bus_through_a_serial_device(
    meter_fleet: MeterFleet, serial_pair: tuple[str, str]
) -> None:
    """The wire is made quiet after a time-out: what came late is not there when the meter is asked again."""
    socat = require_program("socat")
    fleet = meter_fleet(SCENARIO, ManualClock(NOON_MS))
    ours, far_end = serial_pair
    house = meter(HOUSE, model="dlt645-2007-1p")
    with subprocess.Popen(
        [str(socat), f"{far_end},raw,echo=0", f"TCP:127.0.0.1:{fleet.port('bus')}"]
    ) as bridge:
        driver = dlt645_driver(line(ours, house, kind="serial", baud=2400, timeout_s=0.5))
        driver.open()
        try:
            assert driver.read(house) == history.polled(fleet.meter("house"), NOON_MS)
            fleet.fault("late-reply", "house", nth=1, delay_s=0.7)
            assert driver.read(house) == history.polled(fleet.meter("house"), NOON_MS)
            assert "late-reply" in {entry.fate for entry in fleet.transcript}
        finally:
            driver.close()
            bridge.terminate()
