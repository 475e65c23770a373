"""Load records come back as they were written; one wrong byte and none of them is taken."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dlt645 import load_records
from protocols.dlt645.frame import Frame, encode, frames_in
from protocols.dlt645.load_records import CLASSES, ITEMS, LoadRecord, decode, extra
from protocols.errors import FrameError
from protocols.quantities import QUANTITIES, Kind

AT = datetime(2026, 3, 1, 10, 15)
# Built by hand from the layout: 220.1 V and 1.500 A in phase A alone, 50.01 Hz, 1234.56 kWh forward.
RECORD = bytes.fromhex(
    "A0A0 2C 1510010326"
    "0122 FFFF FFFF 001500 FFFFFF FFFFFF 0150 AA"
    "AA AA"
    "56341200 FFFFFFFF FFFFFFFF FFFFFFFF AA"
    "AA AA"
)
RECORD += bytes((sum(RECORD) & 0xFF, 0xE5))
GOLDEN = {
    "all classes, one record": Frame("202107072529", 0x91, bytes.fromhex("01000006") + RECORD),
    "two records": Frame("202107072529", 0x91, bytes.fromhex("01000006") + RECORD * 2),
    "request": Frame("202107072529", 0x11, bytes.fromhex("01000006") + extra(5, AT), 4),
}

stamps = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(
    lambda at: at.replace(second=0, microsecond=0)
)


def numbers_of(draw: st.DrawFn) -> dict[str, Decimal]:
    """Values the registers can hold to the last digit, some of them lacking."""
    found: dict[str, Decimal] = {}
    for item in (item for items in ITEMS.values() for item in items if item.quantity):
        assert item.quantity is not None
        limit = 10 ** (2 * item.size) * (8 if item.signed else 10) // 10 - 1
        counter = QUANTITIES[item.quantity].kind is Kind.COUNTER
        steps = draw(st.none() | st.integers(0 if counter or not item.signed else -limit, limit))
        if steps is not None:
            unit = 1000 if item.unit in ("kWh", "kvarh", "kW", "kvar") else 1
            found[item.quantity] = Decimal(steps).scaleb(-len(item.format.partition(".")[2])) * unit
    return found


@st.composite
def records(draw: st.DrawFn) -> tuple[datetime, dict[str, Decimal], set[int]]:
    return draw(stamps), numbers_of(draw), draw(st.sets(st.sampled_from(list(CLASSES)), min_size=1))


def expected(numbers: dict[str, Decimal], classes: set[int]) -> dict[str, float]:
    recorded = {item.quantity for number in classes for item in ITEMS[number]}
    return {name: float(number) for name, number in numbers.items() if name in recorded}


def test_a_record_is_read_as_the_layout_says() -> None:
    (record,) = decode(RECORD)
    assert record == LoadRecord(
        AT,
        {"voltage_l1_v": 220.1, "current_l1_a": 1.5, "frequency_hz": 50.01, "energy_import_wh": 1234560},
        {"02010100": Decimal("220.1"), "02020100": Decimal("1.500"), "02800002": Decimal("50.01"),
         "00010000": Decimal("1234.56")},
    )  # fmt: skip


@settings(max_examples=40)
@given(st.lists(records(), max_size=2))
def test_any_records_come_back_as_they_were_written(
    written: list[tuple[datetime, dict[str, Decimal], set[int]]],
) -> None:
    data = b"".join(load_records.encode(*each) for each in written)
    found = decode(data)
    assert [(record.stamp, record.values) for record in found] == [
        (stamp, expected(numbers, classes)) for stamp, numbers, classes in written
    ]


@pytest.mark.parametrize("class_", CLASSES)
def test_a_class_alone_is_known_by_what_was_asked_for(class_: int) -> None:
    """Some meters send the places of all six, some that one only, with or without the AAH behind it."""
    numbers = {item.quantity: Decimal(1000) for item in ITEMS[class_] if item.quantity}
    whole = load_records.encode(AT, numbers, [class_])
    size = sum(item.size for item in ITEMS[class_])
    start = whole.index(b"\xaa" * (class_ - 1), 8) + class_ - 1
    values = whole[start : start + size]
    for body in (whole[8:-2], values + b"\xaa", values):
        record = b"\xa0\xa0" + bytes((5 + len(body),)) + whole[3:8] + body
        record += bytes((sum(record) & 0xFF, 0xE5))
        assert decode(record, load_records.di(class_))[0].values == decode(whole)[0].values


def test_four_energies_alone_are_not_taken_for_those_of_a_quadrant() -> None:
    body = bytes.fromhex("1510010326") + bytes(16) + b"\xaa"
    record = b"\xa0\xa0" + bytes((len(body),)) + body
    record += bytes((sum(record) & 0xFF, 0xE5))
    assert set(decode(record, "06040001")[0].values) >= {"energy_import_wh"}
    assert set(decode(record, "06050001")[0].values) >= {"reactive_energy_q1_varh"}
    with pytest.raises(FrameError):
        decode(record)


def test_a_value_that_is_no_number_is_absent_and_the_others_stay() -> None:
    broken = bytearray(RECORD)
    broken[8] = 0x0B
    broken[-2] = sum(broken[:-2]) & 0xFF
    assert set(decode(bytes(broken))[0].values) == {"current_l1_a", "frequency_hz", "energy_import_wh"}


@pytest.mark.parametrize("stamp", ["0000000000", "FFFFFFFFFF", "1510013226", "1524010326"])
def test_a_record_without_a_real_time_is_refused(stamp: str) -> None:
    record = RECORD[:3] + bytes.fromhex(stamp) + RECORD[8:-2]
    with pytest.raises(FrameError, match="no_such_time"):
        decode(record + bytes((sum(record) & 0xFF, 0xE5)))


def test_a_meter_without_records_has_none() -> None:
    assert decode(b"") == []


def test_a_block_that_the_meter_calls_incorrect_has_no_values() -> None:
    bad = b"\xe0\xe0" + RECORD[2:-2]
    (record,) = decode(bad + bytes((sum(bad) & 0xFF, 0xE5)))
    assert (record.sound, record.stamp, record.values, record.numbers) == (False, AT, {}, {})


@pytest.mark.parametrize("at", range(len(RECORD)))
def test_one_wrong_byte_and_no_record_is_taken(at: int) -> None:
    for wrong in range(1, 256):
        broken = bytearray(RECORD)
        broken[at] ^= wrong
        with pytest.raises(FrameError):
            decode(RECORD + bytes(broken))


@pytest.mark.parametrize("cut", range(1, len(RECORD)))
def test_a_record_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(FrameError):
        decode(RECORD[:cut])


@given(st.binary(max_size=300), st.sampled_from(["", "06000001", "06040001", "06FF0001"]))
def test_any_bytes_give_records_or_a_frame_error(data: bytes, di: str) -> None:
    for attempt in (data, b"\xa0\xa0" + data, RECORD + data):
        try:
            decode(attempt, di)
        except FrameError:
            continue


@given(st.binary(min_size=5, max_size=200), st.integers(0, 6))
def test_any_sound_record_gives_values_or_a_frame_error(body: bytes, class_: int) -> None:
    record = b"\xa0\xa0" + bytes((len(body),)) + body
    try:
        found = decode(record + bytes((sum(record) & 0xFF, 0xE5)), load_records.di(class_))
    except FrameError:
        return
    assert all(QUANTITIES[name].can_be(value) for each in found for name, value in each.values.items())


def test_the_request_says_how_many_and_from_when() -> None:
    assert extra(1).hex() == "01"
    assert extra(5, AT).hex() == "051510010326"
    assert load_records.asked(extra(5, AT)) == (5, AT)
    assert load_records.asked(extra(2)) == (2, None)
    assert [load_records.di(), load_records.di(4, load_records.LATEST)] == ["06000001", "06040002"]
    for count in (0, 10):
        with pytest.raises(ValueError, match="cannot be asked for"):
            extra(count)
    with pytest.raises(ValueError, match="no load record class"):
        load_records.di(7)
    with pytest.raises(FrameError):
        load_records.asked(b"\x01\x02")


@pytest.mark.parametrize("frame", GOLDEN.values(), ids=GOLDEN.keys())
def test_no_flipped_bit_of_a_frame_gives_another(frame: Frame) -> None:
    raw = encode(frame)
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        found = [(each.address, each.control, each.data) for each in frames_in(bytes(flipped))]
        assert found in ([], [(frame.address, frame.control, frame.data)])
