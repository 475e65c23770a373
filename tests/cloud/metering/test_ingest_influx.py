"""What an InfluxDB refuses is never called stored: it is a dead letter, and replayed once that is mended."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from cloud.kit.errors import Invalid
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.batches import batch_table
from cloud.metering.dead_letters import dead_letter_table
from cloud.metering.influx.store import InfluxStore
from cloud.metering.ingest import Callbacks
from cloud.metering.store import BatchOfReadings
from protocols.mqtt import topics
from protocols.readings import Reading
from tests.cloud.metering.influx_between import Between
from tests.cloud.metering.station import NOW, Station, payload, reading
from tests.influx import Influx

READINGS = topics.up("gw-1", "readings")


@pytest.fixture
def worked_on() -> list[str]:
    return []


@pytest.fixture
def station(tmp_path: Path, influx: Influx, worked_on: list[str]) -> Iterator[Station]:
    def stored(_: Connection, __: BatchOfReadings, readings: Sequence[Reading]) -> None:
        worked_on.extend(str(each.values) for each in readings)

    made = Station(tmp_path, Callbacks(stored=[stored]))
    sqlite, made.ingest.store = made.store, InfluxStore(influx.settings(), made.database)
    # somebody has made voltages whole numbers in this bucket: the engine keeps to that
    influx.write(
        f"reading,meter=zz,source=polled voltage_l1_v=1i {round((NOW - timedelta(1)).timestamp()) * 1000}"
    )
    influx.write(f"reading,meter=zz,source=polled voltage_l1_v=1i {round(NOW.timestamp()) * 1000}")
    yield made
    made.ingest.store.close()
    sqlite.close()
    made.database.close()


def test_a_token_that_was_withdrawn_settles_nothing_and_shows_in_the_state(
    tmp_path: Path, influx: Influx
) -> None:
    station, between = Station(tmp_path), Between(influx.url)
    store = station.ingest.store = InfluxStore(influx.settings(url=between.url), station.database)
    between.writes.append((401, {}, b'{"code": "unauthorized", "message": "unauthorized access"}'))
    station.ingest.take(READINGS, payload(1))
    station.ingest.take(READINGS, payload(2))
    assert station.published == []
    assert (outcomes(station), letters(station)) == ([], [])
    assert "readings.influxdb.token_file" in str(station.ingest.state.fault)
    store.close()
    station.close()
    between.close()


def letters(station: Station) -> list[str]:
    with station.database.read() as connection:
        return list(connection.scalars(select(dead_letter_table.c.reason)))


def outcomes(station: Station) -> list[tuple[int, str, int]]:
    table = batch_table.c
    with station.database.read() as connection:
        found = connection.execute(select(table.seq, table.outcome, table.readings).order_by(table.seq))
        return [(row[0], row[1], row[2]) for row in found]


def values(station: Station) -> list[float]:
    return [each.value for each in station.ingest.store.rows(WHOLE_STATION)]


def test_what_the_engine_refuses_is_a_dead_letter_the_rest_is_stored_and_all_is_settled(
    station: Station, worked_on: list[str]
) -> None:
    good, bad = reading("m11", 0), reading("m12", 0, voltage_l1_v=230.5)
    station.ingest.take(READINGS, payload(1, good, bad))
    station.ingest.take(READINGS, payload(2, bad))
    assert values(station) == [1000]
    assert worked_on == ["{'energy_import_wh': 1000}"]
    assert station.settled() == {1, 2}
    assert outcomes(station) == [(1, "stored", 1), (2, "dead-lettered", 0)]
    assert [("meter 'm12'" in why, "conflict" in why) for why in letters(station)] == [(True, True)] * 2


def test_it_is_replayed_once_the_engine_takes_it(station: Station, influx: Influx) -> None:
    station.ingest.take(READINGS, payload(1, reading("m11", 0), reading("m12", 0, voltage_l1_v=230.5)))
    with pytest.raises(Invalid, match=r"dead letter 1 is still refused: .*conflict"):
        station.ingest.replay(1)
    influx.query("DROP MEASUREMENT reading")
    assert station.ingest.replay(1) == 2
    assert values(station) == [1000, 230.5]
    assert outcomes(station) == [(1, "stored", 2)]
