"""The queue of exceptions: how one moves, and that nobody's word is undone by the next run of the job."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Row

from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.metering.vee import days, exception_store
from cloud.metering.vee.days import Channel, Method
from cloud.metering.vee.exception_rules import TABLE, WAITING, Event, State, move
from cloud.metering.vee.exceptions import Exceptions, give_back
from tests.cloud.metering.vee.village import DAY, Village, midnight, village

ONE, QUARTER = timedelta(days=1), timedelta(minutes=15)
WHY = "示例原因"


def order(_: Connection, meter: str, start: datetime, end: datetime, who: str, now: datetime) -> str:
    assert (meter, start, end) == ("M-1", midnight(), midnight() + ONE)
    assert who == "operator"
    assert now.tzinfo
    return "RC-1"


@pytest.fixture
def station(database: Database, tmp_path: Path) -> Iterator[Village]:
    """On both databases: a meter whose register fell in slot 50."""
    made = village(database, tmp_path)
    made.registry({"id": "M-1"})
    made.write("M-1", [(midnight() + n * QUARTER, fallen(n)) for n in range(97)])
    made.validate()
    yield made
    made.store.close()


def fallen(boundary: int) -> int:
    return 10_000 + 100 * boundary - (9000 if boundary > 50 else 0)


def waiting(station: Village, **only: Any) -> list[Row[Any]]:
    with station.database.read() as connection:
        return list(exception_store.exceptions(connection, waiting=True, **only))


def say(station: Village, what: str, *given: Any) -> None:
    with station.database.write() as connection:
        getattr(Exceptions(order), what)(connection, *given, station.clock.now())


def test_every_move_is_in_the_table_and_what_is_settled_stays_settled() -> None:
    for state in State:
        for event in Event:
            if (state, event) in TABLE:
                assert state in WAITING
                assert move(state, event) in State
            else:
                with pytest.raises(Conflict):
                    move(state, event)


def test_a_failure_waits_for_a_person_once_however_often_the_day_is_validated(station: Village) -> None:
    station.validate()
    (row,) = waiting(station)
    assert (row.code, row.point, row.area, row.severity, row.first_slot) == ("V13", "M-1", "A01", "fail", 50)
    assert np.isnan(station.day("M-1").final_wh[50]) or station.day("M-1").method[50] == Method.INTERPOLATED
    assert waiting(station, area="A02") == []
    assert waiting(station, severity="warn") == []


def test_what_is_accepted_is_not_opened_again_and_leaves_a_revision(station: Village) -> None:
    (row,) = waiting(station)
    with pytest.raises(Invalid):
        say(station, "accept", row.id, "operator", " ")
    say(station, "accept", row.id, "operator", WHY)
    station.validate()
    assert waiting(station) == []
    with station.database.read() as connection:
        kept = days.revisions(connection, "M-1", Channel.IMPORT, DAY)
        happened = [(each.who, each.event) for each in exception_store.EXCEPTIONS.events(connection, row.id)]
    assert (kept[-1].by, kept[-1].why) == ("operator", f"V13 accepted: {WHY}")
    assert happened == [("validate", "found"), ("operator", "accept")]
    with pytest.raises(Conflict):
        say(station, "accept", row.id, "operator", WHY)


def test_a_correction_wins_over_every_run_until_the_registers_say_otherwise(station: Village) -> None:
    (row,) = waiting(station)
    say(station, "correct", row.id, {50: 123}, "operator", WHY)
    for _ in range(2):
        station.validate()
        found = station.day("M-1")
        assert found.final_wh[50] == 123
        assert found.method[50] == Method.MANUAL
        assert waiting(station) == []
    assert found.revision == 2, "a run that finds nothing new writes nothing"
    station.write("M-1", [(midnight() + 51 * QUARTER - timedelta(minutes=1), fallen(50) + 90)])
    station.write("M-1", [(midnight() + 51 * QUARTER - timedelta(seconds=30), fallen(51) - 10)])
    station.validate()
    assert station.day("M-1").final_wh[50] == 123, "no number of the meter's own: the person's word counts"


def test_readings_for_a_corrected_slot_end_the_edit_and_tell_so(database: Database, tmp_path: Path) -> None:
    station = village(database, tmp_path)
    station.registry({"id": "M-1"})
    station.write_days("M-1", DAY, 1, leave_out=lambda at: at > midnight() + 90 * QUARTER)
    station.validate()
    with station.database.write() as connection:
        row = {
            "point": "M-1", "channel": Channel.IMPORT.value, "day": DAY, "area": "A01", "meter": "M-1",
            "code": "V19", "severity": "fail", "first_slot": 0, "last_slot": 95, "state": "open",
            "evidence": b"", "opened_at": station.clock.now(), "changed_at": station.clock.now(),
        }  # fmt: skip
        number = exception_store.EXCEPTIONS.add(connection, row)
    say(station, "correct", number, {95: 77, 3: 55}, "operator", WHY)
    station.write("M-1", [(midnight() + n * QUARTER, 10_000 + 100 * n) for n in range(91, 97)])
    station.validate()
    found = station.day("M-1")
    assert found.final_wh[95] == 100, "the meter's own word, late"
    assert found.final_wh[3] == 55, "nothing new came for this one"
    (told,) = waiting(station)
    assert (told.code, told.first_slot, told.observed, told.limit) == ("E01", 95, 100.0, 77.0)
    with station.database.read() as connection:
        kept = days.revisions(connection, "M-1", Channel.IMPORT, DAY)
    assert any(each.content.final_wh[95] == 77 and each.by == "operator" for each in kept), (
        "it stays to be read"
    )
    station.store.close()


@pytest.mark.parametrize("values", [{}, {96: 1}, {-1: 1}, {50: -1}, {50: 10**13}])
def test_a_correction_that_cannot_be_is_refused(station: Village, values: dict[int, int]) -> None:
    (row,) = waiting(station)
    with pytest.raises(Invalid):
        say(station, "correct", row.id, values, "operator", WHY)
    assert len(waiting(station)) == 1


def test_a_re_read_waits_for_its_answer_and_comes_back_without_one(station: Village) -> None:
    (row,) = waiting(station)
    say(station, "reread", row.id, "operator")
    (row,) = waiting(station)
    assert (row.state, row.order) == ("rereading", "RC-1")
    with pytest.raises(Conflict):
        say(station, "reread", row.id, "operator")
    now = station.clock.now() + timedelta(days=2)
    with station.database.write() as connection:
        assert give_back(connection, now - ONE, now) == 1
    assert waiting(station)[0].state == "open"


def test_what_is_no_longer_found_settles_itself(station: Village) -> None:
    (row,) = waiting(station)
    station.write("M-2", [(midnight(), 1)])
    with station.database.write() as connection:
        exception_store.EXCEPTIONS.change(connection, row.id, code="V09")
    station.validate()
    assert [each.code for each in waiting(station)] == ["V13"]
    with station.database.read() as connection:
        assert exception_store.EXCEPTIONS.row(connection, row.id).state == "resolved"
        with pytest.raises(NotFound):
            exception_store.EXCEPTIONS.row(connection, 10**6)
