"""A meter that others wrote: the server of the PyPI package dlt645, without blocks, with its own habits."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.drivers.dlt645 import Dlt645Driver
from edge.links import LinkDown
from protocols.errors import Refused
from tests.edge.lines import ADDRESS, OTHER, dlt645_driver, line, meter
from tests.edge.test_poller import until

SERVER = Path(__file__).parents[1] / "system" / "peers" / "dlt645" / "server.py"


@pytest.fixture(scope="module")
def peer_endpoint(dlt645_peer_python: Path) -> Iterator[str]:
    with subprocess.Popen(
        [dlt645_peer_python, SERVER, ADDRESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        assert peer.stdout is not None
        yield f"127.0.0.1:{json.loads(peer.stdout.readline())['port']}"
        assert peer.stdin is not None
        peer.stdin.close()


@pytest.fixture
def driver(peer_endpoint: str) -> Iterator[Dlt645Driver]:
    made = dlt645_driver(line(peer_endpoint, timeout_s=2))
    until(lambda: opened(made))
    yield made
    made.close()


def opened(made: Dlt645Driver) -> bool:
    try:
        made.open()
    except LinkDown:
        return False
    return True


def test_its_values_are_read_singly_since_it_has_no_blocks(driver: Dlt645Driver) -> None:
    values = driver.read(meter())
    assert (
        values.items()
        >= {
            "energy_import_wh": 2_149_400,
            "energy_import_t1_wh": 530_400,
            "energy_export_wh": 1_200,
            "voltage_l1_v": 230.1,
            "voltage_l2_v": 230.2,
            "current_l1_a": 1.5,
            "power_w": 345.0,
            "power_factor": 0.99,
            "frequency_hz": 50.01,
        }.items()
    )
    assert driver.bad_frames == 0
    assert driver.read(meter()) == values


def test_its_refusal_of_other_addresses_is_no_reading_of_theirs(driver: Dlt645Driver) -> None:
    """It answers for every address where a meter has to be silent: a refusal, never a value."""
    with pytest.raises(Refused):
        driver.read(meter(OTHER))
