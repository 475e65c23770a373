"""The table covers the families of the standard and maps onto one vocabulary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.identifiers import Kind, lookup, lookup_1997
from protocols.dlt645.parameters import bit_names
from protocols.quantities import QUANTITIES

ALL_00_TO_02 = [
    f"{di3:02X}{di2:02X}{di1:02X}{di0:02X}"
    for di3 in range(3)
    for di2 in [*range(0x0D), 0x15, 0x3D, 0x80]
    for di1 in [0, 1, 2, 3, 4, 5, 0x3F, 0xFF]
    for di0 in [0, 1, 2, 7, 0x0C, 0x21, 0xFF]
]


@pytest.mark.parametrize(
    ("di", "name", "format_", "unit", "signed", "quantity"),
    [
        ("00000000", "combined active energy, total", "XXXXXX.XX", "kWh", True, None),
        ("00010000", "forward active energy, total", "XXXXXX.XX", "kWh", False, "energy_import_wh"),
        ("00010200", "forward active energy, tariff 2", "XXXXXX.XX", "kWh", False, "energy_import_t2_wh"),
        ("00020000", "reverse active energy, total", "XXXXXX.XX", "kWh", False, "energy_export_wh"),
        ("00050000", "quadrant 1 reactive energy, total", "XXXXXX.XX", "kvarh", False,
         "reactive_energy_q1_varh"),
        ("00010001", "forward active energy, total, settlement day 1 back", "XXXXXX.XX", "kWh", False, None),
        ("02010100", "voltage, phase A", "XXX.X", "V", False, "voltage_l1_v"),
        ("02020300", "current, phase C", "XXX.XXX", "A", True, "current_l3_a"),
        ("02030000", "active power, total", "XX.XXXX", "kW", True, "power_w"),
        ("02060200", "power factor, phase B", "X.XXX", None, True, "power_factor_l2"),
        ("02800002", "frequency", "XX.XX", "Hz", False, "frequency_hz"),
        ("020A0203", "voltage harmonic content, phase B, order 3", "XX.XX", "%", False, None),
    ],
)  # fmt: skip
def test_a_register_is_described(
    di: str, name: str, format_: str, unit: str | None, signed: bool, quantity: str | None
) -> None:
    item = lookup(di)
    assert item is not None
    assert (item.name, item.format, item.unit, item.signed, item.quantity) == (
        name, format_, unit, signed, quantity,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("di", "members"),
    [
        ("0001FF00", ["00010000", "00010100", "00010200", "00010300", "00010400"]),
        ("0201FF00", ["02010100", "02010200", "02010300"]),
        ("0203FF00", ["02030000", "02030100", "02030200", "02030300"]),
        ("040005FF", [f"0400050{word}" for word in range(1, 8)]),
    ],
)
def test_a_block_knows_the_single_items_in_it(di: str, members: list[str]) -> None:
    item = lookup(di)
    assert item is not None
    assert item.block
    assert list(item.members) == members
    for member in members:
        single = lookup(member)
        assert single is not None
        assert (single.size, single.format) == (item.size, item.format)


def test_every_quantity_named_is_in_the_vocabulary_and_comes_from_one_register() -> None:
    named = [item.quantity for di in ALL_00_TO_02 if (item := lookup(di)) and item.quantity]
    assert len(named) == len(set(named))
    assert set(named) <= QUANTITIES.keys()
    assert {"energy_import_t4_wh", "voltage_l3_v", "power_l3_w", "power_factor"} <= set(named)


@pytest.mark.parametrize(
    ("di", "kind"),
    [
        ("01010000", Kind.DEMAND), ("0101FF00", Kind.DEMAND), ("03300000", Kind.COUNT),
        ("03010000", Kind.COUNT),
        ("03300D01", Kind.RECORD), ("03110001", Kind.TIME), ("04000101", Kind.TIME), ("04000503", Kind.BITS),
        ("04000403", Kind.TEXT), ("04000401", Kind.DIGITS), ("04010000", Kind.DIGITS),
        ("04000C01", Kind.RECORD),
        ("05060001", Kind.TIME), ("05060101", Kind.NUMBER), ("0504FF0A", Kind.RECORD),
        ("06000002", Kind.RECORD),
        ("1D000000", Kind.COUNT), ("00900200", Kind.NUMBER), ("00800000", Kind.NUMBER),
    ],
)  # fmt: skip
def test_every_class_is_recognised(di: str, kind: Kind) -> None:
    item = lookup(di)
    assert item is not None
    assert item.kind is kind


@pytest.mark.parametrize(
    "di",
    ["028022FF", "02010000", "02010400", "00014000", "0001000D", "0001FFFF", "04600101", "FFFFFFFF", "",
     "9010", "xx010000", "0201010", "06000003", "05080101"],
)  # fmt: skip
def test_what_the_standard_does_not_name_is_unknown(di: str) -> None:
    assert lookup(di) is None


@given(st.binary(min_size=4, max_size=4))
def test_any_di_is_known_or_not_and_says_its_own_name(raw: bytes) -> None:
    item = lookup(raw.hex())
    assert item is None or item.di == raw.hex().upper()
    item = lookup_1997(raw[:2].hex())
    assert item is None or item.di == raw[:2].hex().upper()


@pytest.mark.parametrize(
    ("di", "unit", "quantity"),
    [
        ("9010", "kWh", "energy_import_wh"), ("9013", "kWh", "energy_import_t3_wh"), ("9410", "kWh", None),
        ("9020", "kWh", "energy_export_wh"), ("B612", "V", "voltage_l2_v"), ("B630", "kW", "power_w"),
        ("B621", "A", "current_l1_a"), ("B650", None, "power_factor"),
    ],
)  # fmt: skip
def test_the_1997_registers(di: str, unit: str | None, quantity: str | None) -> None:
    item = lookup_1997(di)
    assert item is not None
    assert (item.unit, item.quantity) == (unit, quantity)


def test_the_relay_is_bit_4_of_status_word_3() -> None:
    assert bit_names("04000503", 0x0050) == ["relay_open", "relay_command_open"]
    assert bit_names("04000504", 0x0003) == ["voltage_lost_a", "undervoltage_a"]
    assert bit_names("04000501", 0x8000) == ["bit15"]
