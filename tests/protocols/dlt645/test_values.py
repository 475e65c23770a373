"""Values survive both ways; what is not available is None, what is not BCD is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.identifiers import Item, Kind, lookup, lookup_1997
from protocols.dlt645.values import Demand, decode_number, decode_value, encode_number, encode_value
from protocols.errors import FrameError


def item(di: str) -> Item:
    found = lookup(di) or lookup_1997(di)
    assert found is not None
    return found


NUMBERS = [
    "00000000", "00010000", "00020100", "00030000", "02010100", "02020100", "02030000", "02040000",
    "02050000", "02060000", "02070100", "02080100", "02800002", "02800007", "0280000A", "02800020",
    "03110000", "04000103", "04000409", "9010", "B611", "B621", "B630", "B640", "B650",
]  # fmt: skip


@st.composite
def numbers(draw: st.DrawFn) -> tuple[Item, Decimal]:
    chosen = item(draw(st.sampled_from(NUMBERS)))
    limit = 10 ** (2 * chosen.size) * (8 if chosen.signed else 10) // 10 - 1
    whole = draw(st.integers(-limit if chosen.signed else 0, limit))
    return chosen, Decimal(whole).scaleb(-len(chosen.format.partition(".")[2]))


@given(numbers())
def test_a_number_comes_back_as_it_went(drawn: tuple[Item, Decimal]) -> None:
    chosen, number = drawn
    raw = encode_number(number, chosen)
    assert len(raw) == chosen.size
    assert decode_number(raw, chosen) == number


@given(st.sampled_from(NUMBERS), st.binary(max_size=9))
def test_any_bytes_are_a_number_or_a_frame_error(di: str, raw: bytes) -> None:
    try:
        number = decode_value(raw, item(di))
    except FrameError as error:
        reason = error.reason
    else:
        reason = ""
        assert number is None or isinstance(number, Decimal)
    assert reason in {"", "value_length", "non_bcd_data"}


def test_the_sign_is_the_top_bit_of_the_last_byte() -> None:
    assert decode_number(bytes.fromhex("123480"), item("02030000")) == Decimal("-0.3412")
    assert encode_number(Decimal("-0.3412"), item("02030000")) == bytes.fromhex("123480")


def test_a_forward_register_above_799999_is_not_negative() -> None:
    assert decode_number(bytes.fromhex("99999999"), item("00010000")) == Decimal("999999.99")
    assert decode_number(bytes.fromhex("99999999"), item("00000000")) == Decimal("-199999.99")


def test_all_ff_is_not_available_and_not_a_number() -> None:
    for di in [*NUMBERS, "04000101", "04000402", "04000404", "05060001"]:
        chosen = item(di)
        assert decode_value(b"\xff" * chosen.size, chosen) is None
        assert encode_value(None, chosen) == b"\xff" * chosen.size


def test_a_value_that_does_not_fit_is_not_sent() -> None:
    wrong: list[tuple[str, Decimal | str]] = [
        ("02010100", Decimal("1000.0")),
        ("02010100", Decimal("-1.0")),
        ("02010100", Decimal("1.05")),
        ("02030000", Decimal("80.0000")),
        ("02010100", Decimal("NaN")),
        ("04000101", "2026-01-01"),
        ("04000402", "12"),
        ("04000404", "220.0 volts"),
    ]
    for di, value in wrong:
        with pytest.raises(ValueError, match=di if di != "04000101" else "time"):
            encode_value(value, item(di))


@pytest.mark.parametrize(
    ("di", "text", "wire"),
    [
        ("04000101", "2018-12-29 week=6", "06291218"),
        ("04000102", "18:53:32", "325318"),
        ("0400010C", "2018-12-29T18:53:32 week=0", "32531800291218"),
        ("05060001", "2015-10-09T00:00", "0000091015"),
        ("04000A01", "10-09T01:30", "30010910"),
        ("04000402", "071801024091", "914002011807"),
        ("04000404", "220.0V", "56302e303232"),
        ("04000407", "1.0", "00302e31"),
    ],
)
def test_times_digits_and_texts(di: str, text: str, wire: str) -> None:
    assert encode_value(text, item(di)).hex() == wire
    assert decode_value(bytes.fromhex(wire), item(di)) == text


def test_a_demand_has_its_time() -> None:
    demand = Demand(Decimal("7.8000"), "2023-01-01T12:30")
    raw = encode_value(demand, item("01010000"))
    assert raw == bytes.fromhex("0080073012010123")
    assert decode_value(raw, item("01010000")) == demand
    none_yet = Demand(Decimal("0.0000"), None)
    assert decode_value(encode_value(none_yet, item("01010000")), item("01010000")) == none_yet


def test_a_block_is_a_list_with_gaps() -> None:
    voltages = decode_value(bytes.fromhex("5622ffffffff"), item("0201FF00"))
    assert voltages == [Decimal("225.6"), None, None]
    assert encode_value(voltages, item("0201FF00")) == bytes.fromhex("5622ffffffff")
    with pytest.raises(FrameError, match="value_length"):
        decode_value(bytes.fromhex("5622ff"), item("0201FF00"))


@given(st.sampled_from(list(Kind)), st.binary(min_size=4, max_size=8))
def test_no_bytes_upset_any_kind(kind: Kind, raw: bytes) -> None:
    formats = {Kind.TIME: "YYMMDDhhmm", Kind.NUMBER: "XX.XX", Kind.COUNT: "XXXX", Kind.DEMAND: "XX.XXXX"}
    try:
        decode_value(raw, Item("00000000", "any", kind, formats.get(kind, ""), size=len(raw)))
    except FrameError as error:
        assert error.reason  # noqa: PT017
