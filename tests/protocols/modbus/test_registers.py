"""Words become numbers by the model's type and word order, and what is not available is None."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.registers import WIDTHS, RegisterType, WordOrder, decode_registers, encode_registers

ORDERS: list[WordOrder] = ["big", "little"]
INTEGERS: dict[RegisterType, tuple[int, int]] = {
    "u16": (0, 2**16 - 1),
    "s16": (-(2**15), 2**15 - 1),
    "u32": (0, 2**32 - 1),
    "s32": (-(2**31), 2**31 - 1),
    "u64": (0, 2**64 - 1),
    "s64": (-(2**63), 2**63 - 1),
}


@given(st.sampled_from(list(INTEGERS)), st.sampled_from(ORDERS), st.data())
def test_whole_numbers_come_back(type_: RegisterType, order: WordOrder, data: st.DataObject) -> None:
    value = data.draw(st.integers(*INTEGERS[type_]))
    words = encode_registers(value, type_, order)
    assert len(words) == WIDTHS[type_]
    assert decode_registers(words, type_, order) == value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(ORDERS))
def test_floats_come_back(value: float, order: WordOrder) -> None:
    assert decode_registers(encode_registers(value, "f32", order), "f32", order) == value
    assert decode_registers(encode_registers(value, "f64", order), "f64", order) == value


def test_word_order_is_of_words_and_not_of_bytes() -> None:
    assert encode_registers(0x12345678, "u32") == [0x1234, 0x5678]
    assert encode_registers(0x12345678, "u32", "little") == [0x5678, 0x1234]
    assert decode_registers([0x4366, 0x3334], "f32") == struct.unpack(">f", bytes.fromhex("43663334"))[0]


def test_sentinels_and_nan_are_not_available() -> None:
    assert decode_registers([0xFFFF, 0xFFFF], "u32", not_available=[0xFFFFFFFF]) is None
    assert decode_registers([0xFFFF, 0x7FFF], "s32", "little", not_available=[0x7FFFFFFF]) is None
    assert decode_registers([0x7FFF], "s16", not_available=[0x8000]) == 0x7FFF
    for words in ([0x7FC0, 0], [0x7F80, 0], [0xFF80, 0], [0xFFC0, 0]):
        assert decode_registers(words, "f32") is None
    assert decode_registers(encode_registers(None, "f32"), "f32") is None


def test_what_does_not_fit_is_refused() -> None:
    wrong: list[tuple[float | None, RegisterType]] = [
        (70000, "u16"), (-1, "u32"), (1.5, "u16"), (None, "u32"), (1e300, "f32")
    ]  # fmt: skip
    for value, type_ in wrong:
        with pytest.raises(ValueError, match=type_):
            encode_registers(value, type_)
    with pytest.raises(ValueError, match="2 registers"):
        decode_registers([1], "f32")
