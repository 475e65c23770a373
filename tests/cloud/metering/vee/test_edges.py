"""Days that are not like others: outages, changes of the clock, ratios, points nobody is served at."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cloud.metering.vee import job
from cloud.metering.vee.days import Channel, Flag, Method
from cloud.metering.vee.job import Done
from cloud.metering.vee.surroundings import Supplied, Surroundings, Times, wide
from protocols.readings import Quality, Source
from tests.cloud.metering.vee.village import DAY, Village, midnight, total

ONE, QUARTER = timedelta(days=1), timedelta(minutes=15)


def hours(start: float, end: float) -> tuple[datetime, datetime]:
    return midnight() + timedelta(hours=start), midnight() + timedelta(hours=end)


def between(at: datetime, times: Times) -> bool:
    return times[0] < at and (times[1] is None or at < times[1])


def test_a_confirmed_outage_is_zero_and_flagged_and_no_estimate(station: Village) -> None:
    station.registry({"id": "M-1"})
    out = hours(10, 12)
    station.surroundings = Surroundings(dark=lambda *_: {"M-1": [out]})
    station.write_days("M-1", DAY, 1, lambda slot: 0 if 40 <= slot < 48 else 100,
                       leave_out=lambda at: between(at, out))  # fmt: skip
    station.validate()
    found = station.day("M-1")
    assert (found.final_wh[40:48] == 0).all()
    assert (found.method[40:48] == Method.OUTAGE_ZERO).all()
    assert (found.flags[40:48] & Flag.OUTAGE).all()
    assert total(found) == 88 * 100


def test_an_area_meter_at_zero_proves_the_outage_of_those_who_are_silent(station: Village) -> None:
    station.registry({"id": "A-1", "role": "area", "model": "dlt645-2007-3p"}, {"id": "M-1"})
    out = hours(10, 12)
    still = lambda slot: 0 if 40 <= slot < 48 else 100  # noqa: E731
    station.write_days("A-1", DAY, 1, still)
    station.write_days("M-1", DAY, 1, still, leave_out=lambda at: between(at, (out[0], out[1] + ONE)))
    station.validate()
    found = station.day("M-1")
    assert (found.method[40:48] == Method.OUTAGE_ZERO).all()
    assert np.isnan(found.final_wh[48:]).all(), "after it nobody knows"


def test_an_area_meter_that_stands_still_proves_no_outage_while_a_customer_uses_energy(
    station: Village,
) -> None:
    station.registry({"id": "A-1", "role": "area", "model": "dlt645-2007-3p"}, {"id": "M-1"}, {"id": "M-2"})
    station.write_days("A-1", DAY, 1, lambda _: 0)
    station.write_days("M-1", DAY, 1, leave_out=lambda at: between(at, hours(10, 26)))
    station.write_days("M-2", DAY, 1)
    station.validate()
    assert not (station.day("M-1").method == Method.OUTAGE_ZERO).any()


@pytest.mark.parametrize("readings", [None, 250])
def test_a_point_validated_again_alone_is_still_held_against_its_area(
    station: Village, monkeypatch: pytest.MonkeyPatch, readings: int | None
) -> None:
    """In an area too large to be taken at once, too: its own meter is looked at with each piece."""
    if readings is not None:
        monkeypatch.setattr(job, "READINGS", readings)
    names = [f"M-{n}" for n in range(1, 6)]
    station.registry(
        {"id": "Z-1", "role": "area", "model": "dlt645-2007-3p"}, *({"id": name} for name in names)
    )
    out = hours(10, 12)
    still = lambda slot: 0 if 40 <= slot < 48 else 100  # noqa: E731
    for name in ("Z-1", *names[1:]):
        station.write_days(name, DAY, 1, still)
    station.write_days("M-1", DAY, 1, still, leave_out=lambda at: between(at, (out[0], out[1] + ONE)))
    station.clock.set(midnight(DAY) + ONE + timedelta(hours=4))
    assert station.validation.day(DAY).points == 6
    before = station.day("M-1")
    assert (before.method[40:48] == Method.OUTAGE_ZERO).all()
    assert station.validation.day(DAY, meters=["M-1"]) == Done(points=1)
    assert station.day("M-1").revision == 1


def test_estimates_stop_in_an_outage_of_the_area_and_in_a_wide_one(station: Village) -> None:
    station.registry({"id": "M-1"})
    station.write_days(
        "M-1", DAY - 14 * ONE, 15, leave_out=lambda at: at > midnight() + 10 * timedelta(hours=1)
    )
    for number in range(-14, 0):
        station.validate(DAY + number * ONE)
    still: Times = (midnight() + timedelta(hours=12), None)
    station.surroundings = Surroundings(areas_out=lambda *_: {"A01": [still]})
    station.validate()
    found = station.day("M-1")
    assert (found.method[40:48] == Method.LIKE_DAY).all()
    assert np.isnan(found.final_wh[48:]).all()


def test_an_outage_is_wide_where_enough_areas_of_a_feeder_are_out_at_once() -> None:
    feeders = {"A01": "F1", "A02": "F1", "A03": "F1", "A04": "F1", "B01": "F2"}
    first, second, third = hours(1, 5), hours(2, 4), hours(3, 6)
    out = {"A02": [first], "A03": [second], "A04": [third], "B01": [hours(0, 9)]}
    assert wide("A01", feeders, out, 3) == [(third[0], second[1])]
    assert wide("A01", feeders, out, 4) == []
    assert wide("B01", feeders, out, 3) == [hours(0, 9)]


def test_days_of_92_and_100_slots_come_out_whole(station: Village) -> None:
    station.zone = ZoneInfo("Europe/Berlin")
    station.registry({"id": "M-1"})
    for day, slots in ((date(2016, 3, 27), 92), (date(2016, 10, 30), 100)):
        start = midnight(day, station.zone)
        station.write("M-1", [(start + n * QUARTER, 1000 + 50 * n) for n in range(slots + 1)])
        station.validate(day)
        found = station.day("M-1", day)
        assert found.slots == slots
        assert (found.final_wh == 50).all()
        assert found.end == midnight(day + ONE, station.zone)


def test_secondary_registers_are_taken_times_the_ratio_once(station: Village) -> None:
    station.registry({"id": "M-1", "model": "dlt645-2007-3p", "ct_ratio": 30.0})
    station.write_days("M-1", DAY, 1)
    station.validate()
    found = station.day("M-1")
    assert found.register_start_wh == 300_000
    assert (found.final_wh == 3000).all()


def test_a_missing_freeze_is_bridged_by_polled_readings_and_the_stamp_wins_where_it_is(
    station: Village,
) -> None:
    station.registry({"id": "M-1", "interval_s": 60})
    rows = [(midnight() + n * timedelta(minutes=1, seconds=7), 1000 + n) for n in range(-5, 1400)]
    station.write("M-1", rows, source=Source.POLLED)
    station.write("M-1", [(midnight(), 998)], source=Source.FREEZE)
    station.validate()
    found = station.day("M-1")
    assert found.register_start_wh == 998
    assert not np.isnan(found.final_wh).any()
    assert found.register_end_wh is not None
    assert total(found) == found.register_end_wh - 998


def test_a_stamp_of_a_meter_whose_clock_is_off_is_no_boundary(station: Village) -> None:
    station.registry({"id": "M-1"})
    station.write_days("M-1", DAY, 1, leave_out=lambda at: at == midnight() + 40 * QUARTER)
    station.write("M-1", [(midnight() + 40 * QUARTER, 10_000)], quality=Quality.METER_CLOCK_OFF)
    station.validate()
    found = station.day("M-1")
    assert (found.flags[39:41] & Flag.GAP).all()
    assert total(found) == 9600, "the hole is filled to what the registers around it say"


def test_export_is_a_channel_of_its_own_and_nothing_is_netted(station: Village) -> None:
    station.registry({"id": "M-1", "model": "dlt645-2007-3p"})
    station.write_days("M-1", DAY, 1)
    station.write(
        "M-1", [(midnight() + n * QUARTER, 500 + 20 * n) for n in range(97)], quantity="energy_export_wh"
    )
    station.validate()
    assert total(station.day("M-1")) == 9600
    assert total(station.day("M-1", channel=Channel.EXPORT)) == 1920


def test_energy_after_the_last_account_left_is_a_finding(station: Village) -> None:
    station.registry({"id": "M-1"})
    left = midnight() + timedelta(hours=12)
    gone = Supplied("residential", (midnight() - 30 * ONE, left))
    station.surroundings = Surroundings(supplied=lambda *_: {"M-1": [gone]})
    station.write_days("M-1", DAY, 1)
    station.validate()
    found = station.day("M-1")
    assert not (found.flags[:48] & Flag.INACTIVE_USE).any()
    assert (found.flags[48:] & Flag.INACTIVE_USE).all()
    assert total(found) == 9600, "what was measured stays"


def test_more_than_the_capacity_is_told_and_kept(station: Village) -> None:
    station.registry({"id": "M-1"})
    station.write_days("M-1", DAY, 1, lambda slot: 9000 if slot == 50 else 100)
    station.validate()
    found = station.day("M-1")
    assert found.flags[50] & Flag.CAP
    assert found.flags[50] & Flag.SPIKE
    assert found.final_wh[50] == 9000


def test_weeks_without_export_are_nothing_to_look_at(station: Village) -> None:
    station.registry({"id": "M-1", "model": "dlt645-2007-3p"})
    for number in range(8):
        day = DAY + number * ONE
        station.write_days("M-1", day, 1, start_wh=10_000 + number * 9600)
        stamps = [(midnight(day) + n * QUARTER, 500) for n in range(97)]
        station.write("M-1", stamps, quantity="energy_export_wh")
        station.validate(day)
    last = station.day("M-1", day, channel=Channel.EXPORT)
    assert (last.final_wh == 0).all()
    assert not last.flags.any()


@pytest.mark.parametrize("first", [0, 3], ids=["from midnight on", "midnight not known"])
def test_a_register_read_each_hour_tells_each_hours_energy_also_where_quarters_are_expected(
    station: Village, first: int
) -> None:
    station.registry({"id": "M-1"})
    load = lambda slot: 20 + 50 * (slot % 96 // 4)  # noqa: E731
    hourly = lambda at: at.minute != 0 or (at - midnight()) < timedelta(hours=first)  # noqa: E731
    station.write_days("M-1", DAY, 1, load, leave_out=hourly)
    station.validate()
    found = station.day("M-1")
    hours_wh = found.final_wh.reshape(24, 4).sum(axis=1)
    assert hours_wh[first:].tolist() == [80 + 200 * hour for hour in range(first, 24)]
    assert (found.method[4 * first :] == Method.REGISTER_SHAPED).all(), "the quarters within are estimates"


def test_a_register_that_contradicts_those_around_it_cuts_no_hole(station: Village) -> None:
    station.registry({"id": "M-1"})
    keep = {midnight() + timedelta(hours=hour) for hour in (0, 24)}
    station.write_days("M-1", DAY, 1, leave_out=lambda at: at not in keep)
    station.write("M-1", [(midnight() + timedelta(hours=12), 5_000)])
    station.validate()
    assert total(station.day("M-1")) == 96 * 100
