"""Days of 92, 96 and 100 slots on one grid by the wall clock."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from cloud.analysis.grid import by_wall, day_grid

BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")


def starts(first: datetime, last: datetime, zone: ZoneInfo) -> np.ndarray:
    low, high = (round(each.replace(tzinfo=zone).timestamp()) for each in (first, last))
    return np.arange(low, high, 900, dtype=np.int64) * 1000


def test_where_no_clock_changes_the_grid_is_a_view() -> None:
    axis = starts(datetime(2026, 11, 1), datetime(2026, 11, 4), SHANGHAI)
    grid = day_grid(axis, 900, SHANGHAI)
    values = np.arange(2 * 288, dtype=np.float32).reshape(2, 288)
    assert grid.even
    assert grid.days == (date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3))
    found = by_wall(values, grid)
    assert found.shape == (2, 3, 96)
    assert np.shares_memory(found, values)


def test_the_hour_that_is_left_out_is_a_hole_and_the_one_that_comes_twice_is_its_mean() -> None:
    spring = day_grid(starts(datetime(2016, 3, 27), datetime(2016, 3, 28), BERLIN), 900, BERLIN)
    found = by_wall(np.ones((1, 92), np.float32), spring)
    assert np.flatnonzero(np.isnan(found[0, 0])).tolist() == [8, 9, 10, 11]

    autumn = day_grid(starts(datetime(2016, 10, 30), datetime(2016, 10, 31), BERLIN), 900, BERLIN)
    values = np.ones((2, 100), np.float32)
    values[:, 12:16] = 3
    values[1, 8] = np.nan
    found = by_wall(values, autumn)
    assert np.diff(autumn.first_slot).tolist() == [100]
    assert found[0, 0, 8:12].tolist() == [2, 2, 2, 2]
    assert found[1, 0, 8:12].tolist() == [3, 2, 2, 2], "of a hole and a value, the value"
    assert found[0, 0, [7, 12]].tolist() == [1, 1]


def test_the_axis_is_cut_at_local_midnights() -> None:
    grid = day_grid(starts(datetime(2016, 10, 29), datetime(2016, 11, 1), BERLIN), 900, BERLIN)
    assert grid.first_slot.tolist() == [0, 96, 196, 292]


def test_a_year_with_both_changes_of_the_clock_is_not_taken_for_usual_days() -> None:
    grid = day_grid(starts(datetime(2016, 1, 1), datetime(2017, 1, 1), BERLIN), 900, BERLIN)
    assert len(grid.day) == 366 * 96
    assert not grid.even
