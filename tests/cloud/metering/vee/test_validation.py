"""From readings in a store to validated days: what is measured, what is missing, and what comes late."""

from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import insert

from cloud.fleet.history import Note
from cloud.fleet.registry import import_registry
from cloud.metering.archive import due, manifest
from cloud.metering.archive.manifest import day_table as archived_table
from cloud.metering.imported import Imported
from cloud.metering.vee import days, dirty
from cloud.metering.vee.days import Channel, Flag, Method
from cloud.metering.vee.job import Done
from cloud.metering.vee.surroundings import Surroundings
from tests.cloud.metering.vee.village import DAY, Village, document, midnight, total

ONE = timedelta(days=1)


def test_a_measured_day_is_the_difference_of_its_registers_and_nothing_else(station: Village) -> None:
    station.registry({"id": "M-1"})
    station.write_days("M-1", DAY, 1, lambda slot: 50 + slot)
    station.validate()
    found = station.day("M-1")
    assert found.slots == 96
    assert np.array_equal(found.final_wh, 50.0 + np.arange(96))
    assert np.all(found.method == Method.MEASURED)
    assert found.register_end_wh is not None
    assert found.register_start_wh is not None
    assert total(found) == found.register_end_wh - found.register_start_wh


def test_a_meter_that_said_nothing_is_missing_and_not_zero(station: Village) -> None:
    station.registry({"id": "M-1"})
    station.validate()
    found = station.day("M-1")
    assert np.isnan(found.final_wh).all()
    assert np.all(found.method == Method.MISSING)
    assert np.all(found.flags & Flag.GAP)


def test_a_hole_over_three_days_is_filled_to_the_wh_once_the_register_is_back(station: Village) -> None:
    station.registry({"id": "M-1"})
    dark_from, dark_to = midnight() + timedelta(hours=14), midnight() + timedelta(days=3, hours=10)
    station.write_days(
        "M-1", DAY - 14 * ONE, 19, lambda slot: 60 + slot % 96,
        leave_out=lambda at: dark_from < at < dark_to,
    )  # fmt: skip
    for number in range(-14, 5):
        station.validate(DAY + number * ONE)
    station.clock.set(midnight(DAY + 5 * ONE) + timedelta(hours=4))
    station.validation.run()
    with station.database.read() as connection:
        assert dirty.marks(connection, DAY + 30 * ONE) == []
    hole = [station.day("M-1", DAY + number * ONE) for number in range(4)]
    whole = sum(60 + slot for slot in range(96))
    assert sum(total(each) for each in hole) == 4 * whole
    assert not any(np.isnan(each.final_wh).any() for each in hole)
    assert np.all(hole[1].method == Method.REGISTER_SHAPED)
    assert hole[1].references
    assert hole[1].references[-1] < DAY
    assert np.abs(hole[1].final_wh - (60 + np.arange(96))).max() <= 1, "like days give the shape"


def test_late_readings_make_their_day_dirty_and_the_job_validates_it_again(station: Village) -> None:
    station.registry({"id": "M-1"})
    late_from = midnight() + timedelta(hours=6)
    station.write_days("M-1", DAY, 1, leave_out=lambda at: at > late_from)
    station.validate()
    station.validation.run()
    assert np.isnan(station.day("M-1").final_wh[-1])
    at, rows = late_from, []
    while at < midnight() + ONE:
        at += timedelta(minutes=15)
        rows.append((at, 10_000 + 100 * int((at - midnight()) / timedelta(minutes=15))))
    readings = station.write("M-1", rows)
    late = dirty.DirtyDays(station.zone, station.clock, timedelta(hours=2))
    with station.database.write() as connection:
        late.on_stored(connection, None, readings)
    station.validation.run()
    found = station.day("M-1")
    assert np.all(found.method == Method.MEASURED)
    with station.database.read() as connection:
        assert [each.by for each in days.revisions(connection, "M-1", Channel.IMPORT, DAY)] == [
            "validate"
        ] * 2
        assert dirty.marks(connection, DAY + 30 * ONE) == []


def test_validating_again_writes_nothing_where_nothing_changed(station: Village) -> None:
    station.registry({"id": "M-1"})
    station.write_days("M-1", DAY, 1)
    station.validate()
    station.validate()
    assert station.day("M-1").revision == 1


def test_a_reading_of_today_marks_nothing(station: Village) -> None:
    late = dirty.DirtyDays(station.zone, station.clock, timedelta(hours=2))
    station.registry({"id": "M-1"})

    def marked(now: datetime, at: datetime) -> list[int]:
        station.clock.set(now)
        readings = station.write("M-1", [(at, 1)])
        with station.database.write() as connection:
            late.on_stored(connection, None, readings)
            found = dirty.marks(connection, DAY + 30 * ONE)
            dirty.unmark(connection, found)
        return [day.day for _, day, _ in found]

    noon = midnight() + timedelta(hours=12)
    assert marked(noon, noon) == []
    assert marked(noon, midnight() + timedelta(minutes=5)) == [30], "it bears on the register at midnight"
    assert marked(midnight() + timedelta(minutes=5), midnight() + timedelta(minutes=4)) == []
    assert marked(noon, midnight() - timedelta(hours=12)) == [30]
    assert marked(noon, midnight() - timedelta(minutes=1)) == [30]


def test_a_day_whose_raw_readings_were_let_go_stays_as_it_was_validated(station: Village) -> None:
    """Nor are its neighbours done again, whose midnights rest on it."""
    station.registry({"id": "M-1"})
    station.write_days("M-1", DAY - ONE, 4)
    for number in range(-1, 3):
        station.validate(DAY + number * ONE)
    with station.database.write() as connection:
        gone = {"revisions": 1, "archived_at": station.clock.now(), "forgotten_at": station.clock.now()}
        connection.execute(insert(archived_table).values(day=DAY, **gone))
    station.store.let_go(["M-1"], midnight(), midnight(DAY + ONE), 96)
    station.surroundings = Surroundings(let_go=manifest.let_go)
    for number in range(-1, 2):
        assert station.validation.day(DAY + number * ONE) == Done(let_go=1)
        assert station.day("M-1", DAY + number * ONE).revision == 1
    assert total(station.day("M-1")) == 96 * 100
    assert station.validation.day(DAY + 2 * ONE) == Done(points=1)


def test_a_file_marks_the_days_that_it_brings_readings_of(station: Village) -> None:
    station.registry({"id": "M-1"})
    station.validate()
    station.validation.run()
    readings = station.write("M-1", [(midnight() + timedelta(hours=1), 5), (station.clock.now(), 7)])
    with Imported(station.database, station.zone, station.clock, timedelta(hours=2)) as came:
        came.note(readings)
    with station.database.read() as connection:
        assert [mark[:2] for mark in dirty.marks(connection, DAY + 9 * ONE)] == [
            ("M-1", DAY - ONE),
            ("M-1", DAY),
        ]
        assert due.marks(connection) == {DAY: 1}


def test_a_meter_is_not_missed_on_days_before_anybody_knew_of_it(station: Village) -> None:
    """A document does not say since when its meters hang: each counts from its first reading."""
    with station.database.write() as connection:
        import_registry(connection, document([{"id": "M-1"}]), Note("", "", midnight(DAY + 3 * ONE)))
    station.write_days("M-1", DAY, 1)
    for number in range(-1, 5):
        station.validate(DAY + number * ONE)
    with station.database.read() as connection:
        found = [each.day for each in days.newest(connection, DAY - 9 * ONE, DAY + 9 * ONE)]
    assert found == [DAY + number * ONE for number in range(5)], "from the first reading on it was there"
