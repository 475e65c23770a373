"""A station on PostgreSQL and a real InfluxDB: moved there from files, cut off in between, backed up."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloud.app import Application
from cloud.keeping.backup import backup
from cloud.keeping.copy import Side, copy
from cloud.keeping.restore import drill, restore
from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.influx.store import InfluxStore
from cloud.metering.store import BatchOfReadings, ms
from cloud.records import Records, open_records
from cloud.settings import ReadingsSettings, Settings
from protocols.readings import Reading, Source
from tests.cloud.conftest import NOW
from tests.influx import Influx, Influxd


@contextmanager
def no_bar(_total: int, _label: str) -> Iterator[Callable[[int], object]]:
    yield lambda _: None


def quiet(_: int) -> None: ...


def reading(meter: str, wh: int, at_ms: int = ms(NOW)) -> Reading:
    return Reading(meter, at_ms, Source.POLLED, {"energy_import_wh": wh})


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def source(application: Application) -> Side:
    """The village; one value is claimed by three, two of them in one batch; one meter left the registry."""
    store = application.store
    store.write(BatchOfReadings("gw-a01", "f", 1, [reading("M-1", 7), reading("M-1", 8)]))
    store.write(BatchOfReadings("gw-a01", "f", 2, [reading("M-9", 5, ms(NOW) - 1)]))
    return Side(application.settings, Records(application.database, store))


@pytest.fixture
def settings_there(migrated_postgres: str, empty_postgres: None, influx: Influx, tmp_path: Path) -> Settings:
    folder = tmp_path / "there"
    folder.mkdir()
    kept = ReadingsSettings(kind="influxdb", influxdb=influx.settings(timeout_s=5.0))
    return Settings(data_dir=folder, database_url=migrated_postgres, readings=kept)


@pytest.fixture
def target(settings_there: Settings) -> Iterator[Side]:
    records = open_records(settings_there)
    yield Side(settings_there, records)
    records.close()


def everything(store: object) -> tuple[list[object], list[object]]:
    assert hasattr(store, "rows")
    assert hasattr(store, "conflicts")
    return sorted(store.rows(WHOLE_STATION)), sorted(store.conflicts(WHOLE_STATION))


def test_a_station_moves_from_files_and_nothing_is_left_behind(source: Side, target: Side) -> None:
    done = copy(source, target, no_bar)
    assert everything(target.records.store) == everything(source.records.store)
    assert (done.meters, done.conflicts) == (5, 2)


class Dies:
    """A store whose engine is killed after some steps; after that it is the real one's fault."""

    def __init__(self, real: InfluxStore, engine: Influxd, steps: int) -> None:
        self._real, self._engine, self._left = real, engine, steps

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def write_many(self, batches: Sequence[BatchOfReadings]) -> None:
        if not self._left:
            self._engine.kill()
        self._left -= 1
        self._real.write_many(batches)


def test_an_engine_that_is_killed_meanwhile_costs_nothing_but_a_second_try(
    source: Side, target: Side, influx: Influx
) -> None:
    """Also where conflicts, which are kept in the records, are over there already."""
    engine = influx.engine
    if not isinstance(engine, Influxd):
        pytest.skip("an engine of the environment is not ours to kill")
    store = target.records.store
    assert isinstance(store, InfluxStore)
    dying = Records(target.records.database, Dies(store, engine, 3))  # type: ignore[arg-type]
    try:
        with pytest.raises(Conflict, match="give the command again"):
            copy(source, Side(target.settings, dying), no_bar)
    finally:
        engine.start()
    target.records.close()
    again = open_records(target.settings)
    try:
        copy(source, Side(target.settings, again), no_bar)
        assert everything(again.store) == everything(source.records.store)
    finally:
        again.close()


def test_it_is_backed_up_as_its_service_runs_and_the_backup_is_tried(
    source: Side, target: Side, tmp_path: Path
) -> None:
    copy(source, target, no_bar)
    target.records.store.write(BatchOfReadings("gw-a01", "g", 1, [reading("M-2", 9)]))
    config = tmp_path / "cloud.toml"
    config.write_text('data_dir = "there"\n')
    path = tmp_path / "station.tar.gz"
    backup(target.settings, config, path, NOW, quiet)
    rows, conflicts = everything(target.records.store)
    assert drill(path, tmp_path, quiet).readings == len(rows) + len(conflicts)


def test_records_in_a_file_that_the_service_has_open_are_no_hindrance(
    source: Side, influx: Influx, tmp_path: Path
) -> None:
    kept = ReadingsSettings(kind="influxdb", influxdb=influx.settings())
    mixed = source.settings.model_copy(update={"readings": kept})
    store = InfluxStore(mixed.readings.influxdb, source.records.database)
    store.write(BatchOfReadings("gw-a01", "g", 1, [reading("M-2", 9), reading("M-2", 10)]))
    store.close()
    config = tmp_path / "cloud.toml"
    config.write_text("")
    backup(mixed, config, tmp_path / "b.tar.gz", NOW, quiet)
    assert drill(tmp_path / "b.tar.gz", tmp_path, quiet).readings == 2


def test_a_backup_is_never_restored_over_readings(
    source: Side, target: Side, influx: Influx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(source, target, no_bar)
    (tmp_path / "old").mkdir()
    config = tmp_path / "old" / "cloud.toml"
    config.write_text(
        f'[readings]\nkind = "influxdb"\n[readings.influxdb]\nurl = "{influx.url}"\norg = "{influx.org}"\n'
        f'bucket = "{influx.bucket}"\ntoken_file = "{influx.token_file}"\n'
    )
    backup(target.settings, config, tmp_path / "b.tar.gz", NOW, quiet)
    before = everything(target.records.store)
    with pytest.raises(Conflict, match="readings is not empty"):
        restore(tmp_path / "b.tar.gz", tmp_path / "new", quiet)
    assert everything(target.records.store) == before
    database = Database(f"sqlite:///{tmp_path / 'new' / 'data' / 'records.db'}")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM meter").scalar() == 0
    database.close()
