"""What a meter remembers, and what it is ordered, is told in words: names, units, the meter's own times."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlt645 import events, freezes, load_records
from protocols.dlt645.conversations import di_bytes, read_request
from protocols.dlt645.demands import MaxDemand
from protocols.dlt645.explain import Explained, explain, explain_frame
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.layout import lay_out
from protocols.dlt645.orders import Password, RelayAction, clock_request, freeze_request, relay_request

METER, OPERATOR, PASSWORD = "202107072529", "00000001", Password("02", "123456")
AT = datetime(2026, 3, 1, 10, 15)
LOAD = load_records.encode(AT, {"voltage_l1_v": 230.1, "energy_import_wh": 123450}, [1, 4])


def answer(di: str, data: bytes) -> Frame:
    return Frame(METER, 0x91, di_bytes(di) + data)


def told(frame: Frame) -> Explained:
    return explain(encode(frame))


def lines(frame: Frame) -> str:
    return "\n".join(" ".join(line.split()) for line in lay_out(encode(frame)))


def test_a_request_for_load_records_says_how_many_and_from_when() -> None:
    request = read_request(METER, "06000001", extra=load_records.extra(5, AT))
    assert (told(request)["count"], told(request)["from"]) == (5, "2026-03-01T10:15")
    assert "asked 5 load records, from 2026-03-01T10:15 (the meter's time)" in lines(request)


def test_load_records_are_told_register_by_register() -> None:
    frame = answer("06000001", LOAD * 2)
    first, second = told(frame)["records"]
    assert first == second
    assert (first["stamp"], first["sound"]) == ("2026-03-01T10:15", True)
    assert first["values"][0] == {"di": "02010100", "name": "voltage, phase A", "value": "230.1", "unit": "V"}
    assert "load record 2026-03-01T10:15 (the meter's time)" in lines(frame)
    assert "00010000 forward active energy, total: 123.45 kWh" in lines(frame)


def test_a_load_record_that_cannot_be_read_says_why() -> None:
    frame = answer("06000001", LOAD[:-2] + b"\x00\xe5")
    assert told(frame)["reason"] == "load_record_sum"
    assert "not readable load record sum" in lines(frame)


def test_a_whole_freeze_is_told_with_its_demands() -> None:
    peak = {"import": [MaxDemand(1234.5, AT)]}
    frame = answer("0506FF01", freezes.encode("daily", "all", AT, {"energy_export_wh": 10}, peak, tariffs=1))
    assert told(frame)["freeze"]["stamp"] == "2026-03-01T10:15"
    assert told(frame)["freeze"]["demands"][0]["demands"][0] == {
        "value": 1234.5, "unit": "W", "at": "2026-03-01T10:15",
    }  # fmt: skip
    assert "frozen at 2026-03-01T10:15" in lines(frame)
    assert "00020000 reverse active energy, total: 0.01 kWh" in lines(frame)
    assert "01010000 forward active maximum demand, total: 1234.5 W at 2026-03-01T10:15" in lines(frame)


def test_frozen_demands_are_told_with_their_times() -> None:
    frame = answer(
        "05060901", freezes.encode("daily", "demand_import", AT, {}, {"import": [MaxDemand(1234.5, AT)]})
    )
    assert "value 1 1.2345 kW at 2026-03-01T10:15" in lines(frame)
    assert "value 2 not available" in lines(frame)


def test_an_event_is_told_with_start_and_end() -> None:
    record = events.EventRecord("power_down", AT, AT.replace(hour=11))
    frame = answer("03110001", events.encode_record(record))
    assert told(frame)["event"]["end"] == "2026-03-01T11:15"
    assert "event power down" in lines(frame)
    assert "end 2026-03-01T11:15 (the meter's time)" in lines(frame)


def test_what_no_source_describes_is_said_to_be_so() -> None:
    assert "rest 010203 (no source describes it)" in lines(answer("03010101", bytes(12) + b"\1\2\3"))


def test_all_status_words_are_told_by_the_names_of_their_bits() -> None:
    frame = answer("040005FF", bytes.fromhex("0400 0000 5000 0100 0000 0000 0000"))
    assert "value 04000503 0x0050: relay_open, relay_command_open" in lines(frame)
    assert "value 04000502 0x0000\n" in lines(frame)


def test_orders_are_told_in_words() -> None:
    trip = relay_request(METER, RelayAction.TRIP, AT, PASSWORD, OPERATOR)
    assert "refused by the meter after 2026-03-01T10:15:00 of its own clock" in lines(trip)
    never = Frame(METER, 0x1C, trip.data[:-6] + bytes(6))
    assert "2000-00-00T00:00:00 of its own clock: this time does not exist" in lines(never)
    (clock,) = clock_request(METER, AT, PASSWORD, OPERATOR, in_one=True)
    assert told(clock)["write_value"] == "2026-03-01T10:15:00 week=0"
    assert "value to write 2026-03-01T10:15:00 week=0" in lines(clock)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("now", "freeze now"), ("99999915", "freeze every hour at minute 15"),
        ("99990130", "freeze every day at 01:30"), ("99020130", "freeze every month on day 02 at 01:30"),
        ("12020130", "freeze on 12-02 at 01:30"),
    ],
)  # fmt: skip
def test_a_freeze_order_is_told_in_words(when: str, words: str) -> None:
    assert words in lines(freeze_request(METER, when))


def test_refusals_of_1997_keep_their_uncertainty() -> None:
    assert told(Frame(METER, 0xC1, b"\x03"))["error"] == [
        "other_or_illegal_data", "no_requested_data_or_wrong_identifier",
    ]  # fmt: skip
    assert told(Frame(METER, 0xD1, b"\x03"))["error"] == ["other", "no_requested_data"]


def test_the_new_value_of_a_password_is_not_told() -> None:
    frame = Frame(METER, 0x14, bytes.fromhex("010C0004") + PASSWORD.wire() + bytes(4) + b"\x02\x99\x88\x77")
    shown = repr(told(frame)) + lines(frame)
    assert "778899" not in shown
    assert "998877" not in shown.replace(" ", "")


DIS = ["06000001", "06040002", "0506FF01", "0504FF02", "03110001", "03300D01", "03300401", "1D000001",
       "040005FF", "05060901", "0101FF00", "03050001", "0400010C"]  # fmt: skip


@given(
    st.sampled_from(DIS), st.binary(max_size=120), st.sampled_from([0x11, 0x91, 0xB1, 0x14, 0x94, 0xC3, 0x03])
)
def test_any_frame_about_the_memory_is_explained(di: str, data: bytes, control: int) -> None:
    for body in (data, LOAD[:3] + data, LOAD + data):
        frame = Frame(METER, control, (di_bytes(di) + body)[:255])
        explain_frame(frame)
        lay_out(encode(frame))
