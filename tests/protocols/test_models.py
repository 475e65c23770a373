"""A meter model is data that has been proved; a wrong one is refused in one clear line."""

import re
import struct
import tomllib
from importlib import resources

import pytest

from protocols import models
from protocols.errors import FrameError, ModelError
from protocols.modbus.registers import encode_registers
from protocols.mqtt.messages import Readings, Row, decode, encode
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Source

MODBUS = [
    "abb-b2x", "acrel-adl400", "chint-ddsu666", "chint-dtsu666", "eastron-sdm120", "eastron-sdm230",
    "eastron-sdm630", "gavazzi-em24", "gavazzi-em340", "janitza-umg96rm-e", "schneider-iem3x55",
    "schneider-pm5110", "siemens-pac", "socomec-countis", "sunspec-20x", "sunspec-21x",
]  # fmt: skip
ALL = sorted([*MODBUS, *(name for name in models.names() if name.startswith("dlt645-"))])

SMALL = """
name = "small"
maker = "made up"
protocol = "modbus"
phases = 1
sources = ["made up"]
[serial]
baud = 9600
parity = "none"
[[register]]
quantity = "voltage_l1_v"
fc = 4
address = 0
type = "f32"
unit = "V"
side = "primary"
[[golden]]
origin = "published"
source = "Eastron manual"
request = "01 04 00 00 00 02 71 CB"
response = "01 04 04 43 66 33 34 1B 38"
values = { voltage_l1_v = 230.2 }
"""
SMALL_645 = """
name = "small"
maker = "made up"
protocol = "dlt645-2007"
phases = 1
sources = ["made up"]
[serial]
baud = 2400
parity = "even"
[[block]]
di = "0201FF00"
points = [{ quantity = "voltage_l1_v", di = "02010100" }]
[[golden]]
origin = "published"
source = "made up"
request = "68 12 00 00 00 10 20 68 11 04 33 32 34 35 F5 16"
response = "68 12 00 00 00 10 20 68 91 0A 33 32 34 35 89 55 32 32 32 32 21 16"
values = { voltage_l1_v = 225.6 }
"""


def test_the_models_of_the_package_are_known_and_proved() -> None:
    assert models.names() == ALL
    for name in ALL:
        model = models.load(name)
        assert model.name == name
        assert models.load(name) is model
        proved = {quantity for golden in model.golden for quantity in golden.values}
        assert proved == {point.quantity for point in model.points} <= QUANTITIES.keys()


@pytest.mark.parametrize("name", ALL)
def test_counters_are_whole_and_gauges_floats(name: str) -> None:
    model = models.load(name)
    for golden in model.golden:
        for quantity, value in models.golden_values(
            model, golden.request, golden.response, golden.start
        ).items():
            kind = int if QUANTITIES[quantity].kind is Kind.COUNTER else float
            assert type(value) is kind


@pytest.mark.parametrize("name", ALL)
def test_a_golden_frame_with_any_byte_changed_proves_nothing(name: str) -> None:
    model = models.load(name)
    for golden in model.golden:
        for at in range(len(golden.response)):
            changed = bytearray(golden.response)
            changed[at] ^= 0x01
            if changed[at] == 0xFF:  # a lead-in byte carries no content
                continue
            with pytest.raises(FrameError):
                models.golden_values(model, golden.request, bytes(changed), golden.start)


def test_the_three_phase_model_reads_blocks_and_can_fall_back() -> None:
    model = models.load("dlt645-2007-3p")
    assert [block.di for block in model.blocks] == [
        "0001FF00", "0002FF00", "0201FF00", "0202FF00", "0203FF00", "0204FF00", "0206FF00",
    ]  # fmt: skip
    assert [point.di for point in model.singles] == ["02800002"]
    block = model.blocks[2]
    assert [(point.quantity, point.di) for point in block.points] == [
        ("voltage_l1_v", "02010100"), ("voltage_l2_v", "02010200"), ("voltage_l3_v", "02010300"),
    ]  # fmt: skip
    assert models.values_from_dlt645(model, "02010200", bytes.fromhex("5622")) == {"voltage_l2_v": 225.6}


def test_energy_is_exact_to_the_last_digit() -> None:
    model = models.load("dlt645-2007-1p")
    values = models.values_from_dlt645(model, "00010000", bytes.fromhex("99999999"))
    assert values == {"energy_import_wh": 999_999_990}
    assert models.values_from_dlt645(model, "00010000", bytes.fromhex("01000000")) == {"energy_import_wh": 10}


def test_what_is_missing_is_absent() -> None:
    model = models.load("dlt645-2007-3p")
    assert models.values_from_dlt645(model, "0201FF00", bytes.fromhex("5622ffffffff")) == {
        "voltage_l1_v": 225.6
    }
    assert models.values_from_dlt645(model, "0201FF00", bytes.fromhex("5622")) == {"voltage_l1_v": 225.6}
    assert models.values_from_dlt645(model, "0201FF00", bytes.fromhex("56220e000022")) == {
        "voltage_l1_v": 225.6,
        "voltage_l3_v": 220.0,
    }
    assert models.values_from_dlt645(model, "02800002", b"\xff\xff") == {}


def test_a_longer_block_gives_what_the_model_knows() -> None:
    data = bytes.fromhex("01000000" * 9)
    assert models.values_from_dlt645(models.load("dlt645-2007-3p"), "0001FF00", data) == {
        "energy_import_wh": 10, **{f"energy_import_t{n}_wh": 10 for n in range(1, 5)},
    }  # fmt: skip


def test_data_that_does_not_fit_is_a_frame_error() -> None:
    model = models.load("dlt645-2007-3p")
    for di, data in (("0201FF00", "562200"), ("0201FF00", ""), ("02800002", "00"), ("02800002", "000e")):
        with pytest.raises(FrameError):
            models.values_from_dlt645(model, di, bytes.fromhex(data))
    with pytest.raises(ModelError, match="03300000"):
        models.values_from_dlt645(model, "03300000", b"")


def test_registers_that_were_not_read_are_absent() -> None:
    model = models.load("eastron-sdm630")
    high, low = encode_registers(230.2, "f32")
    assert models.values_from_registers(model, {(4, 0): high, (4, 1): low, (4, 2): high}) == {
        "voltage_l1_v": 230.2
    }
    assert models.values_from_registers(model, {(3, 0): high, (3, 1): low}) == {}
    nan = encode_registers(None, "f32")
    assert models.values_from_registers(model, {(4, 0): nan[0], (4, 1): nan[1]}) == {}


def test_a_counter_below_zero_is_no_value() -> None:
    high, low = encode_registers(-1.5, "f32")
    model = models.load("eastron-sdm630")
    assert models.values_from_registers(model, {(4, 0x48): high, (4, 0x49): low}) == {}


def test_a_counter_too_large_for_the_cloud_is_no_value_so_that_its_batch_is_not_refused() -> None:
    high, low = encode_registers(1e38, "f32")
    model = models.load("eastron-sdm630")
    values = models.values_from_registers(model, {(4, 0x48): high, (4, 0x49): low, (4, 0): high, (4, 1): low})
    assert values == {"voltage_l1_v": 1e38}
    row = Row("M-1", 1, Source.POLLED, values)
    batch = Readings(gateway="gw-a01", epoch="e", seq=1, readings=[row])
    assert decode(encode(batch), Readings) == batch


def test_requests_stay_within_the_meters_limits() -> None:
    for name in MODBUS:
        model = models.load(name)
        assert all(request.count <= model.max_regs for request in model.requests())
        assert {point for request in model.requests() for point in request.points} == set(model.points)


def test_secondary_side_and_doubt_are_marked() -> None:
    assert {point.side for point in models.load("chint-dtsu666").points} == {"secondary"}
    sdm630 = models.load("eastron-sdm630")
    assert [point.quantity for point in sdm630.points if point.unverified] == ["demand_power_w"]
    assert {point.side for point in sdm630.points} == {"primary"}


@pytest.mark.parametrize("name", MODBUS)
def test_every_register_says_on_which_side_of_the_transformers_it_is(name: str) -> None:
    document = tomllib.loads((resources.files("protocols") / "meters" / f"{name}.toml").read_text("utf-8"))
    assert all(register["side"] in ("primary", "secondary") for register in document["register"])


def test_a_register_that_does_not_say_its_side_is_refused() -> None:
    with pytest.raises(ModelError, match=r"register\[0\].side: say of which side voltage_l1_v is"):
        models.parse(SMALL.replace('side = "primary"\n', ""), "small.toml")


def test_a_float32_energy_is_fit_for_bills_as_far_as_its_steps_are_small() -> None:
    """Neighbouring float32 numbers: up to the limit they are at most 0.01 kWh apart, beyond it more."""
    for name, kilo in (("eastron-sdm630", 1000), ("janitza-umg96rm-e", 1)):
        point = models.load(name).point("energy_import_wh")
        assert point is not None
        limit = point.billing_limit_wh
        assert limit is not None
        for value, fits in ((limit / kilo * 0.999, True), (limit / kilo, False)):
            (bits,) = struct.unpack(">I", struct.pack(">f", value))
            low, high = (struct.unpack(">f", struct.pack(">I", bits + up))[0] for up in (0, 1))
            assert ((high - low) * kilo <= 10) is fits
    sdm630 = models.load("eastron-sdm630")
    assert models.is_billing_grade(sdm630, "energy_import_wh", 131_072_000)
    assert not models.is_billing_grade(sdm630, "energy_import_wh", 131_072_001)
    assert {point.billing_limit_wh for point in sdm630.points if not point.is_counter} == {None}
    for name in ("schneider-pm5110", "siemens-pac", "abb-b2x", "dlt645-2007-3p"):
        exact = models.load(name)
        assert models.is_billing_grade(exact, "energy_import_wh", 9e15)


def test_every_mistake_of_a_file_is_told_one_line_each() -> None:
    with pytest.raises(ModelError) as refused:
        models.parse(SMALL.replace("fc = 4", "fc = 9").replace("phases = 1", "phasen = 1"), "small.toml")
    assert len(refused.value.mistakes) == 2
    assert any("phasen: no such key; did you mean 'phases'?" in each for each in refused.value.mistakes)
    wrong = SMALL.replace('quantity = "voltage_l1_v"', 'quantity = "voltage_l1"')
    twice = wrong.replace(
        "[[golden]]",
        '[[register]]\nquantity = "power"\nfc = 4\naddress = 2\ntype = "f32"\nunit = "W"\n[[golden]]',
        1,
    )
    with pytest.raises(ModelError) as refused:
        models.parse(twice, "small.toml")
    assert any("did you mean 'voltage_l1_v'?" in each for each in refused.value.mistakes)
    assert any("register[1].quantity" in each for each in refused.value.mistakes)


def test_a_pattern_wider_than_its_register_is_refused() -> None:
    with pytest.raises(ModelError, match="a f32 has 32 bits"):
        models.parse(SMALL.replace('unit = "V"', 'unit = "V"\nnot_available = ["1FFFFFFFF"]'), "small.toml")


def test_a_model_of_ones_own_is_known_by_its_path() -> None:
    model = models.parse(SMALL, "small.toml")
    models.register("/somewhere/small.toml", model)
    assert models.load("/somewhere/small.toml") is model
    assert "/somewhere/small.toml" not in models.names()


def test_a_model_text_is_parsed() -> None:
    assert models.parse(SMALL, "small.toml").points[0].quantity == "voltage_l1_v"
    assert models.parse(SMALL_645, "small.toml").blocks[0].di == "0201FF00"


@pytest.mark.parametrize(
    ("text", "old", "new", "told"),
    [
        (SMALL, "address = 0", "address = 70000", "register[0].address: Input should be less"),
        (SMALL, 'unit = "V"', 'unit = "A"', "register[0].unit: A does not become the V of voltage_l1_v"),
        (SMALL, "voltage_l1_v", "volts", "register[0].quantity: no quantity is called 'volts'"),
        (SMALL, "fc = 4", "fc = 5", "register[0].fc: Input should be 3 or 4"),
        (SMALL, 'unit = "V"', 'unit = "V"\nscale = 0.1', "register[0].scale: a scale is written in quotes"),
        (SMALL, 'unit = "V"', 'unit = "V"\nsacle=1', "register[0].sacle: no such key; did you mean 'scale'"),
        (SMALL, "phases = 1\n", "", "phases: this key is missing; add it"),
        (SMALL, "baud = 9600", 'baud = "fast"', "serial.baud: "),
        (SMALL, "43 66", "4x 66", "golden[0].response: these are not hex bytes"),
        (SMALL, "230.2 }", "230.0 }", "golden[0].values: voltage_l1_v is 230.2, not 230.0; correct"),
        (SMALL, "1B 38", "1B 39", "golden[0]: checksum: 1b39 in the frame, 1b38 is right"),
        (SMALL, 'type = "f32"', 'type = "u16"', "golden[0].values: voltage_l1_v is 17254.0, not 230.2"),
        (SMALL, "voltage_l1_v = 230.2", "", "golden: no golden frame proves voltage_l1_v; add one"),
        (SMALL, "[serial]", "max_regs = 1\n[serial]", "max_regs: voltage_l1_v alone needs 2 registers"),
        (SMALL, '"modbus"', '"dlt645-2007"', "register: a DL/T 645 model has [[point]]"),
        (SMALL, "[serial]", "[serial", "not TOML: "),
        (SMALL_645, '"0201FF00"', '"0201FE00"', "block[0].di: '0201FE00' is no number of dlt645-2007"),
        (SMALL_645, '"02010100"', '"02010200"', "block[0].points: 0201FF00 holds 02010100, 02010200"),
        (SMALL_645, "225.6", "225.7", "golden[0].values: voltage_l1_v is 225.6, not 225.7"),
        (SMALL_645, "21 16", "22 16", "golden[0]: checksum: "),
        (SMALL_645, "68 11 04", "68 12 04", "golden[0]: checksum: "),
        (SMALL_645, '"dlt645-2007"', '"modbus"', "block[0].di: '0201FF00' is no number of modbus"),
        (SMALL_645, "voltage_l1_v", "energy_import_wh", "block[0].points[0].unit: V does not become the Wh"),
    ],
)  # fmt: skip
def test_a_wrong_model_is_refused_with_file_key_and_advice(text: str, old: str, new: str, told: str) -> None:
    assert old in text
    with pytest.raises(ModelError, match=re.escape(f"small.toml: {told}")) as refused:
        models.parse(text.replace(old, new), "small.toml")
    assert "\n" not in str(refused.value)


def test_an_unknown_model_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ModelError, match="no meter model is called 'sdm999'; use one of: abb-b2x"):
        models.load("sdm999")
