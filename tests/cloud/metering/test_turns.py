"""Nobody looks at a meter while another writes it: neither a thread of this process nor another process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.influx.store import InfluxStore
from tests.cloud.metering.influx_between import Between
from tests.cloud.metering.store_contract import batch, reading
from tests.influx import Influx

WAITS_S = 0.7
"""Who need not wait is done long before."""


@pytest.fixture
def between(influx: Influx) -> Iterator[Between]:
    made = Between(influx.url)
    yield made
    made.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as made:
        yield made


@pytest.fixture
def one_process(sqlite_url: str, influx: Influx, between: Between) -> Iterator[list[InfluxStore]]:
    """The same store twice: threads share it."""
    database = Database(sqlite_url)
    store = InfluxStore(influx.settings(url=between.url), database)
    yield [store, store]
    store.close()
    database.close()


@pytest.fixture
def two_processes(migrated_postgres: str, influx: Influx, between: Between) -> Iterator[list[InfluxStore]]:
    """Two that share the work, each with connections of its own."""
    databases = [Database(migrated_postgres) for _ in range(2)]
    stores = [InfluxStore(influx.settings(url=between.url), each, shared=True) for each in databases]
    yield stores
    for store in stores:
        store.close()
    for each in databases:
        each.close()
    with psycopg.connect(migrated_postgres, autocommit=True) as admin:
        admin.execute("TRUNCATE reading_conflict, quarantine")


@pytest.mark.parametrize("who", ["one_process", "two_processes"])
def test_a_meter_that_is_on_its_way_is_waited_for_and_no_other_is(
    who: str, request: pytest.FixtureRequest, between: Between, pool: ThreadPoolExecutor
) -> None:
    """A look at it now would find nothing there, and the lowest claim would be overwritten by what lands."""
    first, second = request.getfixturevalue(who)
    between.writes.append("held")
    later = pool.submit(first.write, batch(reading(0, energy_import_wh=7), seq=2))
    assert between.holding.wait(10)
    earlier = pool.submit(second.write, batch(reading(0, energy_import_wh=6), seq=1))
    pool.submit(second.write, batch(reading(0, "m2"), seq=3)).result(10)
    with pytest.raises(TimeoutError):
        earlier.result(WAITS_S)
    between.released.set()
    later.result(10)
    earlier.result(10)
    assert [(each.meter, each.value, each.seq) for each in first.rows(WHOLE_STATION)] == [
        ("m1", 6, 1),
        ("m2", 1000, 3),
    ]
    assert [(each.value, each.seq) for each in first.conflicts(WHOLE_STATION)] == [(7, 2)]
