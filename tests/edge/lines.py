"""Line settings and drivers for tests, and the values of a meter as a wire shows them."""

import re
from typing import Any

import pytest

from edge.drivers.dlt645 import Dlt645Driver
from edge.drivers.modbus import ModbusDriver
from edge.settings import LineSettings, MeterSettings
from protocols.models import load

ADDRESS = "202107072529"
OTHER = "202107072530"
SINGLE_PHASE = {
    "00010000": "00021494", "02010100": "2301", "02020100": "001500", "02030000": "003450",
}  # fmt: skip
THREE_PHASE_BLOCKS = {
    "0001FF00": ["00021494", "00005304", "00005374", "00005403", "00005411"],
    "0002FF00": ["00000012", "00000011", "00000001", "00000000", "00000000"],
    "0201FF00": ["2301", "2302", "2303"],
    "0202FF00": ["001500", "001600", "001700"],
    "0203FF00": ["003450", "001150", "001150", "001150"],
    "0204FF00": ["000300", "000100", "000100", "000100"],
    "0206FF00": ["0990", "0991", "0992", "0993"],
    "02800002": ["5001"],
}
THREE_PHASE_VALUES = {
    "energy_import_wh": 214940, "energy_import_t1_wh": 53040, "energy_import_t2_wh": 53740,
    "energy_import_t3_wh": 54030, "energy_import_t4_wh": 54110,
    "energy_export_wh": 120, "energy_export_t1_wh": 110, "energy_export_t2_wh": 10,
    "energy_export_t3_wh": 0, "energy_export_t4_wh": 0,
    "voltage_l1_v": 230.1, "voltage_l2_v": 230.2, "voltage_l3_v": 230.3,
    "current_l1_a": 1.5, "current_l2_a": 1.6, "current_l3_a": 1.7,
    "power_w": 345.0, "power_l1_w": 115.0, "power_l2_w": 115.0, "power_l3_w": 115.0,
    "reactive_power_var": 30.0, "reactive_power_l1_var": 10.0, "reactive_power_l2_var": 10.0,
    "reactive_power_l3_var": 10.0,
    "power_factor": 0.99, "power_factor_l1": 0.991, "power_factor_l2": 0.992, "power_factor_l3": 0.993,
    "frequency_hz": 50.01,
}  # fmt: skip


def bcd(*digits: str) -> bytes:
    """Numbers as a meter sends them, one behind the other: BCD, low byte first."""
    return b"".join(bytes.fromhex(each)[::-1] for each in digits)


def blocks() -> dict[str, bytes]:
    """A three-phase meter that answers blocks."""
    return {di: bcd(*digits) for di, digits in THREE_PHASE_BLOCKS.items()}


def singles() -> dict[str, bytes]:
    """The same meter without blocks, as many single-phase meters and simple ones are."""
    model = load("dlt645-2007-3p")
    items = {"02800002": bcd(*THREE_PHASE_BLOCKS["02800002"])}
    for block in model.blocks:
        for point, digits in zip(block.points, THREE_PHASE_BLOCKS[block.di], strict=True):
            items[point.di] = bcd(digits)
    return items


def meter(
    address: str | None = ADDRESS, model: str = "dlt645-2007-3p", id_: str = "m1", **more: Any
) -> MeterSettings:
    return MeterSettings(id=id_, model=model, address=address, **more)


def line(endpoint: str, *meters: MeterSettings, kind: str = "tcp", **more: Any) -> LineSettings:
    """A line whose time-out is short, so that silence costs a test little."""
    told = {"name": "l1", "kind": kind, "endpoint": endpoint, "timeout_s": 0.2, "baud": 115200}
    return LineSettings.model_validate(
        told | more | {"meter": [each.model_dump() for each in meters or [meter()]]}
    )


def hurried(on: LineSettings, interval_s: float = 0.2) -> LineSettings:
    """That line with its meters asked more often than settings allow, where a test only waits for it."""
    meters = tuple(each.model_copy(update={"interval_s": interval_s}) for each in on.meters)
    return on.model_copy(update={"meters": meters})


def turned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The meters told as silent, or as back, in this order."""
    told = (re.search(r"meter (\S+): (?:silent|answers again)", each.getMessage()) for each in caplog.records)
    return [found[1] for found in told if found]


def dlt645_driver(on: LineSettings, **more: Any) -> Dlt645Driver:
    return Dlt645Driver(on, {each.model: load(each.model) for each in on.meters}, **more)


def modbus_driver(on: LineSettings, **more: Any) -> ModbusDriver:
    return ModbusDriver(on, {each.model: load(each.model) for each in on.meters}, **more)
