"""What is said of an area's day: who drew at the peak, how its transformer was loaded, its supply."""

import numpy as np
import pytest

from cloud.insight.areas.policy import quality_policy
from cloud.insight.areas.store import Kind, PowerFactor, Reason, State, newest_day
from cloud.metering.vee.days import Channel
from tests.cloud.insight.areas.small_station import CUSTOMERS, DAY, SLOTS, SmallStation

PHASES = {"voltage_l1_v": 230.0, "voltage_l2_v": 231.0, "voltage_l3_v": 232.0}
CURRENTS = {"current_l1_a": 100.0, "current_l2_a": 90.0, "current_l3_a": 80.0}


def peak(kw: float, at: int, base: float = 1.0) -> np.ndarray:
    found = np.full(SLOTS, base)
    found[at] = kw
    return found


def test_customers_together_draw_less_than_their_own_peaks(station: SmallStation) -> None:
    for point, curve in zip(CUSTOMERS["A01"], (peak(10, 40), peak(6, 40), peak(8, 80)), strict=True):
        station.curve(point, curve)
    station.archive_days(DAY)
    assert station.reckon().areas == 1
    found = station.area()
    assert (found.customers, found.counted, found.coverage, found.estimated_share) == (3, 3, 1.0, 0.0)
    assert found.peak_kw == pytest.approx(17)
    assert found.maxima_kw == pytest.approx(24)
    assert found.coincidence == pytest.approx(17 / 24)
    assert found.peak_at == station.at(40)
    told = [(each.subject, round(each.kw), each.factor) for each in found.contributions]
    assert told == [("M-1", 10, 1.0), ("M-2", 6, 1.0), ("M-3", 1, pytest.approx(1 / 8))]
    assert sum(each.share for each in found.contributions) == pytest.approx(1)


def test_a_feeder_is_all_its_customers_and_names_its_areas(station: SmallStation) -> None:
    for point in CUSTOMERS["A01"]:
        station.curve(point, peak(10, 40))
    for point in CUSTOMERS["A02"]:
        station.curve(point, peak(20, 50))
    station.archive_days(DAY)
    assert station.reckon().feeders == 1
    found = station.feeder()
    assert (found.customers, found.peak_at) == (5, station.at(50))
    assert found.peak_kw == pytest.approx(2 * 20 + 3)
    assert found.coincidence == pytest.approx(43 / 70)
    assert [(each.subject, round(each.kw)) for each in found.areas] == [("A02", 40), ("A01", 3)]
    assert found.areas[1].factor == pytest.approx(3 / 30)


def test_of_few_customers_with_data_nothing_is_said_together(station: SmallStation) -> None:
    holes = np.full(SLOTS, 1.0)
    holes[:20] = np.nan
    station.curve("M-1", peak(10, 40))
    station.curve("M-2", holes)
    station.archive_days(DAY)
    station.reckon()
    found = station.area()
    assert (found.customers, found.counted) == (3, 1)
    assert found.coverage == pytest.approx((96 + 76) / 288)
    assert found.coincidence is None
    assert found.reasons["coincidence"] is Reason.FEW_DATA


def test_a_day_without_any_load_has_no_coincidence(station: SmallStation) -> None:
    for point in CUSTOMERS["A01"]:
        station.curve(point, 0.0)
    station.archive_days(DAY)
    station.reckon()
    assert station.area().reasons["coincidence"] is Reason.NO_LOAD


def test_a_transformer_above_its_capacity_for_two_hours_is_told_with_who_drew(station: SmallStation) -> None:
    load = np.full(SLOTS, 50.0)
    load[40:48], load[48:60] = 110.0, 90.0
    station.capacity("A01", 100.0)
    station.curve("T-1", load)
    station.curve("T-1", 0.0, Channel.REACTIVE_IMPORT)
    for point in CUSTOMERS["A01"]:
        station.curve(point, peak(30 + int(point[-1]), 40))
    station.archive_days(DAY)
    station.reckon()
    found = station.area().loading
    assert found is not None
    assert found.rate_max == pytest.approx(1.1)
    assert found.rate_max_at == station.at(40)
    assert (found.heavy_h, found.over_h, found.light_h) == (5.0, 2.0, 0.0)
    assert found.power_factor is PowerFactor.MEASURED
    assert found.severity_h == pytest.approx(2 * 0.3 + 3 * 0.1)
    heavy, over = found.spells
    assert (heavy.state, heavy.start, heavy.end) == (State.HEAVY, station.at(40), station.at(60))
    assert (over.state, over.start, over.end) == (State.OVER, station.at(40), station.at(48))
    assert over.beyond_kvah == pytest.approx(20)
    assert [each.subject for each in over.top] == ["M-3", "M-2", "M-1"]


def test_where_reactive_energy_is_missing_the_last_known_factor_is_taken_and_said(
    station: SmallStation,
) -> None:
    station.capacity("A01", 100.0)
    station.curve("M-1", 1.0)
    station.curve("T-1", 60.0)
    station.archive_days(DAY)
    station.reckon()
    found = station.area().loading
    assert found is not None
    assert (found.power_factor, found.assumed_factor, found.factor) == (PowerFactor.ASSUMED, 0.95, None)
    assert found.rate_max == pytest.approx(0.6 / 0.95)


def test_a_transformer_without_a_capacity_has_no_load_rate(station: SmallStation) -> None:
    station.curve("T-1", 60.0)
    station.archive_days(DAY)
    station.reckon()
    found = station.area()
    assert found.loading is None
    assert found.reasons["loading"] is Reason.NO_CAPACITY
    assert found.reasons["imbalance"] is Reason.NO_CAPACITY


def test_a_capacity_that_changed_holds_from_its_instant_on(station: SmallStation) -> None:
    station.capacity("A01", 100.0)
    station.capacity("A01", 200.0, station.at(48))
    station.curve("T-1", 80.0)
    station.curve("T-1", 0.0, Channel.REACTIVE_IMPORT)
    station.archive_days(DAY)
    station.reckon()
    found = station.area().loading
    assert found is not None
    assert (found.capacity_kva, found.heavy_h) == (200.0, 12.0)
    assert found.rate_max == pytest.approx(0.8)
    assert found.rate_mean == pytest.approx(0.6)


def test_voltage_is_judged_while_there_is_supply_and_a_reading(station: SmallStation) -> None:
    station.curve("T-1", 10.0)
    station.gauges("T-1", PHASES, 0, 40)
    station.gauges("T-1", {**PHASES, "voltage_l3_v": 240.0}, 40, 50, seq=2)
    station.gauges("T-1", {**PHASES, "voltage_l2_v": 190.0}, 50, 60, seq=3)
    station.gauges("T-1", dict.fromkeys(PHASES, 0.0), 60, 70, seq=4)
    station.gauges("T-1", PHASES, 80, 96, seq=5)
    station.archive_days(DAY)
    station.reckon()
    found = station.area().voltage
    assert found is not None
    assert (found.over_min, found.under_min, found.level) == (150.0, 150.0, "380 V")
    assert found.outage_min == pytest.approx(150 + 7.5)
    assert found.monitored_min == pytest.approx(15 * 76)
    assert found.rate == pytest.approx(1 - 300 / (15 * 76))
    assert (found.lowest_v, found.highest_v) == (190.0, 240.0)


def test_imbalance_is_judged_above_a_third_of_the_load_and_by_the_definition_named(
    station: SmallStation,
) -> None:
    station.capacity("A01", 100.0)
    station.curve("T-1", 60.0)
    station.gauges("T-1", PHASES | CURRENTS, 0, 48)
    station.gauges(
        "T-1", PHASES | {"current_l1_a": 3.0, "current_l2_a": 0.0, "current_l3_a": 0.0}, 48, 96, seq=2
    )
    station.archive_days(DAY)
    station.reckon()
    found = station.area().imbalance
    assert found is not None
    assert (found.definition, found.at) == ("max_min", station.at(0))
    assert found.max_min == pytest.approx(0.2)
    assert found.mean_deviation == pytest.approx(1 / 9)
    assert (found.over_min, found.judged_min, found.known_min) == (720.0, 720.0, 1440.0)


def test_customers_voltages_are_judged_together(station: SmallStation) -> None:
    for point, volts in (("M-1", 220.0), ("M-2", 240.0), ("M-3", 221.0)):
        station.curve(point, 1.0)
        station.gauges(point, {"voltage_l1_v": volts}, seq=int(point[-1]))
    station.archive_days(DAY)
    station.reckon()
    found = station.area().customers_voltage
    assert found is not None
    assert (found.points, found.level) == (3, "220 V")
    assert found.rate == pytest.approx(2 / 3)
    assert found.coverage == pytest.approx(1.0)


def test_reckoned_again_it_stands_once_and_what_is_kept_comes_back_as_it_was(
    either_station: SmallStation,
) -> None:
    station = either_station
    station.capacity("A01", 100.0)
    station.curve("M-1", 1.0)
    station.curve("T-1", 90.0)
    station.archive_days(DAY)
    station.reckon()
    before = station.area()
    assert station.reckon(areas=("A01",)).areas == 1
    assert station.area() == before
    with station.database.read() as connection:
        assert newest_day(connection, Kind.AREA) == DAY


def test_who_lacks_data_is_in_no_sum_and_not_among_those_who_drew_most(station: SmallStation) -> None:
    holed = peak(99, 40)
    holed[:20] = np.nan
    station.curve("M-1", peak(10, 50))
    station.curve("M-2", peak(6, 50))
    station.curve("M-3", holed)
    station.archive_days(DAY)
    shipped = quality_policy()
    station.reckon(
        shipped.model_copy(update={"publish": shipped.publish.model_copy(update={"customers": 0.5})})
    )
    found = station.area()
    assert (found.customers, found.counted, found.peak_at) == (3, 2, station.at(50))
    assert found.peak_kw == pytest.approx(16)
    assert [each.subject for each in found.contributions] == ["M-1", "M-2"]
