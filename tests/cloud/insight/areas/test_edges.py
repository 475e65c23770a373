"""The hard days of areas: exchanges, meters within meters, damaged files, estimates, days done again."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cloud.fleet.history import Book, Note, point_facts
from cloud.insight.areas import store
from cloud.insight.areas.policy import quality_policy
from cloud.insight.areas.store import Kind, PowerFactor, Reason
from cloud.insight.engine import Lost
from cloud.kit.errors import Invalid
from cloud.metering.vee.days import Channel
from tests.cloud.insight.areas.small_station import CUSTOMERS, DAY, SLOTS, SmallStation
from tests.cloud.metering.archive.village import NOW


def all_curves(station: SmallStation, kw: float = 1.0) -> None:
    for own in CUSTOMERS.values():
        for point in own:
            station.curve(point, kw)


def test_a_meter_within_another_is_not_counted_twice(station: SmallStation) -> None:
    with station.database.write() as connection:
        book = Book(connection, Note("test", "test", NOW))
        book.patch(point_facts, "M-2", station.at(0) - timedelta(days=9), None, {"parent": "M-1"})
        book.write()
    all_curves(station, 2.0)
    station.archive_days(DAY)
    station.reckon()
    assert station.area().customers == 2
    assert station.area().peak_kw == pytest.approx(4)


def test_a_damaged_file_costs_its_area_and_its_feeder_and_no_other_area(station: SmallStation) -> None:
    all_curves(station)
    station.archive_days(DAY)
    (file,) = (station.archive.folder / "final" / "A02").glob("*.parquet")
    file.write_bytes(b"not a file of ours")
    with pytest.raises(Lost, match="A02"):
        station.reckon()
    assert station.area("A01").counted == 3
    with station.database.read() as connection:
        assert store.on_day(connection, Kind.AREA, DAY, ["A02"]) == []
        assert store.on_day(connection, Kind.FEEDER, DAY) == []


def test_one_area_done_again_does_its_whole_feeder_again(station: SmallStation) -> None:
    all_curves(station)
    station.archive_days(DAY)
    station.reckon()
    station.curve("M-1", 9.0)
    station.archive_days(DAY)
    assert station.reckon(areas=("A01",)).areas == 2
    assert station.feeder().peak_kw == pytest.approx(9 + 4)


def test_estimates_are_told_beside_the_load_rate_and_the_coincidence(station: SmallStation) -> None:
    station.capacity("A01", 100.0)
    all_curves(station)
    station.curve("M-1", 2.0, method=5)
    station.curve("T-1", 50.0, method=5)
    station.archive_days(DAY)
    station.reckon()
    found = station.area()
    assert found.estimated_share == pytest.approx(1 / 3)
    assert found.loading is not None
    assert found.loading.estimated_share == 1.0


def test_the_power_factor_of_a_day_that_had_one_serves_the_next(station: SmallStation) -> None:
    station.capacity("A01", 100.0)
    all_curves(station)
    station.curve("T-1", 60.0)
    station.curve("T-1", 80.0, Channel.REACTIVE_IMPORT)
    station.archive_days(DAY)
    station.reckon()
    measured = station.area()
    assert measured.loading is not None
    assert measured.loading.power_factor is PowerFactor.MEASURED
    assert measured.loading.factor == pytest.approx(0.6)
    following = DAY + timedelta(days=1)
    station.validate("T-1", following, 15_000.0)
    station.archive_days(following)
    station.reckon(day=following)
    with station.database.read() as connection:
        (found,) = store.of_area(connection, "A01", following, following)
    assert found.loading is not None
    assert found.loading.power_factor is PowerFactor.LAST_KNOWN
    assert found.loading.assumed_factor == pytest.approx(0.6)
    assert found.loading.rate_max == pytest.approx(1.0)


def test_what_flows_back_through_the_transformer_loads_it_too(station: SmallStation) -> None:
    station.capacity("A01", 100.0)
    taken, given = np.full(SLOTS, 10.0), np.zeros(SLOTS)
    taken[40:60], given[40:60] = 0.0, 90.0
    station.curve("T-1", taken)
    station.curve("T-1", given, Channel.EXPORT)
    station.curve("T-1", 0.0, Channel.REACTIVE_IMPORT)
    station.archive_days(DAY)
    station.reckon()
    found = station.area().loading
    assert found is not None
    assert found.rate_max == pytest.approx(0.9)
    assert found.heavy_h == 5.0


def test_an_exchange_within_the_day_leaves_one_curve_and_both_meters_voltages(station: SmallStation) -> None:
    all_curves(station)
    station.exchange("M-1", "M-9", station.at(48))
    station.gauges("M-1", {"voltage_l1_v": 220.0}, 0, 48)
    station.gauges("M-9", {"voltage_l1_v": 240.0}, 48, 96, seq=2)
    station.archive_days(DAY)
    station.reckon()
    assert station.area().reasons["customers_voltage"] is Reason.FEW_DATA
    station.reckon(
        quality_policy().model_copy(
            update={"voltage": quality_policy().voltage.model_copy(update={"coverage": 0.1})}
        )
    )
    found = station.area()
    assert (found.customers, found.counted) == (3, 3)
    assert found.customers_voltage is not None
    assert found.customers_voltage.points == 1
    # M-9 is read every minute: a reading of it holds for a minute and a half
    assert found.customers_voltage.monitored_min == pytest.approx(48 * 15 + 48 * 1.5)
    assert found.customers_voltage.over_min == pytest.approx(48 * 1.5)
    assert found.customers_voltage.coverage == pytest.approx(792 / (3 * 1440))


def test_behind_transformers_voltage_and_load_are_those_of_the_supply(station: SmallStation) -> None:
    """57.7 V and 1 A behind 10 kV / 100 V and 20: 5.77 kV and 20 A, which is a third of 1,000 kVA."""
    station.behind("T-1", 20, 100)
    station.capacity("A01", 1000.0)
    station.curve("T-1", 300.0)
    volts = dict.fromkeys(("voltage_l1_v", "voltage_l2_v", "voltage_l3_v"), 57.7)
    station.gauges("T-1", volts | {"current_l1_a": 1.0, "current_l2_a": 1.0, "current_l3_a": 0.9})
    station.archive_days(DAY)
    station.reckon()
    found = station.area()
    assert found.voltage is not None
    assert (found.voltage.level, found.voltage.rate) == ("10 kV phase", 1.0)
    assert found.imbalance is not None
    assert found.imbalance.max_min == pytest.approx(0.1)
    assert found.imbalance.over_min == 0


def test_voltages_that_fit_no_level_are_not_judged(station: SmallStation) -> None:
    station.curve("T-1", 1.0)
    station.gauges("T-1", dict.fromkeys(("voltage_l1_v", "voltage_l2_v", "voltage_l3_v"), 100.0))
    station.archive_days(DAY)
    station.reckon()
    assert station.area().reasons["voltage"] is Reason.UNKNOWN_LEVEL


def test_an_area_without_any_customers_meter_says_so(station: SmallStation) -> None:
    all_curves(station)
    station.all_to("A01", station.at(0) - timedelta(days=2))
    station.curve("T-2", 5.0)
    station.archive_days(DAY)
    station.reckon()
    assert station.area("A02").reasons["coincidence"] is Reason.NO_CUSTOMERS
    assert station.area("A01").customers == 5


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2025, 10, 26), 25)])
def test_days_on_which_the_clocks_change_have_their_own_hours(
    tmp_path: Path, sqlite_url: str, day: date, hours: int
) -> None:
    station = SmallStation(tmp_path, sqlite_url, ZoneInfo("Europe/Berlin"))
    station.capacity("A01", 100.0)
    for point in (*CUSTOMERS["A01"], *CUSTOMERS["A02"]):
        station.validate(point, day, 250.0)
    station.validate("T-1", day, 22_500.0)
    station.validate("T-1", day, 0.0, channel=Channel.REACTIVE_IMPORT)
    station.archive_days(day)
    station.reckon(day=day)
    with station.database.read() as connection:
        (found,) = store.of_area(connection, "A01", day, day)
    station.close()
    assert (found.coverage, found.coincidence) == (1.0, 1.0)
    assert found.loading is not None
    assert (found.loading.heavy_h, found.loading.coverage) == (float(hours), 1.0)
    (spell,) = found.loading.spells
    assert spell.end - spell.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("heavy = 0.80", "heavy = 1.20", "light < heavy < over"),
        ('definition = "max_min"', 'definition = "worst"', "definition"),
        ("gate = 0.30", "gate = 30", "gate"),
    ],
)
def test_limits_that_cannot_be_are_refused(tmp_path: Path, before: str, after: str, told: str) -> None:
    shipped = (Path("cloud/policies/quality.toml")).read_text(encoding="utf-8")
    assert before in shipped
    (tmp_path / "quality.toml").write_text(shipped.replace(before, after), encoding="utf-8")
    with pytest.raises(Invalid, match=told):
        quality_policy(tmp_path)
