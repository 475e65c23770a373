"""Marks of days to be validated again, on both databases."""

from datetime import date

from sqlalchemy import select

from cloud.kit.db import Database
from cloud.metering.vee.dirty import dirty_table, mark, marks, unmark

NAMES = ["m1", 'quo"te', "表1", "it's"]
FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 2)


def test_many_meters_of_many_days_are_marked_and_each_mark_is_counted(database: Database) -> None:
    with database.write() as connection:
        mark(connection, [])
        mark(connection, [(name, day) for name in NAMES for day in (FIRST, SECOND)])
        mark(connection, [("m1", FIRST), ("m1", FIRST), ("m9", SECOND)])
    with database.read() as connection:
        found = set(marks(connection, date(2026, 12, 1)))
    assert found == {(name, day, 1) for name in NAMES[1:] for day in (FIRST, SECOND)} | {
        ("m1", FIRST, 2),
        ("m1", SECOND, 1),
        ("m9", SECOND, 1),
    }


def test_a_day_marked_again_since_it_was_read_stays_marked(database: Database) -> None:
    with database.write() as connection:
        mark(connection, [("m1", FIRST), ("m2", FIRST)])
        seen = marks(connection, SECOND)
        mark(connection, [("m1", FIRST)])
        unmark(connection, seen)
        assert connection.execute(select(dirty_table)).all() == [("m1", FIRST, 2)]
