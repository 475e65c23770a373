"""What a meter remembers is what really happened to it: gaps stay gaps, stamps are those of its own clock."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from firmware_sim.calendar import BAND_OF_SLOT
from firmware_sim.life import befall
from protocols.dlt645 import freezes, load_records, orders
from protocols.dlt645.conversations import read_request
from protocols.dlt645.demands import decode_demands
from protocols.dlt645.load_records import EARLIEST, GIVEN_TIME, LATEST, LoadRecord
from protocols.errors import Refused
from tests.firmware_sim.asked import Line
from tests.firmware_sim.texts import HOUSE, ONE_LINE, SHOP

NOON = datetime(2026, 11, 22, 12)
QUARTER = timedelta(minutes=15)
DARK, LIT = (False, False, False), (True, True, True)
PASSWORD = orders.Password("04", "000000")


def records(
    line: Line, address: str, which: int, count: int, at: datetime | None = None, class_: int = 0
) -> list[LoadRecord]:
    di = load_records.di(class_, which)
    return load_records.decode(line.read(address, di, extra=load_records.extra(count, at)), di)


def stamps(line: Line, address: str, count: int = 8) -> list[datetime]:
    return [one.stamp for one in records(line, address, LATEST, count)]


def back(*places: int) -> list[datetime]:
    """Stamps of so many quarters before noon."""
    return [NOON - place * QUARTER for place in places]


def outage(line: Line, name: str, seconds: float) -> None:
    line.meters[name].set_phases(DARK, line.now_ms)
    line.clock.advance(seconds)
    line.meters[name].set_phases(LIT, line.now_ms)


def test_a_load_record_is_what_would_have_been_read_then() -> None:
    line = Line()
    (record,) = records(line, SHOP, GIVEN_TIME, 1, NOON - 8 * QUARTER)
    line.clock.advance(-7200)
    di = {"energy_import_wh": "00010000", "voltage_l2_v": "02010200", "power_w": "02030000"}
    for quantity, register in di.items():
        assert record.numbers[register] == line.value(SHOP, register), quantity
    assert len(record.values) == 28


def test_records_come_from_a_given_time_the_earliest_or_the_latest() -> None:
    line = Line()
    assert stamps(line, HOUSE, 3) == back(2, 1, 0)
    given = records(line, HOUSE, GIVEN_TIME, 3, NOON - 4 * QUARTER - timedelta(minutes=1))
    assert [one.stamp for one in given] == back(4, 3, 2)
    earliest = records(line, HOUSE, EARLIEST, 2)
    assert earliest[1].stamp - earliest[0].stamp == QUARTER
    assert NOON - earliest[0].stamp == timedelta(days=62)
    with pytest.raises(Refused):
        records(line, HOUSE, GIVEN_TIME, 9, NOON - timedelta(days=63))


def test_many_records_come_in_follow_up_frames() -> None:
    line = Line()
    di, extra = load_records.di(), load_records.extra(9, NOON - timedelta(days=1))
    assert line.answer(read_request(SHOP, di, extra=extra)).more
    given = load_records.decode(line.read(SHOP, di, extra=extra))
    assert [one.stamp for one in given] == [NOON - timedelta(days=1) + n * QUARTER for n in range(9)]


def test_one_class_can_be_asked_alone_and_a_missing_phase_is_no_zero() -> None:
    line = Line()
    (record,) = records(line, HOUSE, LATEST, 1, class_=1)
    assert set(record.values) == {"voltage_l1_v", "current_l1_a", "frequency_hz"}


def test_an_outage_leaves_a_gap_and_the_counter_stands_still_over_it() -> None:
    line = Line()
    line.clock.advance(60)
    outage(line, "house", 3600)
    line.clock.advance(840)
    found = records(line, HOUSE, LATEST, 3)
    assert [one.stamp for one in found] == back(1, 0, -5)
    assert 0 <= found[2].values["energy_import_wh"] - found[1].values["energy_import_wh"] < 700
    window = records(line, HOUSE, GIVEN_TIME, 6, NOON)
    assert [one.stamp for one in window] == back(0, -5)
    with pytest.raises(Refused):
        records(line, HOUSE, GIVEN_TIME, 2, NOON + QUARTER)


def test_a_clock_step_forward_leaves_a_gap_and_one_back_overwrites() -> None:
    line = Line()
    line.clock.advance(60)
    befall("clock-step", line.meters["house"], "3600", line.now_ms)
    line.clock.advance(840)
    assert stamps(line, HOUSE, 3) == back(1, 0, -5)
    befall("clock-step", line.meters["house"], "-1800", line.now_ms)
    line.clock.advance(2700)
    latest = records(line, HOUSE, LATEST, 2)
    assert [one.stamp for one in latest] == back(-5, -6)
    line.clock.advance(-900)
    assert latest[0].numbers["00010000"] == line.value(HOUSE, "00010000")


def test_a_drifting_clock_stamps_what_was_when_it_showed_that() -> None:
    line = Line()
    befall("clock-drift", line.meters["house"], "1000", line.now_ms - 86_400_000)
    assert line.value(HOUSE, "04000102") == "12:01:26"
    (record,) = records(line, HOUSE, LATEST, 1)
    assert record.stamp == NOON
    line.clock.advance(-86.3)
    assert record.numbers["00010000"] == line.value(HOUSE, "00010000")


def test_a_new_meter_has_an_empty_memory() -> None:
    line = Line()
    befall("exchange", line.meters["house"], "202600019901,7.5", line.now_ms)
    for di in ("06000002", "05060001", "05040001"):
        with pytest.raises(Refused):
            line.read("202600019901", di)
    assert line.value("202600019901", "00010001") is None
    line.clock.advance(900)
    assert [one.stamp for one in records(line, "202600019901", EARLIEST, 9)] == back(-1)


def test_the_interval_and_the_classes_can_be_set() -> None:
    line = Line()
    for di, value in (("04000A02", b"\x30\x00"), ("04000901", b"\x08")):
        line.answer(orders.write_request(HOUSE, di, value, PASSWORD, "00000001"))
    line.clock.advance(5400)
    found = records(line, HOUSE, LATEST, 3)
    assert [one.stamp for one in found] == back(-2, -4, -6)
    assert set(found[1].values) == {
        "energy_import_wh",
        "energy_export_wh",
        "reactive_energy_import_varh",
        "reactive_energy_export_varh",
    }
    with pytest.raises(Refused):
        records(line, HOUSE, LATEST, 1, class_=2)


def test_a_midnight_in_the_dark_is_not_frozen_and_the_next_is() -> None:
    line = Line()
    line.clock.advance(6 * 3600)
    outage(line, "house", 12 * 3600)
    line.clock.advance(24 * 3600)
    assert line.value(HOUSE, "05060001") == "2026-11-24T00:00"
    assert line.value(HOUSE, "05060002") == "2026-11-22T00:00"


def test_hourly_freezes_have_import_and_export() -> None:
    line = Line()
    line.clock.advance(1500)
    frozen = freezes.decode("0504FF01", line.read(SHOP, "0504FF01"))
    assert frozen.stamp == NOON
    line.clock.advance(-1500)
    assert frozen.numbers["00010000"] == line.value(SHOP, "00010000")
    assert line.value(SHOP, "050400FE") == "2026-11-11T23:00"


def test_an_instant_freeze_is_by_order_and_point_to_point_only() -> None:
    line = Line()
    with pytest.raises(Refused):
        line.read(HOUSE, "05010001")
    line.clock.advance(61)
    assert line.answer(orders.freeze_request(HOUSE)).control == 0x96
    then = line.value(HOUSE, "00010000")
    line.clock.advance(3600)
    frozen = freezes.decode("0501FF01", line.read(HOUSE, "0501FF01"))
    assert frozen.stamp == NOON + timedelta(minutes=1)
    assert frozen.numbers["00010000"] == then


def test_a_timed_freeze_is_made_at_the_minute_told() -> None:
    line = Line()
    line.answer(orders.freeze_request(HOUSE, "99990730"))
    line.clock.advance(2 * 86_400)
    assert line.value(HOUSE, "05000001") == "2026-11-24T07:30"
    assert line.value(HOUSE, "05000002") == "2026-11-23T07:30"
    with pytest.raises(Refused):
        line.read(HOUSE, "05000003")


def test_a_settlement_day_can_be_set_and_moves_the_registers() -> None:
    line = Line()
    line.answer(orders.write_request(HOUSE, "04000B01", b"\x06\x21", PASSWORD, "00000001"))
    settled = line.value(HOUSE, "00010001")
    line.clock.advance(-(30 * 3600))
    assert settled == line.value(HOUSE, "00010000")


def test_the_maximum_demand_is_the_highest_quarter_hour_and_its_end() -> None:
    line = Line()
    meter = line.meters["shop"]
    total, *tariffs = decode_demands("0101FF01", line.read(SHOP, "0101FF01"))
    assert total.at is not None
    assert total.value == max(one.value or 0 for one in tariffs)
    for band, one in enumerate(tariffs):
        assert one.at is not None
        last = one.at - timedelta(seconds=1)
        assert BAND_OF_SLOT[last.hour * 4 + last.minute // 15] == band
    end_ms = meter.calendar.shown(total.at)
    assert abs(meter.demand_w(end_ms) - (total.value or 0)) < 0.1
    began = meter.calendar.shown(datetime(2026, 10, 1))
    ended = meter.calendar.shown(datetime(2026, 11, 1))
    assert max(meter.demand_w(at) for at in range(began + 900_000, ended + 1, 900_000)) == pytest.approx(
        total.value, abs=0.1
    )


def test_a_frozen_maximum_is_what_it_was_then_in_whatever_order_it_is_asked() -> None:
    line = Line()
    newest_first = [line.read(SHOP, f"050609{back:02X}") for back in range(1, 31)]
    for back in (1, 2, 9, 22, 30):
        alone = Line().read(SHOP, f"050609{back:02X}")
        assert newest_first[back - 1] == alone
    line.clock.advance(-12 * 3600)
    assert newest_first[0] == line.read(SHOP, "0101FF00")


def test_a_maximum_of_now_is_higher_when_more_was_taken_and_never_falls_within_a_period() -> None:
    line, last = Line(), Decimal(0)
    for _ in range(8):
        line.clock.advance(6 * 3600)
        (now,) = decode_demands("01010000", line.read(SHOP, "01010000"))
        assert Decimal(str(now.value)) >= last
        last = Decimal(str(now.value))


def test_a_meter_without_blocks_refuses_them_and_answers_single_items() -> None:
    line = Line(ONE_LINE.replace('load = "shop"', 'load = "shop"\nbehaviour = ["no-blocks"]'))
    for di in ("0001FF00", "0201FF00"):
        with pytest.raises(Refused):
            line.read(SHOP, di)
    assert line.value(SHOP, "02010100") is not None
