"""The fast way to values gives what the rule gives, to the last digit; what is not available is absent."""

import math
import struct
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import models
from protocols.modbus.registers import FORMATS, RegisterType, encode_registers
from protocols.modbus.values import Reader, converter, exact
from protocols.points import MeterModel, Point

TYPES = list(FORMATS)
MODBUS = [name for name in models.names() if models.load(name).protocol == "modbus"]
QUANTITIES = [
    ("voltage_l1_v", "V", 1),
    ("power_w", "kW", 1000),
    ("energy_import_wh", "kWh", 1000),
    ("energy_export_wh", "Wh", 1),
]
SCALES = ["1", "0.1", "0.01", "0.001", "10", "0.5", "3", "0.00001"]


def number(type_: RegisterType, raw: bytes) -> int | float:
    found: int | float = struct.unpack_from(FORMATS[type_], raw)[0]
    return found


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(TYPES), st.sampled_from(QUANTITIES), st.sampled_from(SCALES),
    st.sampled_from([0, -2, 3]), st.binary(min_size=8, max_size=8),
)  # fmt: skip
def test_any_bits_become_what_the_rule_says(
    type_: RegisterType, told: tuple[str, str, int], scale: str, exponent: int, raw: bytes
) -> None:
    point = Point(told[0], told[1], told[2], type=type_, scale=Decimal(scale))
    value = number(type_, raw)
    got = converter(point, exponent)(value)
    wanted = exact(point, value, exponent) if math.isfinite(value) else None
    assert (got, type(got)) == (wanted, type(wanted))


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["f32", "f64"]), st.sampled_from(QUANTITIES), st.sampled_from(SCALES),
    st.integers(-(10**8), 10**8), st.sampled_from([1, 8, 1000, 1024]),
)  # fmt: skip
def test_numbers_as_meters_have_them_become_what_the_rule_says(
    type_: RegisterType, told: tuple[str, str, int], scale: str, whole: int, divisor: int
) -> None:
    point = Point(told[0], told[1], told[2], type=type_, scale=Decimal(scale))
    value = number(type_, struct.pack(FORMATS[type_], whole / divisor))
    got, wanted = converter(point, 0)(value), exact(point, value)
    assert (got, type(got)) == (wanted, type(wanted))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(MODBUS), st.randoms(use_true_random=False))
def test_a_whole_block_is_read_as_its_registers_one_by_one(name: str, draw: Random) -> None:
    model = models.load(name)
    for request in model.requests():
        words = [draw.randrange(0x10000) for _ in range(request.count)]
        for point in request.points:
            if point.scale_register is not None:
                words[point.scale_register - request.address] = draw.randrange(-11, 12) & 0xFFFF
        at = {(request.fc, request.address + place): word for place, word in enumerate(words)}
        assert Reader(request.points, request.address, request.count).values(
            words
        ) == models.values_from_registers(model, at)


@pytest.mark.parametrize("name", MODBUS)
def test_nothing_is_available_where_a_meter_says_so(name: str) -> None:
    """Its own pattern where it has one, NaN in a float: absent, never 0."""
    model = models.load(name)
    for request in model.requests():
        words = [0] * request.count
        gone = set()
        for point in request.points:
            pattern = point.not_available[0] if point.not_available else None
            if pattern is None and point.type in ("f32", "f64"):
                raw = encode_registers(None, point.type)
            elif pattern is not None:
                raw = list(struct.unpack(f">{point.width}H", pattern.to_bytes(2 * point.width, "big")))
                raw = raw if point.word_order == "big" else raw[::-1]
            else:
                continue
            gone.add(point.quantity)
            words[point.address - request.address : point.address - request.address + point.width] = raw
        assert not gone & Reader(request.points, request.address, request.count).values(words).keys()


def point_of(model: MeterModel, quantity: str) -> Point:
    found = model.point(quantity)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("raw", "value"), [(0.5, 0.5), (-0.75, -0.75), (1.0, 1.0), (1.25, 0.75), (-1.25, -0.75), (2.0, 0.0)]
)
def test_a_four_quadrant_power_factor_is_unfolded(raw: float, value: float) -> None:
    point = point_of(models.load("schneider-iem3x55"), "power_factor")
    assert Reader([point], point.address, 2).values(encode_registers(raw, "f32")) == {"power_factor": value}


def test_a_scale_register_that_says_nothing_makes_no_value() -> None:
    point = point_of(models.load("sunspec-20x"), "power_w")
    for scale, values in (
        (1, {"power_w": 420.0}),
        (-2, {"power_w": 0.42}),
        (-0x8000, {}),
        (11, {}),
        (-11, {}),
    ):
        words = [42, 0, 0, 0, scale & 0xFFFF]
        assert Reader([point], point.address, 5).values(words) == values


def test_values_that_overlap_are_each_read() -> None:
    points = [
        Point("voltage_l1_v", "V", 1, address=0, type="u32"),
        Point("voltage_l2_v", "V", 1, address=1, type="u32"),
        Point("voltage_l3_v", "V", 1, address=1, type="u32", word_order="little"),
    ]
    assert Reader(points, 0, 3).values([1, 2, 3]) == {
        "voltage_l1_v": 0x10002, "voltage_l2_v": 0x20003, "voltage_l3_v": 0x30002,
    }  # fmt: skip
