"""The way through on SQLite and on PostgreSQL: the history is read back as it was written."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from cloud.fleet import events, history, topology
from cloud.kit.db import Database
from cloud.metering.fieldwork.actions import Fieldwork
from cloud.metering.fieldwork.requests import FieldRead, Move, RatioChange
from tests.cloud.metering.fieldwork.conftest import AT, NOW, REGISTER, TOLD, exchange

HOUR = timedelta(hours=1)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    yield made
    made.close()


def test_exchange_ratio_move_and_read_one_after_the_other(work: Fieldwork, records: Database) -> None:
    work.exchange(exchange(), TOLD)
    work.change_ratio(RatioChange("M-1", AT + HOUR, 20.0, 1.0), TOLD)
    work.move(Move("M-1", AT + 2 * HOUR, "A02", "B-1"), TOLD)
    work.read_by_hand(FieldRead("M-1", AT + 3 * HOUR, {REGISTER: 40}), TOLD)
    with records.read() as connection:
        found = topology.installations(connection, topology.BEGINNING, NOW, points=["M-1"])
        kinds = [row.kind for row in events.events(connection, "M-1")]
        [read] = events.reads(connection, "M-1")
    steps = [(each.meter, int(each.ct_ratio), each.area) for each in found]
    assert steps == [("M-1", 1, "A01"), ("N-1", 1, "A01"), ("N-1", 20, "A01"), ("N-1", 20, "A02")]
    assert [each.start for each in found] == [topology.BEGINNING, AT, AT + HOUR, AT + 2 * HOUR]
    assert kinds == ["exchange", "ratio", "move"]
    assert (read.meter, read.registers) == ("N-1", {REGISTER: 40})


@pytest.mark.parametrize("end", [AT, AT - HOUR])
def test_the_database_itself_refuses_a_span_that_ends_before_it_begins(
    records: Database, end: object
) -> None:
    row = {"point": "M-1", "meter": "M-1", "start": AT, "end": end, "by": "", "why": "", "recorded_at": AT}
    with pytest.raises(IntegrityError), records.write() as connection:
        connection.execute(insert(history.point_meter), [row])


def test_the_database_itself_refuses_two_that_still_hold(records: Database) -> None:
    row = {"point": "M-1", "meter": "M-2", "start": AT, "end": None, "by": "", "why": "", "recorded_at": AT}
    with pytest.raises(IntegrityError), records.write() as connection:
        connection.execute(insert(history.point_meter), [row])


def test_a_station_of_the_version_before_keeps_its_registry_as_its_history(records: Database) -> None:
    """What the migration writes is what an import of the same registry writes."""
    with records.write() as connection:
        before = topology.installations(connection, topology.BEGINNING, NOW)
        for table in (
            "point_meter",
            "point_over_time",
            "meter_over_time",
            "area_over_time",
            "point",
            "feeder",
        ):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE service SET point = NULL"))
        import importlib

        from alembic.migration import MigrationContext
        from alembic.operations import Operations

        step = importlib.import_module("cloud.migrations.versions.0003_registry_over_time")
        with Operations.context(MigrationContext.configure(connection)):
            step._what_was_so_ever_since()
        assert topology.installations(connection, topology.BEGINNING, NOW) == before
        assert connection.execute(text("SELECT point FROM service")).scalars().all() == ["M-1"]
