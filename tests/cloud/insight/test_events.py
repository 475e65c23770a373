"""Days of a temperature event: hot as soon as an hour is, not hot where the warm hours are known."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.analysis.grid import DayGrid, day_grid
from cloud.insight import events, weather
from cloud.insight.events import MARKS, TemperatureEvents, in_a_row
from cloud.insight.pricing import PlanBands, months
from cloud.kit.calendar import station_calendar
from cloud.kit.days import DAY, days, midnight
from cloud.kit.db import Database
from cloud.tariffs.catalogue import read
from cloud.tariffs.documents import Plan

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
FIRST = date(2026, 6, 1)
SHIPPED = read()
PLANS = [
    (tariff.id, plan) for name in SHIPPED.ids for tariff in SHIPPED.documents(name) for plan in tariff.plans
]


def imported(database: Database, highest: Mapping[date, float | None], zone: ZoneInfo = SHANGHAI) -> None:
    """Days with their highest temperature at 14 o'clock, 12 degrees less else; None: no hour."""
    celsius: dict[int, float] = {}
    for day, most in highest.items():
        if most is not None:
            start = round(midnight(day, zone).timestamp()) // 3600
            celsius |= {start + hour: most if hour == 14 else most - 12 for hour in range(24)}
    with database.write() as connection:
        weather.keep(connection, celsius, file="t.csv", digest="d", now=NOW)


def run_of(*highest: float | None) -> dict[date, float | None]:
    return {FIRST + DAY * number: each for number, each in enumerate(highest)}


def marked(database: Database, last: date, first: date = FIRST) -> dict[date, frozenset[str]]:
    with database.read() as connection:
        return dict(TemperatureEvents(SHANGHAI)(connection, first, last))


def test_a_day_of_35_degrees_is_hot_and_the_third_in_a_row_is_more(database: Database) -> None:
    imported(database, run_of(35, 34.9, 35, 36, 37, 35.1, 30))
    one, both = frozenset({"hot-35"}), frozenset(MARKS)
    found = marked(database, FIRST + 6 * DAY)
    assert found == {
        FIRST + DAY * at: marks for at, marks in ((0, one), (2, one), (3, one), (4, both), (5, both))
    }


def test_a_run_that_began_before_the_days_asked_for_counts(database: Database) -> None:
    imported(database, run_of(36, 36, 36))
    assert marked(database, FIRST + 2 * DAY, FIRST + 2 * DAY) == {FIRST + 2 * DAY: frozenset(MARKS)}


def test_days_without_weather_have_no_mark_and_are_told(database: Database) -> None:
    imported(database, run_of(36, None, 36, 20, None))
    with database.read() as connection:
        found = TemperatureEvents(SHANGHAI).of(connection, FIRST, FIRST + 4 * DAY)
    assert found.marks == {FIRST: {"hot-35"}, FIRST + 2 * DAY: {"hot-35"}}
    assert found.unknown["hot-35"] == (FIRST + DAY, FIRST + 4 * DAY)
    assert found.unknown["hot-35-3"] == (FIRST, FIRST + DAY, FIRST + 2 * DAY), "a cold day ends every run"


def test_one_hot_hour_is_enough_and_one_warm_hour_unknown_is_too_little() -> None:
    start = round(midnight(FIRST, SHANGHAI).timestamp()) // 3600
    warm = {start + hour: 30.0 for hour in range(10, 20)}
    assert events.hot_day(FIRST, warm, 35, SHANGHAI) is False
    assert events.hot_day(FIRST, warm | {start + 8: 35.0}, 35, SHANGHAI) is True
    assert events.hot_day(FIRST, dict.fromkeys(list(warm)[1:], 30.0), 35, SHANGHAI) is None
    assert events.hot_day(FIRST, {start - 1: 40.0, start + 24: 40.0}, 35, SHANGHAI) is None, "of other days"


@given(st.lists(st.sampled_from([True, False, None]), max_size=12), st.integers(1, 4))
def test_a_run_that_is_known_stays_so_whatever_the_unknown_days_were(
    hot: list[bool | None], run: int
) -> None:
    found = in_a_row(hot, run)
    for guess in (True, False):
        filled = in_a_row([guess if each is None else each for each in hot], run)
        assert all(known is None or known == other for known, other in zip(found, filled, strict=True))


def test_only_events_of_temperature_are_asked_of_the_weather(database: Database) -> None:
    assert events.named_by(plan for _, plan in PLANS) == set(MARKS), "MARKS has what the documents use"
    with database.read() as connection:
        assert not events.of_days(connection, FIRST, FIRST, SHANGHAI, ["Spring Festival"]).unknown


def grid_of(day: date, zone: ZoneInfo, count: int = 3) -> DayGrid:
    low, high = (round(midnight(each, zone).timestamp()) for each in (day, day + count * DAY))
    return day_grid(np.arange(low, high, 900, dtype=np.int64) * 1000, 900, zone)


@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN])
@settings(max_examples=15, deadline=None)
@given(
    st.dates(date(2024, 1, 1), date(2027, 12, 28)),
    st.sets(st.sampled_from(MARKS)),
    st.sampled_from(PLANS),
)
def test_bands_partition_every_day_with_and_without_marks(
    zone: ZoneInfo, day: date, names: set[str], plan: tuple[str, Plan]
) -> None:
    grid = grid_of(day, zone)
    marks = {each: frozenset(names) for each in days(day, day + 2 * DAY)}
    wh = np.ones((1, len(grid.day)), np.float32)
    for each in ({}, marks):
        bands = PlanBands(plan[1], station_calendar(), each).slots(grid)
        kwh = sum(float(month.kwh.sum()) for month in months(wh, grid, bands))
        assert len(bands) == len(grid.day)
        assert kwh == pytest.approx(len(grid.day) / 1000)


def test_a_marked_day_moves_energy_into_the_sharp_band_and_loses_none(database: Database) -> None:
    imported(database, run_of(36, 20))
    plan = SHIPPED.documents("guangdong-industry")[0].plan("tou")
    grid = grid_of(FIRST, SHANGHAI, 2)
    with database.read() as connection:
        marks = TemperatureEvents(SHANGHAI)(connection, FIRST, FIRST + timedelta(days=1))
    wh = np.full((1, len(grid.day)), 250, np.float32)
    plain, hot = (
        next(months(wh, grid, PlanBands(plan, station_calendar(), each).slots(grid))) for each in ({}, marks)
    )
    assert hot.kwh[0, 0] == 3.0, "three sharp hours of the one hot day"
    assert plain.kwh[0, 0] == 0.0
    assert hot.kwh.sum() == plain.kwh.sum() == 48.0
