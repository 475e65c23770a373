"""Other people's master reads our meters: the package dlt645 of PyPI, in its own environment."""

import json
import subprocess
from pathlib import Path

import pytest

from firmware_sim import history
from firmware_sim.clock import ManualClock
from firmware_sim.pytest_plugin import MeterFleet
from tests.firmware_sim.texts import HOUSE, NOON_MS, ONE_METER

CLIENT = Path(__file__).parents[1] / "system" / "peers" / "dlt645" / "client.py"


def test_the_package_dlt645_reads_address_energy_and_variables(
    meter_fleet: MeterFleet, dlt645_peer_python: Path
) -> None:
    fleet = meter_fleet(ONE_METER, ManualClock(NOON_MS))
    read = subprocess.run(
        [dlt645_peer_python, CLIENT, str(fleet.port("bus")), HOUSE],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    told = json.loads(read.stdout)
    truth = history.polled(fleet.meter("house"), NOON_MS)
    assert told["address"] == HOUSE
    assert told["energy_kwh"] == pytest.approx(truth["energy_import_wh"] / 1000, abs=1e-9)
    assert told["voltage_v"] == pytest.approx(truth["voltage_l1_v"])
    assert told["power_kw"] == pytest.approx(truth["power_w"] / 1000)
    assert told["frequency_hz"] == pytest.approx(truth["frequency_hz"])
    assert told["unknown"]
    assert told["date"] == "26112200"  # YYMMDDWW, a Sunday
