"""A station grows up: all of it into other engines, under its own identities, and both sides counted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloud.app import Application
from cloud.keeping.copy import PROGRESS, Copied, Side, copy
from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, StoreFault, ms
from cloud.records import Records
from cloud.settings import Settings
from protocols.readings import Reading, Source
from tests.cloud.conftest import NOW


@contextmanager
def no_bar(_total: int, _label: str) -> Iterator[Callable[[int], object]]:
    yield lambda _: None


class CutOff(SqliteStore):
    """Its engine goes away after one write."""

    writes = 0

    def write_many(self, batches: Sequence[BatchOfReadings]) -> None:
        if self.writes:
            raise StoreFault("the engine is gone")
        self.writes += 1
        super().write_many(batches)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def source(application: Application) -> Side:
    """The village, with one value that two batches claim."""
    contested = [Reading("M-1", ms(NOW), Source.POLLED, {"energy_import_wh": 7})]
    application.store.write(BatchOfReadings("gw-a01", "f", 1, contested))
    return Side(application.settings, Records(application.database, application.store))


@pytest.fixture
def target(migrated_postgres: str, empty_postgres: None, tmp_path: Path) -> Iterator[Side]:
    """PostgreSQL for the records and a new file for the readings."""
    folder = tmp_path / "target"
    folder.mkdir()
    database, store = Database(migrated_postgres), SqliteStore(folder / "readings.db")
    yield Side(Settings(data_dir=folder), Records(database, store))
    store.close()
    database.close()


def test_everything_is_over_there_under_the_same_identity(source: Side, target: Side) -> None:
    (source.settings.data_dir / "broker.password").write_text("something secret\n")
    done = copy(source, target, no_bar)
    assert list(target.records.store.rows(WHOLE_STATION)) == list(source.records.store.rows(WHOLE_STATION))
    assert target.records.store.conflicts(WHOLE_STATION) == source.records.store.conflicts(WHOLE_STATION)
    assert (done.conflicts, done.meters) == (1, 4)
    assert (target.settings.data_dir / "broker.password").read_text() == "something secret\n"
    assert not (target.settings.data_dir / "records.db").exists()


def test_the_service_goes_on_with_new_rows_after_the_copied_ones(source: Side, target: Side) -> None:
    copy(source, target, no_bar)
    database = target.records.database
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO job_run (job, started_at, took_ms) VALUES ('x', '2026-03-02T08:00:00Z', 1)"
        )


def test_an_engine_that_goes_away_is_told_and_the_next_try_goes_on(source: Side, target: Side) -> None:
    folder = target.settings.data_dir
    target.records.store.close()
    failing = CutOff(folder / "readings.db")
    with pytest.raises(Conflict, match="the engine is gone; mend that and give the command again"):
        copy(source, Side(target.settings, Records(target.records.database, failing)), no_bar)
    failing.close()
    again = SqliteStore(folder / "readings.db")
    done = copy(source, Side(target.settings, Records(target.records.database, again)), no_bar)
    assert isinstance(done, Copied)
    assert list(again.rows(WHOLE_STATION)) == list(source.records.store.rows(WHOLE_STATION))
    again.close()


def test_a_target_that_holds_something_else_is_refused(source: Side, target: Side) -> None:
    with target.records.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO area (id, name, feeder) VALUES ('A99', 'x', 'F9')")
    with pytest.raises(Conflict, match="area is not empty"):
        copy(source, target, no_bar)


def test_a_value_that_is_only_over_there_is_found(source: Side, target: Side) -> None:
    stray = [Reading("M-3", ms(NOW) + 1, Source.POLLED, {"power_w": 1.0})]
    target.records.store.write(BatchOfReadings("gw-a02", "x", 1, stray))
    with pytest.raises(Exception, match=r"meter M-3: .* are not the same"):
        copy(source, target, no_bar)


def test_what_was_done_is_noted_beside_the_target(source: Side, target: Side) -> None:
    copy(source, target, no_bar)
    assert (target.settings.data_dir / PROGRESS).read_text().split() == ["M-1", "M-2", "M-3", "M-4"]
