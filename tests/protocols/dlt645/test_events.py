"""Events are asked for by name; a record is read as far as a source describes it, and no further."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645.events import (
    EVENTS,
    Event,
    EventRecord,
    Field,
    decode_count,
    decode_record,
    encode_count,
    encode_record,
    event_of,
)
from protocols.dlt645.frame import Frame, encode, frames_in
from protocols.dlt645.identifiers import Kind, lookup
from protocols.errors import FrameError

START, END = datetime(2026, 3, 1, 2, 3, 4), datetime(2026, 3, 1, 5, 6, 7)
COVER = bytes.fromhex("040302010326 070605010326") + bytes.fromhex("78563412") * 12
LAYOUTS = [event for event in EVENTS.values() if event.layout]

stamps = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda at: at.replace(microsecond=0))
energies = st.integers(0, 99_999_999).map(lambda steps: Decimal(steps).scaleb(-2))


def values_of(name: str) -> st.SearchStrategy[Field]:
    if name in ("before", "after"):
        return st.none() | stamps
    if name == "operator" or name.startswith("di"):
        return st.integers(0, 99_999_999).map(lambda number: f"{number:08d}")
    return st.none() | (
        st.integers(0, 999_999).map(lambda n: Decimal(n).scaleb(-3)) if name == "current_a" else energies
    )


@st.composite
def records(draw: st.DrawFn) -> EventRecord:
    event = draw(st.sampled_from(LAYOUTS))
    names = [name for name in event.layout if name not in ("start", "end")]
    fields = {name: draw(values_of(name)) for name in names}
    start = draw(st.none() | stamps) if "start" in event.layout else fields.get("before")
    end = draw(st.none() | stamps) if "end" in event.layout else None
    rest = b"" if event.size else draw(st.binary(max_size=60))
    assert start is None or isinstance(start, datetime)
    return EventRecord(event.name, start, end, fields, rest)


@given(records(), st.integers(1, 10), st.integers(1, 3))
def test_a_record_comes_back_as_it_was_written(record: EventRecord, back: int, phase: int) -> None:
    assert decode_record(EVENTS[record.name].record_di(back, phase), encode_record(record)) == record


@pytest.mark.parametrize(
    ("name", "count_di", "record_di"),
    [
        ("power_down", "03110000", "03110003"), ("phase_failure", "03040000", "03040203"),
        ("cover_open", "03300D00", "03300D03"), ("terminal_cover_open", "03300E00", "03300E03"),
        ("magnetic_field", "03350000", "03350003"), ("clock_set", "03300400", "03300403"),
        ("relay_trip", "1D000000", "1D000003"), ("relay_close", "1E000000", "1E000003"),
    ],
)  # fmt: skip
def test_an_event_is_asked_for_by_its_name(name: str, count_di: str, record_di: str) -> None:
    event = EVENTS[name]
    assert (event.count_di, event.record_di(3, phase=2)) == (count_di, record_di)
    assert event_of(count_di) is event_of(record_di) is event


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_the_table_of_identifiers_knows_every_event(event: Event) -> None:
    count = lookup(event.count_di)
    assert count is not None
    assert count.kind is Kind.COUNT
    for back in (1, 10):
        assert lookup(event.record_di(back, phase=3)) is not None


def test_an_open_cover_is_read_with_the_energies_before_and_after() -> None:
    record = decode_record("03300D01", COVER)
    assert (record.name, record.start, record.end, record.rest) == ("cover_open", START, END, b"")
    assert len(record.fields) == 12
    assert (
        record.fields["import_kwh_before"] == record.fields["reactive_q4_kvarh_after"] == Decimal("123456.78")
    )


def test_a_power_failure_is_read_with_its_start_and_its_end() -> None:
    assert decode_record("03110001", COVER[:12]) == EventRecord("power_down", START, END)


def test_a_clock_that_was_set_says_by_whom_and_from_when_to_when() -> None:
    record = decode_record("03300401", bytes.fromhex("04030201 040302010326 070605010326"))
    assert (record.start, record.fields) == (START, {"operator": "01020304", "before": START, "after": END})


def test_what_no_source_describes_stays_bytes() -> None:
    record = decode_record("03010101", COVER[:12] + b"\x01\x02")
    assert (record.start, record.end, record.rest) == (START, END, b"\x01\x02")
    cleared = decode_record("03300101", bytes(range(106)))
    assert (cleared.start, cleared.fields, cleared.rest) == (None, {}, bytes(range(106)))


@pytest.mark.parametrize("length", [0, 11, 13, 60])
def test_a_record_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(FrameError, match="value_length"):
        decode_record("03110001", bytes(length))


def test_a_place_that_never_held_a_record_is_empty() -> None:
    assert decode_record("03110005", bytes(12)).empty
    assert decode_record("03010101", bytes(12) + b"\xff" * 30).empty
    assert not decode_record("03110001", COVER[:12]).empty


def test_counts_have_names_and_phases_have_minutes_too() -> None:
    assert decode_count("03110000", bytes.fromhex("120000")) == {"count": 12}
    assert decode_count("03110000", b"\xff\xff\xff") == {"count": None}
    told = {"count_a": 3, "minutes_c": 90}
    found = decode_count("03040000", encode_count(EVENTS["phase_failure"], told))
    assert {name: number for name, number in found.items() if number} == told
    with pytest.raises(FrameError):
        decode_count("03040000", bytes(3))


def test_there_are_ten_records_of_three_phases() -> None:
    for back, phase in ((0, 1), (11, 1), (1, 0), (1, 4)):
        with pytest.raises(ValueError, match="there is no"):
            EVENTS["phase_failure"].record_di(back, phase)


@given(
    st.sampled_from([*(event.record_di(1) for event in EVENTS.values()), "02010100"]), st.binary(max_size=120)
)
def test_any_bytes_give_a_record_or_a_frame_error(di: str, data: bytes) -> None:
    for attempt in (data, data[:60].ljust(60, b"\0"), COVER[:12] + data):
        for decoder in (decode_record, decode_count):
            try:
                decoder(di, attempt)
            except FrameError:
                continue


def test_no_flipped_bit_of_a_frame_gives_another() -> None:
    raw = encode(Frame("202107072529", 0x91, bytes.fromhex("010D3003") + COVER))
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert list(frames_in(bytes(flipped))) == []
