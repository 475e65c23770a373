"""A load curve as a tariff sees it: every kWh in one month and one band, holes counted and never filled."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cloud.analysis.grid import DayGrid, day_grid
from cloud.insight.pricing import PlanBands, months, part
from cloud.kit.bands import Band
from cloud.kit.calendar import Calendar, station_calendar
from cloud.tariffs.catalogue import read

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
SHIPPED = read()


def days(first: date, end: date, zone: ZoneInfo) -> DayGrid:
    """Quarters of an hour of the local days from `first` up to and without `end`."""
    low, high = (
        round(datetime(each.year, each.month, each.day, tzinfo=zone).timestamp()) for each in (first, end)
    )
    return day_grid(np.arange(low, high, 900, dtype=np.int64) * 1000, 900, zone)


@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN])
def test_every_kwh_is_in_one_month_and_one_band(zone: ZoneInfo) -> None:
    grid = days(date(2026, 3, 10), date(2026, 11, 5), zone)
    wh = np.random.default_rng(3).integers(0, 500, (4, len(grid.day))).astype(np.float32)
    plan = SHIPPED.documents("guangdong-household")[0].plan("tou")
    found = list(months(wh, grid, PlanBands(plan, Calendar()).slots(grid)))
    assert [each.first for each in found] == [
        date(2026, 3, 10),
        *(date(2026, month, 1) for month in range(4, 12)),
    ]
    assert found[-1].last == date(2026, 11, 4)
    total = sum(each.kwh.sum(axis=1) for each in found)
    assert total == pytest.approx(wh.sum(axis=1, dtype=np.float64) / 1000, rel=1e-12)


def test_a_hole_adds_nothing_and_is_counted() -> None:
    grid = days(date(2026, 5, 1), date(2026, 6, 1), SHANGHAI)
    wh = np.full((2, len(grid.day)), 250, np.float32)
    wh[1, 100:110] = np.nan
    plan = SHIPPED.documents("beijing-household")[0].plan("plain")
    (may,) = months(wh, grid, PlanBands(plan, Calendar()).slots(grid))
    assert may.missing.tolist() == [0, 10]
    assert part(may, 0).kwh == {"flat": 744}
    assert float(part(may, 1).total_kwh) == 741.5


def test_an_hour_lies_in_the_band_of_its_wall_clock() -> None:
    plan = SHIPPED.documents("guangdong-household")[0].plan("tou")
    bands = PlanBands(plan, Calendar()).slots(days(date(2026, 3, 29), date(2026, 3, 30), BERLIN))
    assert len(bands) == 92
    assert np.count_nonzero(bands == Band.VALLEY) == 28, "seven hours of the eight there are"
    assert np.count_nonzero(bands == Band.PEAK) == 28


def test_a_hot_day_and_a_holiday_have_bands_of_their_own() -> None:
    hot = date(2026, 6, 20)
    industry = SHIPPED.documents("guangdong-industry")[0].plan("tou")
    grid = days(hot, date(2026, 6, 22), SHANGHAI)
    usual = PlanBands(industry, station_calendar()).slots(grid)
    marked = PlanBands(industry, station_calendar(), {hot: frozenset({"hot-35"})}).slots(grid)
    assert Band.SHARP not in usual
    assert np.flatnonzero(marked == Band.SHARP).tolist() == [*range(44, 48), *range(60, 68)]

    zhejiang = SHIPPED.documents("zhejiang-industry")[0].plan("tou")
    break_ = days(date(2026, 10, 3), date(2026, 10, 4), SHANGHAI)
    found = PlanBands(zhejiang, station_calendar()).slots(break_)
    assert np.flatnonzero(found == Band.DEEP_VALLEY).tolist() == list(range(36, 60))


def test_hourly_values_do_where_all_edges_lie_on_hours() -> None:
    grid = day_grid(np.arange(0, 86_400, 3600, dtype=np.int64) * 1000 - 8 * 3_600_000, 3600, SHANGHAI)
    plan = SHIPPED.documents("shandong-industry")[0].plan("tou")
    assert len(PlanBands(plan, Calendar()).slots(grid)) == 24
