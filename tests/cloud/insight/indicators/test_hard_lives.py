"""Points whose life is hard, from their registers through validation and archive into indicators."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.analysis.indicators.daily import INDICATORS
from cloud.insight.bands import station_bands
from cloud.insight.engine import Threads
from cloud.insight.indicators import store
from cloud.insight.indicators.actions import Indicators
from cloud.insight.indicators.store import DaySeries
from cloud.kit.calendar import station_calendar
from cloud.metering.vee.point_day import Channel
from cloud.settings import ArchiveSettings, BrokerSettings, HttpSettings, Settings, StationSettings
from tests.cloud.energy.lives import EXPORT, IMPORT
from tests.cloud.energy.station import PERIODS, Station, lived_through

AT = {each.name: place for place, each in enumerate(INDICATORS)}


@pytest.fixture(scope="module")
def station(empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """Its second day has 23 hours."""
    period, folder = PERIODS["spring"], tmp_path_factory.mktemp("station")
    shutil.copy(empty_sqlite, folder / "records.db")
    made = lived_through(settings(folder, period.zone.key), period, boards=False)
    indicators(made).backfill(period.first, period.last)
    yield made
    made.application.stop()


def settings(folder: Path, zone: str) -> Settings:
    return Settings(
        data_dir=folder,
        station=StationSettings(timezone=zone),
        http=HttpSettings(base_url="https://station.example"),
        broker=BrokerSettings(port=0),
        archive=ArchiveSettings(folder=folder / "archive"),
    )


def indicators(station: Station) -> Indicators:
    database, folder = station.application.database, station.settings.archive.folder
    bands, calendar = station_bands(), station_calendar()
    return Indicators(database, folder, station.period.zone, station.clock, bands, calendar, Threads(2))


def series(station: Station, point: str, channel: Channel = Channel.IMPORT) -> DaySeries:
    with station.application.database.read() as connection:
        return store.days_of(connection, point, station.period.first, station.period.last, channel)


def column(found: DaySeries, name: str) -> list[float]:
    return [float(value) for value in found.values[:, AT[name]]]


def flowed(station: Station, point: str, channel: str = IMPORT) -> list[NDArray[np.int64]]:
    """Wh of the quarter-hours of each local day."""
    period, all_days = station.period, np.array(station.lived[point].flowed[channel])
    edges = [period.slot(period.midnight(day)) for day in [*period.days, period.last + timedelta(days=1)]]
    return [all_days[low:high] for low, high in pairwise(edges)]


def test_a_day_of_23_hours_has_as_many_slots_and_all_of_its_energy(station: Station) -> None:
    found, truth = series(station, "plain"), flowed(station, "plain")
    assert found.slots.tolist() == [96, 92]
    assert column(found, "valid_slots") == [len(day) for day in truth]
    assert column(found, "energy_kwh") == pytest.approx([day.sum() / 1000 for day in truth], rel=1e-6)
    assert column(found, "max_kw") == pytest.approx([day.max() * 4 / 1000 for day in truth], rel=1e-6)
    assert column(found, "max_slot") == [day.argmax() for day in truth]


@pytest.mark.parametrize("point", ["exchanged", "exchanged-twice", "rolls-and-exchanged"])
def test_of_an_exchange_energies_add_up_and_maxima_do_not(station: Station, point: str) -> None:
    found, truth = series(station, point), flowed(station, point)
    assert column(found, "energy_kwh") == pytest.approx([day.sum() / 1000 for day in truth], rel=1e-6)
    assert column(found, "max_kw") <= [day.max() * 4 / 1000 * 1.001 for day in truth]
    assert column(found, "estimated_slots")[0] <= 4  # the slots in which the meter was changed


def test_each_side_of_a_change_of_ratio_has_its_own(station: Station) -> None:
    for point in ("ratio-changed", "ratio-at-a-slot"):
        found, truth = series(station, point), flowed(station, point)
        assert column(found, "energy_kwh") == pytest.approx([day.sum() / 1000 for day in truth], rel=1e-6)


def test_what_is_fed_in_is_a_load_of_its_own_and_never_netted(station: Station) -> None:
    taken, fed = series(station, "solar"), series(station, "solar", Channel.EXPORT)
    for found, channel in ((taken, IMPORT), (fed, EXPORT)):
        truth = flowed(station, "solar", channel)
        assert column(found, "energy_kwh") == pytest.approx([day.sum() / 1000 for day in truth], rel=1e-6)
    assert not len(series(station, "plain", Channel.EXPORT).days)


def test_missing_intervals_show_as_coverage_and_estimates(station: Station) -> None:
    """One of the holes lies across midnight: what its two ends know is conserved over both days."""
    found, truth = series(station, "holes"), flowed(station, "holes")
    assert sum(column(found, "energy_kwh")) == pytest.approx(sum(day.sum() for day in truth) / 1000, rel=1e-6)
    assert column(found, "valid_slots") == [len(day) for day in truth]
    assert column(found, "estimated_slots")[0] >= 13


def test_a_point_that_moved_has_each_of_its_days_once(station: Station) -> None:
    found, truth = series(station, "moved"), flowed(station, "moved")
    assert list(found.days) == station.period.days
    assert column(found, "energy_kwh") == pytest.approx([day.sum() / 1000 for day in truth], rel=1e-6)


def test_a_meter_read_by_the_hour_is_reckoned_by_its_hours(station: Station) -> None:
    found, truth = series(station, "hourly"), flowed(station, "hourly")
    assert column(found, "energy_kwh") == pytest.approx([day.sum() / 1000 for day in truth], rel=1e-6)
    assert column(found, "valid_slots") == found.slots.tolist()


def test_the_month_is_of_the_days_there_are(station: Station) -> None:
    with station.application.database.read() as connection:
        found = store.month_rows(connection, station.period.first)
    row = found.points.index("plain")
    total = sum(day.sum() for day in flowed(station, "plain")) / 1000
    assert found.values["energy_kwh"][row] == pytest.approx(total, rel=1e-6)
    assert found.days[row] == 2
    assert found.values["coverage"][row] == 1
    assert found.areas[found.points.index("moved")] == "A02"
