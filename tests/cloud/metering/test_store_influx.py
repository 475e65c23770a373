"""The InfluxDB store: the contract, and what is its own."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.influx.facts import facts
from cloud.metering.influx.store import InfluxStore
from cloud.metering.points import Point, PointSink
from cloud.metering.store import BatchOfReadings, ReadingStore, StoreFault
from protocols.readings import Quality, Reading, Source
from tests.cloud.metering.influx_between import Between
from tests.cloud.metering.store_contract import (
    T0,
    T0_MS,
    ReadingStoreContract,
    _batches,
    _dump_of,
    batch,
    dump,
    minute,
    reading,
)
from tests.influx import Engine, Influx, Influxd, fresh

Opened = Callable[[str], ReadingStore]


class Own(InfluxStore):
    """The store with its own records database, closed together."""

    def __init__(self, influx: Influx, records: Path) -> None:
        self.influx, self.records = influx, Database(f"sqlite:///{records}")
        super().__init__(influx.settings(), self.records)

    def close(self) -> None:
        super().close()
        self.records.close()


@pytest.fixture(scope="session")
def opened(influx_engine: Engine, empty_sqlite: Path) -> Iterator[Opened]:
    """Opens the store that belongs to a folder: a bucket and a records database of its own."""
    buckets: dict[str, Influx] = {}

    def open_(folder: str) -> ReadingStore:
        records = Path(folder) / "records.db"
        if folder not in buckets:
            buckets[folder] = fresh(influx_engine, Path(folder))
            shutil.copy(empty_sqlite, records)
        return Own(buckets[folder], records)

    yield open_
    for made in buckets.values():
        influx_engine.drop(made.bucket)


class TestInfluxStore(ReadingStoreContract):
    @pytest.fixture(autouse=True)
    def _opened(self, opened: Opened) -> None:
        type(self).opened = staticmethod(opened)

    # each example makes two buckets: fewer of them, and `test_influx_contest` has the many
    @settings(max_examples=15, deadline=None)
    @given(data=st.data(), batches=st.lists(_batches, min_size=1, max_size=6))
    def test_any_order_and_duplication_of_batches_gives_the_same_store(
        self, data: st.DataObject, batches: Sequence[BatchOfReadings]
    ) -> None:
        again = data.draw(st.permutations([*batches, *data.draw(st.lists(st.sampled_from(batches)))]))
        assert _dump_of(type(self).opened, batches) == _dump_of(type(self).opened, again)


@pytest.fixture
def store(tmp_path: Path, opened: Opened) -> Iterator[ReadingStore]:
    made = opened(str(tmp_path))
    yield made
    made.close()


def test_a_late_claim_is_looked_up_after_a_restart_too(tmp_path: Path, opened: Opened) -> None:
    first = opened(str(tmp_path))
    first.write(batch(reading(5, energy_import_wh=7, power_w=1.5), seq=2))
    first.close()
    again = opened(str(tmp_path))
    again.write(batch(reading(5, energy_import_wh=6), seq=1))
    again.write(batch(reading(5, power_w=9.5, voltage_l1_v=230.0), seq=3))
    found = {each.quantity: (each.value, each.seq) for each in again.rows(WHOLE_STATION)}
    assert found == {"energy_import_wh": (6, 1), "power_w": (1.5, 2), "voltage_l1_v": (230.0, 3)}
    assert [(each.value, each.seq) for each in again.conflicts(WHOLE_STATION)] == [(7, 2), (9.5, 3)]
    again.close()


def test_a_backlog_goes_on_after_a_restart_without_a_look_at_every_reading(
    influx: Influx, sqlite_url: str
) -> None:
    between, database = Between(influx.url), Database(sqlite_url)
    store = InfluxStore(influx.settings(url=between.url), database)
    hour = [[reading(60 * at + minute, f"m{n}") for n in range(3) for minute in (0, 30)] for at in range(48)]
    for seq, at in enumerate((47, 0, 1, 2)):
        store.write(batch(*hour[at], seq=seq))
    store.close()
    again = InfluxStore(influx.settings(url=between.url), database)
    between.asked = 0
    for at in range(2, 47):
        again.write(batch(*hour[at], seq=at + 10))
    assert between.asked <= 8  # where the meters end; what came again; the gap behind it, and its last hour
    again.write(batch(*hour[30], seq=0))
    assert between.asked <= 10
    assert len(list(again.rows(WHOLE_STATION))) == 3 * 2 * 48
    assert {each.seq for each in again.rows(WHOLE_STATION) if each.at_ms == hour[30][0].at_ms} == {0}
    again.close()
    between.close()
    database.close()


def test_a_newest_value_that_is_lost_to_another_is_not_remembered(store: ReadingStore) -> None:
    store.write(batch(reading(0, energy_import_wh=7), seq=2))
    assert [each.value for each in store.latest(WHOLE_STATION)] == [7]
    store.write(batch(reading(0, energy_import_wh=6), seq=1))
    assert [each.value for each in store.latest(WHOLE_STATION)] == [6]


@settings(max_examples=12, deadline=None)
@given(batches=st.lists(_batches, min_size=2, max_size=8))
def test_what_is_remembered_as_newest_is_what_the_engine_says(
    opened: Opened, batches: Sequence[BatchOfReadings]
) -> None:
    with TemporaryDirectory() as folder:
        store = opened(folder)
        for each in batches:
            store.write(each)
            remembered = store.latest(WHOLE_STATION)
        again = opened_beside(store)
        assert again.latest(WHOLE_STATION) == remembered == store.latest(WHOLE_STATION, ["m1", "m2", "m9"])
        again.close()
        store.close()


@settings(max_examples=6, deadline=None)
@given(batches=st.lists(_batches, min_size=8, max_size=16))
def test_threads_at_once_leave_what_one_after_the_other_would(
    opened: Opened, batches: Sequence[BatchOfReadings]
) -> None:
    with TemporaryDirectory() as folder:
        store = opened(folder)
        with ThreadPoolExecutor(4) as pool:
            for work in [pool.submit(store.write, each) for each in batches]:
                work.result()
        found = dump(store)
        store.close()
    assert found == _dump_of(opened, batches)


def test_what_write_returned_for_survives_a_kill_of_the_engine(
    store: ReadingStore, influx_engine: Engine
) -> None:
    if not isinstance(influx_engine, Influxd):
        pytest.skip("the engine is somebody else's")
    store.write(batch(*(reading(each) for each in range(20))))
    influx_engine.kill()
    with pytest.raises(StoreFault, match="503"):
        store.write(batch(reading(20), seq=2))
    influx_engine.start()
    store.write(batch(reading(20), seq=2))
    assert len(list(store.rows(WHOLE_STATION))) == 21


def opened_beside(store: ReadingStore) -> InfluxStore:
    """Another one, that remembers nothing, on the same bucket."""
    assert isinstance(store, Own)
    return InfluxStore(store.influx.settings(), store.records)


NAMES = ["a b,c=d", "表-01 号", "it's", 'say "x"', "back\\", "back\\slash,", "50%25", "m1' OR '1'='1", "/.*/"]


def test_any_name_of_a_meter_comes_back_as_it_was_and_asks_for_itself_alone(store: ReadingStore) -> None:
    store.write(batch(*(reading(number, name) for number, name in enumerate(NAMES))))
    assert [(each.meter, each.at_ms) for each in store.rows(WHOLE_STATION)] == sorted(
        (name, reading(number).at_ms) for number, name in enumerate(NAMES)
    )
    for number, name in enumerate(NAMES):
        assert [each.value for each in store.latest(WHOLE_STATION, [name])] == [1000 + number]
        found = store.series(WHOLE_STATION, name, "energy_import_wh", T0, minute(99))
        assert list(found.values) == [1000 + number]


def test_columns_hold_every_source_and_each_values_own_quality(store: ReadingStore) -> None:
    doubtful = Reading("m1", T0_MS, Source.POLLED, {"energy_import_wh": 1, "power_w": 2.5}, Quality.SUSPECT)
    store.write(batch(doubtful, reading(0, source=Source.PROFILE, energy_import_wh=3), reading(1, "m2")))
    store.write(batch(Reading("m1", T0_MS, Source.POLLED, {"energy_import_wh": 9}), seq=0))
    energy, power = store.columns(WHOLE_STATION, ["m2", "m1"], ["energy_import_wh", "power_w"], T0, minute(9))
    assert energy.meter.tolist() == [0, 1, 1]
    assert energy.at_ms.tolist() == [T0_MS + 60_000, T0_MS, T0_MS]
    assert energy.source.tolist() == [0, 0, 2]
    assert energy.quality.tolist() == [0, 0, 0]
    assert energy.values.tolist() == [1001, 9, 3]
    assert (power.meter.tolist(), power.quality.tolist(), power.values.tolist()) == ([1], [3], [2.5])
    assert [each.dtype.str for each in (energy.values, power.values)] == ["<i8", "<f8"]


def test_points_for_boards_are_found_by_influxql_and_are_no_readings(influx: Influx, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    store = InfluxStore(influx.settings(), database)
    assert isinstance(store, PointSink)
    row = Point({"area": "示例台区 A01"}, T0, {"power_w": 5.0, "meters": 3, "note": 'x "y"'})
    store.write_points("area_15min", [row, row])
    found = influx.query('SELECT * FROM "area_15min"')
    assert found[0]["columns"] == ["time", "area", "meters", "note", "power_w"]
    assert found[0]["values"] == [[T0_MS, "示例台区 A01", 3, 'x "y"', 5]]
    assert list(store.rows(WHOLE_STATION)) == []
    for bad in ("reading", "two words", "_internal"):
        with pytest.raises(ValueError, match="no measurement for boards"):
            store.write_points(bad, [row])
    with pytest.raises(ValueError, match="leave out what is missing"):
        store.write_points("area_15min", [Point({}, T0, {"power_w": float("nan")})])
    told = facts(store)
    assert (told.engine, told.series, told.fields, told.crowded) == ("influxdb", 1, 3, False)
    store.close()
    database.close()


# several processes on one bucket: PostgreSQL says whose turn it is


@pytest.fixture
def processes(influx: Influx, migrated_postgres: str) -> Iterator[Callable[[bool], InfluxStore]]:
    """As many stores as are asked for, each with its own connections, as if in a process of its own."""
    made: list[tuple[InfluxStore, Database]] = []

    def start(shared: bool) -> InfluxStore:
        database = Database(migrated_postgres)
        made.append((InfluxStore(influx.settings(), database, shared=shared), database))
        return made[-1][0]

    yield start
    for store, database in made:
        store.close()
        database.close()
    with psycopg.connect(migrated_postgres, autocommit=True) as admin:
        admin.execute("TRUNCATE reading_conflict, quarantine")


def test_a_second_process_may_read_but_not_write_unless_all_take_turns(
    processes: Callable[[bool], InfluxStore],
) -> None:
    first, second, third = processes(False), processes(False), processes(True)
    first.write(batch(reading(0)))
    for other in (second, third):
        assert len(list(other.rows(WHOLE_STATION))) == 1
        with pytest.raises(StoreFault, match="another wattpost process writes readings"):
            other.write(batch(reading(1)))
    first.close()
    second.write(batch(reading(1), seq=2))
    assert len(list(second.rows(WHOLE_STATION))) == 2


def test_what_was_remembered_is_forgotten_when_the_database_lost_the_only_writer(
    processes: Callable[[bool], InfluxStore], migrated_postgres: str
) -> None:
    first, second = processes(False), processes(False)
    first.write(batch(reading(0)))
    with psycopg.connect(migrated_postgres, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        deadline = time.monotonic() + 10
        while admin.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() != (0,):
            assert time.monotonic() < deadline, "the session was ended and its lock stays"
            time.sleep(0.01)
    second.write(batch(reading(5, energy_import_wh=5), seq=2))
    second.close()
    first.write(batch(reading(5, energy_import_wh=4), seq=3))  # not newer than all there is, by now
    assert [each.value for each in first.rows(WHOLE_STATION)] == [1000, 5]
    assert [each.value for each in first.conflicts(WHOLE_STATION)] == [4]


@settings(max_examples=4, deadline=None)
@given(batches=st.lists(_batches, min_size=6, max_size=12))
def test_processes_that_take_turns_leave_what_one_alone_would(
    influx_engine: Engine,
    migrated_postgres: str,
    tmp_path_factory: pytest.TempPathFactory,
    batches: Sequence[BatchOfReadings],
) -> None:
    alone = _written(influx_engine, migrated_postgres, tmp_path_factory.mktemp("alone"), batches, 1)
    shared = _written(influx_engine, migrated_postgres, tmp_path_factory.mktemp("shared"), batches, 3)
    assert shared == alone


def _written(
    engine: Engine, postgres: str, folder: Path, batches: Sequence[BatchOfReadings], processes: int
) -> bytes:
    influx = fresh(engine, folder)
    databases = [Database(postgres) for _ in range(processes)]
    stores = [InfluxStore(influx.settings(), each, shared=processes > 1) for each in databases]
    with ThreadPoolExecutor(processes) as pool:
        for work in [
            pool.submit(stores[number % processes].write, each) for number, each in enumerate(batches)
        ]:
            work.result()
    found = dump(stores[0])
    for store in stores:
        store.close()
    for database in databases:
        database.close()
    engine.drop(influx.bucket)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("TRUNCATE reading_conflict, quarantine")
    return found
