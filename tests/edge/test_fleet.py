"""Whole lines of simulated meters, polled as in the field: what is read is what they measured."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.poller import LinePoller
from edge.settings import LineSettings, MeterSettings
from firmware_sim.pytest_plugin import MeterFleet, RunningFleet
from protocols.models import load
from protocols.mqtt.messages import MeterHealth
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Reading
from tests.edge.lines import hurried, turned
from tests.edge.test_poller import until

SCENARIO = """
seed = 7
[[area]]
id = "A01"
[[area]]
id = "A02"
[[line]]
name = "tcp"
kind = "dlt645-tcp"
echo = true
[[line]]
name = "serial"
kind = "dlt645-serial"
link = "FOLDER/serial"
[[line]]
name = "modbus"
kind = "modbus-tcp"
[[meter]]
id = "A01-00"
address = "202600010000"
model = "dlt645-2007-3p"
area = "A01"
line = "tcp"
role = "area"
aux_supply = true
[[meter]]
id = "A01-01"
address = "202600010001"
model = "dlt645-2007-1p"
area = "A01"
line = "tcp"
phase = "A"
[[meter]]
id = "A01-02"
address = "202600010002"
model = "dlt645-2007-3p"
area = "A01"
line = "tcp"
load = "shop"
[[meter]]
id = "A02-01"
address = "202600020001"
model = "dlt645-2007-3p"
area = "A02"
line = "serial"
load = "factory"
[[meter]]
id = "A02-02"
address = "000000020002"
model = "dlt645-1997-1p"
area = "A02"
line = "serial"
phase = "C"
[[meter]]
id = "A02-03"
unit = 3
model = "eastron-sdm630"
area = "A02"
line = "modbus"
[[meter]]
id = "A02-04"
unit = 4
model = "chint-dtsu666"
area = "A02"
line = "modbus"
"""
LINES = {"tcp": "tcp", "serial": "serial", "modbus": "modbus-tcp"}
METERS = {
    "tcp": [
        MeterSettings(id="A01-00", address="202600010000", model="dlt645-2007-3p", interval_s=1),
        MeterSettings(id="A01-01", address="202600010001", model="dlt645-2007-1p", interval_s=1),
        MeterSettings(id="A01-02", address="202600010002", model="dlt645-2007-3p", interval_s=1),
    ],
    "serial": [
        MeterSettings(id="A02-01", address="202600020001", model="dlt645-2007-3p", interval_s=2),
        MeterSettings(id="A02-02", address="000000020002", model="dlt645-1997-1p", interval_s=2),
    ],
    "modbus": [
        MeterSettings(id="A02-03", unit=3, model="eastron-sdm630", interval_s=1),
        MeterSettings(id="A02-04", unit=4, model="chint-dtsu666", interval_s=1),
    ],
}
TOLERANCE = {"V": 5, "A": 0.2, "Hz": 0.1, "1": 0.02, "°C": 0.2}


class Station:
    """The fleet, a poller for each of its lines, and what they brought."""

    def __init__(self, fleet: RunningFleet, *names: str) -> None:
        self.fleet = fleet
        self.readings: list[Reading] = []
        self.pollers = {name: self._poller(name) for name in names}

    def _poller(self, name: str) -> LinePoller:
        settings = LineSettings.model_validate(
            {
                "name": name,
                "kind": LINES[name],
                "endpoint": self.fleet.endpoint(name),
                "timeout_s": 0.3,
                "meter": [each.model_dump() for each in METERS[name]],
            }
        )
        return LinePoller(hurried(settings, 0.3), SystemClock(), self._accept, 1.0, confirm_s=0.1)

    def _accept(self, reading: Reading) -> bool:
        self.readings.append(reading)
        return True

    def of(self, meter: str) -> list[Reading]:
        return [reading for reading in self.readings if reading.meter == meter]

    def health(self, line: str, meter: str) -> MeterHealth:
        return next(each for each in self.pollers[line].meter_health() if each.meter == meter)


@contextmanager
def station(folder: Path, *names: str) -> Iterator[Station]:
    with ExitStack() as stack:
        fleet = MeterFleet(folder)
        stack.callback(fleet.stop)
        running = Station(fleet(SCENARIO.replace("FOLDER", str(folder))), *names)
        for poller in running.pollers.values():
            poller.start()
            stack.callback(poller.join, 5)
            stack.callback(poller.stop)
        yield running


def believable(station: Station, reading: Reading) -> None:
    """What was read lies where the meter was; a counter between its ends, rounded to 0.01 kWh."""
    model = next(each.model for meters in METERS.values() for each in meters if each.id == reading.meter)
    meter = station.fleet.meter(reading.meter)
    wanted = frozenset(reading.values)
    assert wanted == {point.quantity for point in load(model).points} & set(
        meter.values(reading.at_ms, wanted)
    )
    measured = meter.values(reading.at_ms, wanted)
    for name, value in reading.values.items():
        quantity = QUANTITIES[name]
        if quantity.kind is Kind.COUNTER:
            assert measured[name] - 2000 <= value <= measured[name] + 10, name
        elif quantity.unit in TOLERANCE:
            assert value == pytest.approx(measured[name], abs=TOLERANCE[quantity.unit]), name
        else:
            assert value == pytest.approx(measured[name], rel=0.5, abs=300), name


@pytest.mark.parametrize("name", list(LINES))
def test_every_meter_of_a_line_is_read_as_it_measures(tmp_path: Path, name: str) -> None:
    with station(tmp_path, name) as running:
        until(lambda: all(len(running.of(meter.id)) >= 2 for meter in METERS[name]))
        for reading in running.readings:
            believable(running, reading)
        for meter in METERS[name]:
            counted = [reading.values["energy_import_wh"] for reading in running.of(meter.id)]
            assert counted == sorted(counted)
            assert running.health(name, meter.id).unanswered == 0


def test_an_outage_silences_the_customers_while_the_area_meter_shows_no_voltage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "edge.poller")
    with station(tmp_path, "tcp") as running:
        until(lambda: all(running.of(meter.id) for meter in METERS["tcp"]))
        running.fleet.fault("area-out", "A01")
        began = time.monotonic()
        until(lambda: {"A01-01", "A01-02"} <= set(turned(caplog)))
        assert time.monotonic() - began < 10
        until(lambda: running.of("A01-00")[-1].values["voltage_l1_v"] == 0.0)
        assert running.health("tcp", "A01-00").unanswered == 0
        assert running.pollers["tcp"].line_health().connected
        running.fleet.clear("area-out", "A01")
        until(lambda: turned(caplog).count("A01-01") == 2 and turned(caplog).count("A01-02") == 2)
        assert running.health("tcp", "A01-01").unanswered == 0


@pytest.mark.parametrize(("name", "meter"), [("tcp", "A01-01"), ("serial", "A02-02"), ("modbus", "A02-04")])
def test_one_dead_meter_does_not_take_its_neighbours_along(
    tmp_path: Path, name: str, meter: str, caplog: pytest.LogCaptureFixture
) -> None:
    with station(tmp_path, name) as running:
        until(lambda: all(running.of(each.id) for each in METERS[name]))
        running.fleet.fault("meter-dead", meter)
        until(lambda: turned(caplog) == [meter])
        others = [each.id for each in METERS[name] if each.id != meter]
        before = {other: len(running.of(other)) for other in others}
        until(lambda: all(len(running.of(other)) >= before[other] + 2 for other in others))
        assert turned(caplog) == [meter]


@pytest.mark.parametrize("name", list(LINES))
def test_a_line_that_is_down_is_told_and_accuses_no_meter(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with station(tmp_path, *LINES) as running:
        until(lambda: all(running.of(meter.id) for meters in METERS.values() for meter in meters))
        running.fleet.fault("line-down", name)
        until(lambda: not running.pollers[name].line_health().connected)
        others = [meter.id for line, meters in METERS.items() if line != name for meter in meters]
        before = {other: len(running.of(other)) for other in others}
        until(lambda: all(len(running.of(other)) > before[other] for other in others))
        running.fleet.clear("line-down", name)
        after = {meter.id: len(running.of(meter.id)) for meter in METERS[name]}
        until(lambda: all(len(running.of(each)) > count for each, count in after.items()), 40)
        assert running.pollers[name].line_health().connected
        assert not turned(caplog)


def test_a_noisy_line_gives_fewer_readings_and_never_a_wrong_one(tmp_path: Path) -> None:
    with station(tmp_path, "tcp") as running:
        running.fleet.fault("line-noise", "tcp")
        until(lambda: len(running.readings) >= 6, 60)
        for reading in running.readings:
            believable_part(running, reading)
        said = running.pollers["tcp"].line_health()
        assert said.noise_bytes + said.bad_frames > 0


def believable_part(station: Station, reading: Reading) -> None:
    measured = station.fleet.meter(reading.meter).values(reading.at_ms, frozenset(reading.values))
    for name, value in reading.values.items():
        if QUANTITIES[name].kind is Kind.COUNTER:
            assert measured[name] - 2000 <= value <= measured[name] + 10, name
        if name.startswith("voltage"):
            assert value == pytest.approx(measured[name], abs=5), name
