"""Real load curves: 400 customers of five areas through the importer, some of them through simulated meters.

The curves are SimBench's (ODbL, see tests/simbench_station.py); registers count whole Wh, and neither a
customer's nor an area's total is off, on the days of 92 and of 100 quarter-hours either.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cloud import app
from cloud.exchange import registers
from cloud.exchange.headings import Unit
from cloud.exchange.registers import State
from cloud.exchange.said import Said
from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION
from firmware_sim import fleet, history
from firmware_sim.scenario import load
from tests import simbench_station
from tests.cloud.exchange.place import Place
from tests.simbench_station import AUTUMN, SPRING, ZONE, Station

CUSTOMERS, AREAS, SIMULATED = 400, 5, 20
SLOTS_OF = {SPRING: 92, AUTUMN: 100}


def around(day: date, customers: int = CUSTOMERS, areas: int = AREAS) -> Station:
    """The day before and the day itself."""
    return simbench_station.station(customers, areas, day - timedelta(days=1), 2)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


@pytest.fixture(scope="module")
def stations() -> dict[date, Station]:
    return {day: around(day) for day in SLOTS_OF}


@pytest.fixture(scope="module")
def played(
    stations: dict[date, Station], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Place, dict[date, dict[str, object]]]]:
    """Both stretches brought in as files of SimBench's own layout: labels as its clock showed them."""
    assert app  # it knows every slice, and so every table
    folder = tmp_path_factory.mktemp("simbench")
    database = Database(f"sqlite:///{folder / 'records.db'}")
    database.migrate()
    place = Place(database, folder, stations[SPRING].registry())
    told = {}
    for day, station in stations.items():
        path = folder / f"{day}.csv"
        _write(station, path)
        done = place.bring_in(path, Said(ZONE, zone_said=True, unit=Unit.KW))
        told[day] = done.report
    yield place, told
    place.store.close()
    database.close()


def _write(station: Station, path: Path) -> None:
    names = ";".join(each.meter for each in station.customers)
    columns = (station.power_w / 1000).T.tolist()
    lines = (
        f"{label};" + ";".join(f"{value:.7f}" for value in row)
        for label, row in zip(station.labels, columns, strict=True)
    )
    path.write_text(f"time;{names}\n" + "\n".join(lines) + "\n")


def test_the_days_of_92_and_100_are_seen_as_what_they_are(
    played: tuple[Place, dict[date, dict[str, object]]],
) -> None:
    _, told = played
    for day, report in told.items():
        assert (report["layout"], report["labels"], report["interval_s"]) == ("columns", "begin", 900)
        assert (report["matched"], report["gaps"], report["empty"]) == (CUSTOMERS, 0, 0)
        assert report["intervals"] == CUSTOMERS * (96 + SLOTS_OF[day])
        assert list(report["clock_changes"]) == [day.isoformat()]  # type: ignore[call-overload]
        assert report["last"] == midnight(day + timedelta(days=1)).astimezone(ZONE).isoformat()


def test_registers_are_whole_wh_and_no_customer_or_area_is_off(
    played: tuple[Place, dict[date, dict[str, object]]], stations: dict[date, Station]
) -> None:
    place, _ = played
    for day, station in stations.items():
        slots = SLOTS_OF[day]
        energy = station.power_w.astype(np.float64) / 4
        counted = _counted(place, station, day - timedelta(days=1), day + timedelta(days=1))
        assert counted.shape == (CUSTOMERS, 96 + slots + 1)
        assert (np.diff(counted) >= 0).all()
        whole = counted[:, -1] - counted[:, 0]
        that_day = counted[:, -1] - counted[:, 96]
        for advance, source in ((whole, energy.sum(1)), (that_day, energy[:, 96:].sum(1))):
            assert (np.abs(advance - source) <= 1).all()
        exact = np.concatenate([np.zeros((CUSTOMERS, 1)), np.cumsum(energy, axis=1)], axis=1)
        assert (np.abs(counted - counted[:, :1] - exact) <= 1).all()
        for area, own in station.areas().items():
            rows = [each.row for each in own]
            assert len(rows) == CUSTOMERS // AREAS, area
            assert abs(whole[rows].sum() - energy[rows].sum()) <= len(rows)


def _counted(
    place: Place, station: Station, first: date, last: date
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """(customers, instants) of the registers, from midnight to midnight."""
    meters = [each.meter for each in station.customers]
    end = midnight(last) + timedelta(milliseconds=1)
    (found,) = place.store.columns(WHOLE_STATION, meters, ["energy_import_wh"], midnight(first), end)
    assert found.values.dtype == np.int64
    return found.values.reshape(len(meters), -1)


def test_a_whole_year_of_all_of_them_is_never_more_than_half_a_wh_off() -> None:
    year = simbench_station.station(CUSTOMERS, AREAS)
    assert year.power_w.shape == (CUSTOMERS, 35_136)
    begin = year.at_ms // 1000
    for customer in year.customers:
        energy = year.power_w[customer.row].astype(np.float64) / 4
        ((run, state),) = registers.runs(begin, energy, 900, State())
        assert abs(int(run.values_wh[-1]) - energy.sum()) <= 0.5 + 1e-3, customer
        assert abs(state.remainder_wh) <= 0.5
        assert np.diff(run.values_wh).min() >= 0


@pytest.mark.parametrize("day", SLOTS_OF)
def test_simulated_meters_count_the_same_curves(day: date, tmp_path: Path) -> None:
    """Read as a gateway reads them; the simulator's days keep the time of installation, instants are true."""
    station = around(day, SIMULATED, AREAS)
    energy_mwh = np.rint(station.power_w.astype(np.float64) * 250).astype(np.int64)
    at = pa.array(station.at_ms, pa.timestamp("ms", tz="UTC"))
    for customer in station.customers:
        power_w = (energy_mwh[customer.row] + 0.1) / 250  # the simulator cuts what is less than a mWh
        path = tmp_path / f"{customer.meter}.parquet"
        pq.write_table(pa.table({"time": at, "power_w": power_w}), path)
    (tmp_path / "village.toml").write_text(_scenario(station, day - timedelta(days=1)))
    built = fleet.build(load(tmp_path / "village.toml"))
    instants = [midnight(day - timedelta(days=1)), midnight(day), midnight(day + timedelta(days=1))]
    whole = []
    for customer in station.customers:
        energy = energy_mwh[customer.row] / 1000
        shown = [_shown(built, customer.meter, at) for at in instants]
        assert abs(shown[2] - shown[0] - energy.sum()) <= 1, customer
        assert abs(shown[2] - shown[1] - energy[96:].sum()) <= 1, customer
        whole.append(shown[2] - shown[0])
    for area, own in station.areas().items():
        rows = [each.row for each in own]
        assert abs(sum(whole[row] for row in rows) - energy_mwh[rows].sum() / 1000) <= len(rows), area


def _scenario(station: Station, installed: date) -> str:
    """Modbus meters whose registers show single Wh."""
    areas = "".join(f'[[area]]\nid = "{area}"\n' for area in station.areas())
    lines = "".join(f'[[line]]\nname = "{area}"\nkind = "modbus-tcp"\n' for area in station.areas())
    meters = "".join(
        f'[[meter]]\nid = "{each.meter}"\nunit = {each.row + 1}\nmodel = "schneider-iem3x55"\n'
        f'area = "{each.area}"\nline = "{each.area}"\nload = {{ file = "{each.meter}.parquet" }}\n'
        for each in station.customers
    )
    return f'seed = 1\n[station]\ntimezone = "{ZONE.key}"\ninstalled = {installed}\n{areas}{lines}{meters}'


def _shown(built: fleet.Fleet, meter: str, at: datetime) -> int:
    value = history.polled(built[meter], round(at.timestamp() * 1000))["energy_import_wh"]
    assert isinstance(value, int)
    return value
