"""Every query of every board, as it reaches a real InfluxDB, finds what real store and job wrote."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from cloud.kit.db import Database
from cloud.metering.boards import EVERY, Boards
from cloud.metering.ledger.tables import day_table, total_table
from cloud.metering.points import Point
from cloud.metering.quarters import QUARTER_MS
from cloud.metering.store import StoreFault
from dashboards import build
from tests.dashboards.asking import ALL, options, put, rows, span
from tests.dashboards.seeded import AREAS, GAP, NOW, QUARTER, ZONE, Seeded, readings
from tests.influx import Influx, Influxd, Named, fresh

BOARDS = build.documents("en")
TARGETS = [
    pytest.param(board, panel, target, id=f"{uid.removeprefix('wattpost-')}-{panel['id']}{target['refId']}")
    for uid, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel["targets"]
]
CHOICES: list[dict[str, Any]] = [
    {"feeder": ALL, "area": ALL, "meter": "A01-01"},
    {"feeder": "F1", "area": ["A01", "A02"], "meter": "A01-01"},
]


@pytest.fixture(scope="module")
def station(
    influx_engine: Influxd | Named, empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seeded]:
    folder = tmp_path_factory.mktemp("boards")
    (folder / "records.db").write_bytes(empty_sqlite.read_bytes())
    influx = fresh(influx_engine, folder)
    database = Database(f"sqlite:///{folder / 'records.db'}")
    seeded = Seeded(database, influx)
    yield seeded
    seeded.store.close()
    database.close()
    influx.engine.drop(influx.bucket)


def window(board: dict[str, Any], panel: dict[str, Any]) -> tuple[datetime, datetime]:
    return NOW - span(panel.get("timeFrom") or board["time"]["from"]), NOW


@pytest.mark.parametrize("chosen", CHOICES, ids=["all", "chosen"])
@pytest.mark.parametrize(("board", "panel", "target"), TARGETS)
def test_every_target_of_every_board_returns_rows(
    station: Seeded,
    board: dict[str, Any],
    panel: dict[str, Any],
    target: dict[str, Any],
    chosen: dict[str, Any],
) -> None:
    found = rows(station.influx, put(target["query"], *window(board, panel), chosen))
    drawn = [value for row in found for name, value in row.items() if name != "time" and value is not None]
    numbers = [value for value in drawn if isinstance(value, int | float)]
    assert numbers, target["query"]
    if panel["type"] == "table":
        shown = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
        assert shown == set(found[0]) - {"time"}


def test_each_list_offers_what_hangs_below_the_choice_before_it(station: Seeded) -> None:
    lists = {one["name"]: one["query"] for one in BOARDS["wattpost-meter"]["templating"]["list"]}

    def offered(name: str, **chosen: str | list[str]) -> list[str]:
        return options(station.influx, put(lists[name], *window(*_first()), chosen))

    assert offered("feeder") == ["F1", "F2"]
    assert offered("area", feeder=ALL) == ["A01", "A02", "B01"]
    assert offered("area", feeder="F1") == ["A01", "A02"]
    assert offered("meter", feeder="F2", area=ALL) == ["B01-01", "B01-02", "B01-03"]
    assert offered("meter", feeder=ALL, area=["A01"]) == ["A01-00", "A01-01", "A01-02", "A01-03"]


def _first() -> tuple[dict[str, Any], dict[str, Any]]:
    board = BOARDS["wattpost-meter"]
    return board, board["panels"][0]


def quarter(station: Seeded, area: str, at: datetime) -> dict[str, Any]:
    """The newest fields of one area's quarter-hour that begins at `at`."""
    found = rows(
        station.influx,
        f'SELECT * FROM "area_15min" WHERE "area" = \'{area}\' AND time = {int(at.timestamp())}s',
    )
    return found[0] if found else {}


def test_an_area_quarter_has_the_area_meters_energy_times_its_ratio(station: Seeded) -> None:
    found = quarter(station, "A01", NOW - timedelta(hours=12))
    assert found["energy_wh"] == pytest.approx(300.0)
    assert found["power_w"] == pytest.approx(1200.0)
    assert (found["meters"], found["heard"]) == (4, 4)


def test_an_area_without_its_own_meter_is_the_sum_of_its_customers(station: Seeded) -> None:
    found = quarter(station, "B01", NOW - timedelta(hours=12))
    assert found["energy_wh"] == pytest.approx(300.0)
    assert (found["meters"], found["heard"]) == (3, 3)


def test_voltages_outside_the_limits_are_counted(station: Seeded) -> None:
    at = NOW - timedelta(hours=12)
    low, high, fine = (quarter(station, area, at) for area in ("B01", "A02", "A01"))
    assert (low["voltage_min_v"], low["voltage_out"], low["voltage_known"]) == (190.0, 1, 3)
    assert (high["voltage_max_v"], high["voltage_out"]) == (241.0, 1)
    assert (fine["voltage_min_v"], fine["voltage_max_v"], fine["voltage_out"]) == (219.5, 221.0, 0)


def test_what_is_missing_is_a_gap_and_never_zero(station: Seeded) -> None:
    inside = GAP[0] + QUARTER
    own_meter_silent, all_silent = quarter(station, "A01", inside), quarter(station, "B01", inside)
    assert own_meter_silent["power_w"] is None
    assert (own_meter_silent["meters"], own_meter_silent["heard"]) == (4, 3)
    assert all_silent["power_w"] is None
    assert all_silent["voltage_min_v"] is None
    assert (all_silent["meters"], all_silent["heard"]) == (3, 0)
    board = BOARDS["wattpost-areas"]
    target = board["panels"][0]["targets"][0]["query"]
    drawn = rows(station.influx, put(target, GAP[0], GAP[1] - QUARTER, {"feeder": ALL, "area": "B01"}))
    assert [row["power_w"] for row in drawn] == [] or {row["power_w"] for row in drawn} == {None}


def test_the_load_of_the_station_says_of_how_many_areas_it_is(station: Seeded) -> None:
    load, known = (BOARDS["wattpost-station"]["panels"][number]["targets"][0]["query"] for number in (0, 1))
    inside, outside = GAP[0] + QUARTER, NOW - timedelta(hours=12)
    for at, power, share in ((outside, 3600.0, 100.0), (inside, 1200.0, 100 / 3)):
        chosen = {"feeder": ALL}
        (found,) = rows(station.influx, put(load, at, at, chosen))
        assert found["power_w"] == pytest.approx(power)
        (found,) = rows(station.influx, put(known, at, at, chosen))
        assert found["known"] == pytest.approx(share)


def test_a_day_stands_at_its_local_midnight_and_only_once_it_has_ended(station: Seeded) -> None:
    found = rows(station.influx, 'SELECT "rate" FROM "collection_day" WHERE "area" = \'A01\'')
    at = [datetime.fromtimestamp(row["time"] / 1000, UTC) for row in found]
    assert at == [datetime(2026, 11, 19, 16, tzinfo=UTC), datetime(2026, 11, 20, 16, tzinfo=UTC)]
    query = BOARDS["wattpost-readings"]["panels"][4]["targets"][0]["query"]
    chosen = {"feeder": ALL, "area": "A01"}
    drawn = rows(station.influx, put(query, NOW - timedelta(days=30), NOW, chosen))
    assert [row["time"] for row in drawn] == [row["time"] for row in found]
    assert drawn[0]["rate"] == pytest.approx(100 * 380 / 384)


def everything(influx: Influx) -> list[list[dict[str, Any]]]:
    return [
        rows(influx, f'SELECT * FROM "{name}"') for name in ("meter_info", "area_15min", "collection_day")
    ]


def test_a_job_that_begins_anew_writes_the_same_again(station: Seeded) -> None:
    before = everything(station.influx)
    assert all(before)
    station.new_job().run()
    assert everything(station.influx) == before


def test_readings_that_come_late_fill_the_gap_they_left(influx: Influx, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    station = Seeded(database, influx)
    try:
        inside = GAP[0] + QUARTER
        assert quarter(station, "B01", inside)["power_w"] is None
        late = readings("B01", late=True)
        station.write("B01", late)
        with database.read() as connection:
            station.boards.touched.note(connection, None, late)
        station.clock.advance(EVERY.total_seconds())
        station.run()
        found = quarter(station, "B01", inside)
        assert (found["power_w"], found["heard"]) == (pytest.approx(1200.0), 3)
        assert quarter(station, "A01", inside)["power_w"] is None
    finally:
        station.store.close()
        database.close()


def test_a_day_that_is_counted_anew_is_written_anew(influx: Influx, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    station = Seeded(database, influx)
    try:
        day = datetime(2026, 11, 20, tzinfo=UTC).date()
        with database.write() as connection:
            connection.execute(update(total_table).where(total_table.c.day == day).values(received=384))
            connection.execute(
                update(day_table).where(day_table.c.day == day).values(counted_at=NOW + timedelta(minutes=1))
            )
        station.run()
        found = rows(influx, 'SELECT "rate" FROM "collection_day" WHERE "area" = \'A01\'')
        assert [row["rate"] for row in found] == [100.0, pytest.approx(100 * 380 / 384)]
    finally:
        station.store.close()
        database.close()


class OutOfReach:
    """As a store is whose server does not answer."""

    def write_points(self, measurement: str, rows: Iterable[Point]) -> None:
        raise StoreFault(f"{measurement}: no answer to {len(list(rows))} points")


def test_what_could_not_be_written_is_written_at_the_next_run(influx: Influx, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    station = Seeded(database, influx)
    try:
        late = readings("B01", late=True)
        station.write("B01", late)
        cut_off = Boards(database, station.store, OutOfReach(), ZONE, station.clock)
        cut_off.touched = station.boards.touched
        cut_off.touched.add({each.at_ms // QUARTER_MS for each in late})
        with pytest.raises(StoreFault):
            cut_off.write_quarters()
        station.boards.write_quarters()
        assert quarter(station, "B01", GAP[0] + QUARTER)["heard"] == 3
    finally:
        station.store.close()
        database.close()


def test_past_days_can_be_written_after_an_import(influx: Influx, sqlite_url: str) -> None:
    database = Database(sqlite_url)
    station = Seeded(database, influx)
    try:
        influx.query('DROP MEASUREMENT "area_15min"')
        told: list[int] = []
        assert station.new_job().write_since(NOW - timedelta(hours=30), told.append) == sum(told) == 120 - 1
        assert quarter(station, "A01", NOW - timedelta(hours=29))["power_w"] == pytest.approx(1200.0)
        assert quarter(station, "A01", NOW - timedelta(hours=31)) == {}
    finally:
        station.store.close()
        database.close()


def test_the_station_has_few_series(station: Seeded) -> None:
    """A feeder, an area and a gateway a series at most: what a station of 300 areas adds is a few hundred."""
    for measurement, series in (
        ("area_15min", len(AREAS)),
        ("collection_day", len(AREAS)),
        ("meter_info", 11),
    ):
        assert len(rows(station.influx, f'SHOW SERIES FROM "{measurement}"')) == series
