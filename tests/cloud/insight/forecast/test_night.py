"""Nights of a station: forecasts that add up, are scored when their day comes, and say what they stand on."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cloud.analysis.grid import day_grid
from cloud.fleet.history import Book, Note, area_facts
from cloud.fleet.spans import BEGINNING
from cloud.insight.engine import Lost, Threads
from cloud.insight.forecast import store
from cloud.insight.forecast.actions import Forecasts
from cloud.insight.forecast.policy import forecast_policy
from cloud.insight.forecast.store import Forecast, Kind, Method, Reason
from cloud.kit.calendar import Calendar
from cloud.metering.archive.layout import span_ms
from cloud.metering.vee.point_day import Method as How
from tests.cloud.insight.archived_station import NOW, ArchivedStation, Place

ZONE = ZoneInfo("Europe/Berlin")
FIRST, DAYS, CUSTOMERS = date(2026, 1, 1), 92, 12
CLOSED = FIRST + timedelta(days=DAYS - 3)
"""31 March 2026: the clocks went forward two days before."""
NEWCOMER, GUESSED = "A1-003", "A1-004"


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchivedStation]:
    made = ArchivedStation(
        tmp_path_factory.mktemp("station"), [_place("A1", 1), _place("A2", 2)], FIRST, DAYS, zone=ZONE
    )
    with made.database.write() as connection:
        book = Book(connection, Note("test", "test", NOW))
        book.patch(area_facts, "A1", BEGINNING, None, {"capacity_kva": 14.0})
        book.write()
    work = forecasts(made)
    for day in (CLOSED - timedelta(days=1), CLOSED):
        work.run_day(day)
    yield made
    made.close()


def _place(area: str, seed: int) -> Place:
    """Households with an evening, each with its own noise; one came lately, one is mostly estimated."""
    random = np.random.default_rng(seed)
    start, end = span_ms(FIRST, FIRST + timedelta(days=DAYS - 1), ZONE)
    slots = (end - start) // 900_000
    hour = np.arange(slots) % 96 / 4
    shape = 0.4 + np.exp(-((hour - 19) ** 2) / 8)
    wh = 250 * shape * random.lognormal(0, 0.3, (CUSTOMERS, slots)) * random.uniform(0.5, 1.5, (CUSTOMERS, 1))
    method = np.full(wh.shape, How.MEASURED, np.uint8)
    if area == "A1":
        wh[3, : slots - 5 * 96] = np.nan
        method[4, -4 * 96 :] = How.LIKE_DAY
    return Place(area, "F1", wh.astype(np.float32), (np.nansum(wh, axis=0) * 1.03).astype(np.float32), method)


def forecasts(station: ArchivedStation, *, rehearse: bool = False, points: int = 1000) -> Forecasts:
    policy = forecast_policy()
    backtest = policy.backtest.model_copy(update={"rehearse": rehearse, "points": points})
    policy = policy.model_copy(update={"backtest": backtest})
    return Forecasts(
        station.database, station.folder, station.zone, station.clock, policy,
        Calendar(country="DE"), Threads(1),
    )  # fmt: skip


def one(station: ArchivedStation, kind: Kind, subject: str, days: int = 1) -> Forecast:
    with station.database.read() as connection:
        found = store.newest(connection, kind, subject, CLOSED + timedelta(days=days))
    assert found is not None
    return found


def test_customers_add_up_to_their_area_and_transformers_to_their_feeder(station: ArchivedStation) -> None:
    with station.database.read() as connection:
        day = CLOSED + timedelta(days=1)
        points = store.of_kind(connection, Kind.POINT, day)
        areas = {each.subject: each for each in store.of_kind(connection, Kind.AREA, day)}
        transformers = store.of_kind(connection, Kind.TRANSFORMER, day)
        (feeder,) = store.of_kind(connection, Kind.FEEDER, day)
        station_wide = store.newest(connection, Kind.STATION, store.STATION, day)
    assert len(points) == 2 * CUSTOMERS
    for name, area in areas.items():
        own = [each.p50 for each in points if each.subject.startswith(name)]
        np.testing.assert_allclose(np.sum(own, axis=0), area.p50, rtol=2e-3)
        assert area.method is Method.JOINED
    np.testing.assert_allclose(np.sum([each.p50 for each in transformers], axis=0), feeder.p50, rtol=1e-3)
    assert {each.subject for each in transformers} == {"A1", "A2"}
    assert station_wide is not None
    np.testing.assert_allclose(station_wide.p50, feeder.p50, rtol=1e-3)
    assert station_wide.figures == feeder.figures
    apart = np.sum([each.p90 - each.p10 for each in transformers], axis=0)
    assert (station_wide.p90 - station_wide.p10).mean() < 0.9 * apart.mean()
    assert transformers[0].p50.sum() / areas["A1"].p50.sum() == pytest.approx(1.03, abs=0.03)


def test_what_was_forecast_is_scored_when_its_day_has_come(station: ArchivedStation) -> None:
    found = one(station, Kind.POINT, "A2-000")
    assert found.figures.days == 1
    assert found.figures.wape is not None
    assert found.figures.wape < 0.4
    assert found.similar.wape == pytest.approx(found.figures.wape, rel=0.2)
    assert found.method is Method.SIMILAR
    assert found.reason is Reason.FEW_DAYS
    assert found.similar_days == 5
    assert one(station, Kind.FEEDER, "F1").figures.wape < found.figures.wape  # type: ignore[operator]


def test_quantiles_are_in_order_and_reach_two_days_ahead(station: ArchivedStation) -> None:
    for kind, subject in (
        (Kind.POINT, "A1-000"),
        (Kind.AREA, "A1"),
        (Kind.TRANSFORMER, "A2"),
        (Kind.FEEDER, "F1"),
        (Kind.STATION, store.STATION),
    ):
        for days in (1, 2):
            found = one(station, kind, subject, days)
            assert (found.p10 <= found.p50 + 1e-6).all(), (kind, days)
            assert (found.p50 <= found.p90 + 1e-6).all(), (kind, days)
            assert (found.p10 >= 0).all()


def test_a_newcomer_is_forecast_after_its_class(station: ArchivedStation) -> None:
    found = one(station, Kind.POINT, NEWCOMER)
    assert (found.method, found.reason) == (Method.COLD, Reason.NEW)
    assert not np.isnan(found.p50).any()
    assert 70 < int(found.p50.argmax()) < 82


def test_estimated_days_teach_nothing_and_are_no_truth(station: ArchivedStation) -> None:
    found = one(station, Kind.POINT, GUESSED)
    assert found.figures.days == 0
    assert found.estimated_share > 0.05


def test_a_transformer_s_outlook_is_said_with_its_capacity_or_why_not(station: ArchivedStation) -> None:
    known, unknown = (one(station, Kind.TRANSFORMER, name).outlook for name in ("A1", "A2"))
    assert known is not None
    assert unknown is not None
    assert known.assumed_power_factor
    assert known.peak_beta_p90 > known.peak_beta_p50 > 0.7  # type: ignore[operator]
    assert known.heavy_probability >= known.over_probability  # type: ignore[operator]
    assert (unknown.heavy_probability, unknown.reason) == (None, "no_capacity")


def test_who_is_new_takes_its_own_class_s_shape_and_a_measured_power_factor_is_no_assumption(
    tmp_path: Path,
) -> None:
    """Ten households with an evening, ten workshops with a noon, and one workshop that came four days ago."""
    hour, slots = np.arange(40 * 96) % 96 / 4, 40 * 96
    peaks = np.repeat([19.0, 12.0], [10, 11])[:, None]
    random = np.random.default_rng(5)
    wh = 100 * (0.3 + np.exp(-((hour - peaks) ** 2) / 8)) * random.lognormal(0, 0.2, (21, slots))
    wh[20, : slots - 4 * 96] = np.nan
    place = Place("A1", "F1", wh.astype(np.float32), np.nansum(wh, axis=0).astype(np.float32))
    made = ArchivedStation(tmp_path, [place], FIRST, 40, zone=ZONE)
    last = FIRST + timedelta(days=39)
    with made.database.write() as connection:
        book = Book(connection, Note("test", "test", NOW))
        book.patch(area_facts, "A1", BEGINNING, None, {"capacity_kva": 14.0})
        book.write()
    kinds = {name: "household" if n < 10 else "business" for n, name in enumerate(place.points)}
    policy = forecast_policy()
    Forecasts(
        made.database, made.folder, made.zone, made.clock,
        policy.model_copy(update={"backtest": policy.backtest.model_copy(update={"rehearse": False})}),
        Calendar(country="DE"), Threads(1),
        power_factors=lambda _, day: {"A1": 0.8} if day == last else {},
        classes=lambda _, at: kinds if at.date() == last else {},
    ).run_day(last)  # fmt: skip
    with made.database.read() as connection:
        new = store.newest(connection, Kind.POINT, "A1-020", last + timedelta(days=1))
        fed = store.newest(connection, Kind.TRANSFORMER, "A1", last + timedelta(days=1))
    made.close()
    assert new is not None
    assert new.method is Method.COLD
    assert 44 <= int(new.p50.argmax()) <= 52
    assert fed is not None
    assert fed.outlook is not None
    assert not fed.outlook.assumed_power_factor
    assert fed.outlook.peak_beta_p50 == pytest.approx(float(fed.p50.max()) / (0.8 * 14), rel=1e-3)


def test_a_forecast_stands_on_the_real_slots_of_a_day_of_92(station: ArchivedStation) -> None:
    spring = date(2026, 3, 29)
    start, end = span_ms(spring, spring, ZONE)
    grid = day_grid(np.arange(start, end, 900_000), 900, ZONE)
    with station.database.read() as connection:
        found = store.newest(connection, Kind.AREA, "A2", CLOSED)
    assert found is not None
    p10, p50, _ = found.on(grid.label)
    assert len(p50) == 92
    assert p50[8] == found.p50[12]  # 03:00 comes after 01:45
    assert not np.isnan(p10).any()


def test_days_that_are_over_keep_the_forecast_they_had(station: ArchivedStation) -> None:
    with station.database.read() as connection:
        before = store.newest(connection, Kind.POINT, "A2-001", CLOSED)
    station.clock.advance(86_400)
    forecasts(station).run_day(CLOSED - timedelta(days=1))
    with station.database.read() as connection:
        after = store.newest(connection, Kind.POINT, "A2-001", CLOSED)
    assert before is not None
    assert after is not None
    assert after.made_at == before.made_at


def test_who_was_never_forecast_has_none(station: ArchivedStation) -> None:
    with station.database.read() as connection:
        assert store.newest(connection, Kind.POINT, "nobody", CLOSED) is None
        assert store.newest(connection, Kind.AREA, "A1", FIRST) is None
        assert store.days(connection, Kind.AREA) == (CLOSED, CLOSED + timedelta(days=2))


def test_of_a_large_station_whole_areas_rehearse_and_the_others_choose_later(tmp_path: Path) -> None:
    last = FIRST + timedelta(days=33)
    made = ArchivedStation(tmp_path, [_place("A1", 1), _place("A2", 2)], FIRST, 34, zone=ZONE)
    forecasts(made, rehearse=True, points=CUSTOMERS + 1).run_day(last)
    with made.database.read() as connection:
        first = store.newest(connection, Kind.POINT, "A1-000", last + timedelta(days=1))
        other = store.newest(connection, Kind.POINT, "A2-000", last + timedelta(days=1))
        feeder = store.newest(connection, Kind.FEEDER, "F1", last + timedelta(days=1))
    made.close()
    assert first is not None
    assert first.figures.days >= 14
    assert first.reason is not Reason.FEW_DAYS
    assert other is not None
    assert (other.figures.days, other.reason) == (0, Reason.FEW_DAYS)
    assert feeder is not None
    assert feeder.figures.days == 0
    assert not np.isnan(np.stack([other.p50, feeder.p50])).any()


def test_a_damaged_file_costs_its_own_area_and_the_sums_that_want_it(station: ArchivedStation) -> None:
    closed, ahead = CLOSED + timedelta(days=1), CLOSED + timedelta(days=3)
    file = max((station.folder / "final" / "A1").glob("*.parquet"), key=lambda path: path.name)
    sound = file.read_bytes()
    file.write_bytes(b"not a file of ours")
    try:
        with pytest.raises(Lost, match=r"^A1 "):
            forecasts(station).run_day(closed)
    finally:
        file.write_bytes(sound)
    with station.database.read() as connection:
        assert [each.subject for each in store.of_kind(connection, Kind.AREA, ahead)] == ["A2"]
        assert store.of_kind(connection, Kind.FEEDER, ahead) == []
    forecasts(station).run_day(closed)
    with station.database.read() as connection:
        assert [each.subject for each in store.of_kind(connection, Kind.AREA, ahead)] == ["A1", "A2"]
        assert len(store.of_kind(connection, Kind.FEEDER, ahead)) == 1
