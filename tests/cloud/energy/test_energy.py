"""Energy is conserved in every view: what flowed over a period is what the view sums, and what it leaves out.

Lives are hard on purpose (`lives.py`); every comparison is of whole Wh and exact.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.app import build
from cloud.keeping.backup import backup
from cloud.keeping.copy import Side, copy
from cloud.keeping.restore import drill, restore
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.archive.rebuild import rebuild
from cloud.metering.sqlite.store import SqliteStore
from cloud.records import Records, open_records
from cloud.settings import (
    ArchiveSettings,
    BrokerSettings,
    HttpSettings,
    ReadingsSettings,
    Settings,
    StationSettings,
    load,
)
from tests.cloud.conftest import QUICK
from tests.cloud.energy import views
from tests.cloud.energy.lives import IMPORT, Period, Piece, by_area, everyone
from tests.cloud.energy.station import PERIODS, Station, lived_through
from tests.cloud.energy.views import EACH_POINT, PORTAL, Seen
from tests.influx import Influx

QUARTER = timedelta(minutes=15)


def silent(_: int) -> None: ...


@contextmanager
def no_bar(_total: int, _label: str) -> Iterator[Any]:
    yield silent


def made(folder: Path, period: Period, **more: Any) -> Settings:
    folder.mkdir(exist_ok=True)
    return Settings(
        data_dir=folder,
        station=StationSettings(timezone=period.zone.key),
        http=HttpSettings(base_url="https://station.example"),
        broker=BrokerSettings(port=0),
        archive=ArchiveSettings(folder=folder / "archive"),
        **more,
    )


@pytest.fixture(scope="module", params=["plain", "spring"])
def station(
    request: pytest.FixtureRequest, empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Station]:
    """On files; lived through once for all that only look."""
    folder = tmp_path_factory.mktemp("station")
    shutil.copy(empty_sqlite, folder / "records.db")
    period = PERIODS[request.param]
    found = lived_through(made(folder, period), period)
    yield found
    found.application.stop()


@pytest.fixture
def servers(migrated_postgres: str, empty_postgres: None, influx: Influx) -> dict[str, Any]:
    """Settings of a station on a real PostgreSQL and a real InfluxDB."""
    readings = ReadingsSettings(kind="influxdb", influxdb=influx.settings())
    return {"database_url": migrated_postgres, "readings": readings}


def compare(name: str, seen: Seen, flowed: list[Piece]) -> str:
    """Empty when the view's sum and what it leaves out are what flowed."""
    left_out = sum(between(flowed, *each) for each in seen.unknown)
    total = sum(wh for _, _, wh in flowed)
    if round(seen.wh, 6) + left_out == total:
        return ""
    return f"{name}: {seen.wh} + {left_out} left out is not {total}"


def between(flowed: list[Piece], start: datetime, end: datetime) -> int:
    """What flowed in a time that cuts no piece."""
    inside = [piece for piece in flowed if piece[0] < end and piece[1] > start]
    assert all(start <= piece[0] and piece[1] <= end for piece in inside), f"{start} to {end} cuts a piece"
    return sum(wh for _, _, wh in inside)


def wrong(station: Station, only: tuple[str, ...] = ()) -> list[str]:
    found = []
    for point, channel, flowed in everyone(station.lived):
        seen_by = dict(EACH_POINT)
        if channel == IMPORT and not station.lived[point].life.sum_of:
            seen_by |= PORTAL
        for name, view in seen_by.items():
            formatted = name.startswith("export") and name not in ON_ANY_DAY
            if (not only or name in only) and not (formatted and point not in FORMATTED):
                found.append(compare(f"{name} of {point} {channel}", view(station, point, channel), flowed))
    return [each for each in found if each]


FORMATTED = ("exchanged-twice", "ratio-changed", "rolls-over", "holes", "solar")
"""Points that go out in every format; all others as CSV, of the same blocks."""


def nothing_wrong(station: Station, only: tuple[str, ...] = ()) -> None:
    found = wrong(station, only)
    assert not found, "\n".join(found)


def test_every_view_of_a_point_has_the_energy_that_flowed(station: Station) -> None:
    nothing_wrong(station, () if station.period == PERIODS["plain"] else ON_ANY_DAY)


ON_ANY_DAY = ("series", "portal hours", "portal days", "final", "archive", "archive by hours", "export csv")


def test_boards_have_the_energy_of_their_areas(station: Station) -> None:
    assert not wrong_areas(station, views.boards)


def test_an_export_of_an_area_has_the_energy_of_the_points_while_they_stood_there(station: Station) -> None:
    assert not wrong_areas(station, views.exported_area, metered=False)


def wrong_areas(station: Station, view: views.AreaView, *, metered: bool = True) -> list[str]:
    found = []
    for area, slots in by_area(station.lived, station.period, metered=metered).items():
        at = station.period.at
        pieces = [(at(slot), at(slot + 1), wh) for slot, wh in enumerate(slots)]
        found.append(compare(f"area {area}", view(station, area), pieces))
    return [each for each in found if each]


def test_rebuilt_from_its_archive_a_store_tells_the_same_energy(station: Station, tmp_path: Path) -> None:
    app, whole = station.application, station.period
    first, last = whole.first - timedelta(days=1), whole.last + timedelta(days=1)
    with closing(SqliteStore(tmp_path / "readings.db")) as store, app.database.read() as connection:
        rebuild(
            connection,
            station.settings.archive.folder,
            store,
            tmp_path / "done",
            first,
            last,
            whole.zone,
            silent,
        )
        assert list(store.rows(WHOLE_STATION)) == list(app.store.rows(WHOLE_STATION))
        assert store.conflicts(WHOLE_STATION) == app.store.conflicts(WHOLE_STATION)


@pytest.mark.parametrize("station", ["spring"], indirect=True)
def test_a_restored_backup_and_a_copy_on_other_engines_tell_the_same_energy(
    station: Station, servers: dict[str, Any], tmp_path: Path
) -> None:
    config = tmp_path / "cloud.toml"
    config.write_text(f'data_dir = "data"\n[station]\ntimezone = "{station.period.zone.key}"\n')
    backup(station.settings, config, tmp_path / "b.tar.gz", station.clock.now(), silent)
    restore(tmp_path / "b.tar.gz", tmp_path / "again", silent)
    with opened(station, load(tmp_path / "again" / "cloud.toml")) as restored:
        nothing_wrong(restored, ALSO_ELSEWHERE)
    target = made(tmp_path / "grown", station.period, **servers)
    with closing(open_records(target)) as there:
        copy(Side(station.settings, Records(station.application.database, station.application.store)),
             Side(target, there), no_bar)  # fmt: skip
    with opened(station, target) as copied:
        nothing_wrong(copied, ALSO_ELSEWHERE)


ALSO_ELSEWHERE = ("series", "portal hours", "final", "archive")


@contextmanager
def opened(station: Station, settings: Settings) -> Iterator[Station]:
    """The same lives, at another place."""
    app = build(settings, station.clock, QUICK)
    try:
        yield replace(station, settings=settings, application=app)
    finally:
        app.stop()


def test_on_postgresql_and_influxdb_every_view_has_the_energy_too(
    servers: dict[str, Any], influx: Influx, tmp_path: Path
) -> None:
    period = PERIODS["autumn"]
    settings = made(tmp_path / "data", period, **servers)
    station = replace(lived_through(settings, period), query=influx.query)
    try:
        nothing_wrong(station, ON_ANY_DAY)
        assert not wrong_areas(station, views.boards)
        station.clock.set(datetime(2026, 11, 20, tzinfo=UTC))
        station.application.upkeep.run()
        assert months(station), "the month is over and one file now"
        nothing_wrong(station, ("archive", "archive by hours"))
        config = tmp_path / "cloud.toml"
        config.write_text('data_dir = "data"\n')
        backup(settings, config, tmp_path / "b.tar.gz", station.clock.now(), silent)
        drill(tmp_path / "b.tar.gz", tmp_path, silent)
    finally:
        station.application.stop()


def months(station: Station) -> list[Path]:
    return list((station.settings.archive.folder / "final").rglob("????-??.r*.parquet"))
