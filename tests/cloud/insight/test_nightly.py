"""The job of a night: which days are due to which part, and what becomes of a part that fails."""

import logging
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from cloud.insight import runs
from cloud.insight.nightly import Nightly, Part
from cloud.insight.runs import Night, State, Work
from cloud.kit.errors import Conflict
from tests.cloud.metering.archive.conftest import either_village as archived_village
from tests.cloud.metering.archive.village import DAY, POINTS, Village

village = archived_village
ONE = timedelta(days=1)


def filled(village: Village, *days: date, wh: float = 10.0) -> None:
    for day in days:
        for point in POINTS:
            village.validate(point, day, wh)
        village.archive_days(day)
        village.clock.advance(60)


def nightly(village: Village, *parts: Part) -> Nightly:
    return Nightly(village.database, village.clock, parts)


def seen(nights: list[Night]) -> Callable[[Night], None]:
    return nights.append


def test_a_day_is_done_once_by_each_part_in_their_order(village: Village) -> None:
    filled(village, DAY, DAY + ONE)
    calls: list[tuple[str, date]] = []
    job = nightly(
        village,
        Part("one", lambda night: calls.append(("one", night.day))),
        Part("two", lambda night: calls.append(("two", night.day))),
    )
    job.run()
    assert calls == [("one", DAY), ("two", DAY), ("one", DAY + ONE), ("two", DAY + ONE)]
    assert job.run() == []


def test_a_revision_makes_its_day_due_again_for_the_areas_it_changed(village: Village) -> None:
    nights: list[Night] = []
    filled(village, DAY, DAY + ONE)
    job = nightly(village, Part("one", seen(nights)))
    job.run()
    assert nights == [Night(DAY, ("A01", "A02"), False), Night(DAY + ONE, ("A01", "A02"), True)]
    village.clock.advance(86_400)
    village.validate("M-1", DAY, 20.0)
    village.archive_days(DAY)
    job.run()
    assert nights[2:] == [Night(DAY, ("A01",), False)]


def test_a_month_made_one_file_makes_nothing_due(village: Village) -> None:
    nights: list[Night] = []
    filled(village, DAY, DAY + ONE)
    job = nightly(village, Part("one", seen(nights)))
    job.run()
    village.clock.advance(86_400)
    village.compact()
    assert job.run() == []


def test_what_looks_forward_is_done_of_the_newest_day_alone(village: Village) -> None:
    nights: list[Night] = []
    filled(village, DAY, DAY + ONE)
    job = nightly(village, Part("forecast", seen(nights), again=False))
    job.run()
    assert [night.day for night in nights] == [DAY + ONE]
    assert job.run() == []


def test_of_a_month_one_call_is_for_all_its_days(village: Village) -> None:
    nights: list[Night] = []
    filled(village, DAY, DAY + ONE, date(2026, 4, 1))
    job = nightly(village, Part("months", seen(nights), monthly=True))
    job.run()
    assert [night.day for night in nights] == [DAY + ONE, date(2026, 4, 1)]
    assert job.run() == []


def test_a_part_that_fails_stops_no_other_is_told_and_due_again(
    village: Village, caplog: pytest.LogCaptureFixture
) -> None:
    nights: list[Night] = []
    broken = True

    def fails(_: Night) -> None:
        if broken:
            raise OSError("the disk is full")

    filled(village, DAY)
    job = nightly(village, Part("bad", fails), Part("good", seen(nights)))
    with caplog.at_level(logging.ERROR), pytest.raises(Conflict, match=f"1 of 2 parts failed: bad of {DAY}"):
        job.run()
    assert [night.day for night in nights] == [DAY]
    assert f"bad of {DAY} failed" in caplog.text
    with village.database.read() as connection:
        [run] = runs.of(connection, "bad", DAY, DAY)
    assert (run.state, run.failure) == (State.FAILED, "OSError: the disk is full")
    broken = False
    assert [took.part for took in job.run()] == ["bad"]


def test_a_new_rule_makes_every_day_due_for_every_area(village: Village) -> None:
    nights: list[Night] = []
    filled(village, DAY)
    nightly(village, Part("one", seen(nights))).run()
    nightly(village, Part("one", seen(nights), version=2)).run()
    assert nights[1] == nights[0] == Night(DAY, ("A01", "A02"), True)


def test_where_many_days_are_due_the_newest_comes_first_and_a_run_is_bounded(village: Village) -> None:
    calls: list[tuple[str, int]] = []
    filled(village, DAY, DAY + ONE, DAY + 2 * ONE)
    parts = (
        Part("alone", lambda night: calls.append(("alone", (night.day - DAY).days)), alone=True),
        Part("in order", lambda night: calls.append(("in order", (night.day - DAY).days))),
    )
    job = Nightly(village.database, village.clock, parts, within=timedelta(0))
    assert len(job.run()) == 3
    assert calls == [("alone", 2), ("alone", 0), ("in order", 0)]
    assert (len(job.run()), len(job.run()), len(job.run())) == (2, 1, 0)
    assert calls[3:] == [("alone", 1), ("in order", 1), ("in order", 2)]


def test_a_day_that_fails_again_and_again_keeps_no_later_one_waiting(village: Village) -> None:
    nights: list[Night] = []

    def fails_once(night: Night) -> None:
        if night.day == DAY:
            raise OSError("the file is damaged")
        nights.append(night)

    filled(village, DAY, DAY + ONE)
    job = Nightly(village.database, village.clock, [Part("one", fails_once)], within=timedelta(0))
    with pytest.raises(Conflict, match="1 of 2 parts failed"):
        job.run()
    assert [night.day for night in nights] == [DAY + ONE]


def test_days_long_past_are_left_to_the_verb(village: Village) -> None:
    nights: list[Night] = []
    filled(village, date(2026, 1, 1), DAY)
    nightly(village, Part("one", seen(nights))).run()
    assert [night.day for night in nights] == [DAY]


def test_what_is_done_with_the_same_inputs_by_the_same_rule_is_not_due(village: Village) -> None:
    work = Work("one", "A01", DAY, DAY, "inputs", 1)
    with runs.booked(village.database, village.clock, work):
        pass
    others = [
        Work("one", "A01", DAY, DAY, "others", 1),
        Work("one", "A01", DAY, DAY, "inputs", 2),
        Work("one", "A02", DAY, DAY, "inputs", 1),
        Work("two", "A01", DAY, DAY, "inputs", 1),
    ]
    with village.database.read() as connection:
        assert runs.due(connection, [work, *others]) == others
        assert [run.kind for run in runs.newest(connection)] == ["one"]
