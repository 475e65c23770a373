"""bands.toml: the table that ships fills every day of any year, and bad ones are refused by name."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from cloud.insight.bands import station_bands
from cloud.kit.bands import DAY_TYPES, Band
from cloud.kit.calendar import DayType
from cloud.kit.errors import Invalid

FLAT = 'version = "1"\nsource = "here"\n[[table]]\nname = "n"\nsource = "s"\nfrom = 2020-01-01\n'


SHIPPED = station_bands()


def hours(day: date) -> list[float]:
    quarters = SHIPPED.quarters(day)
    return [int((quarters == band).sum()) / 4 for band in Band]


def test_the_day_types_are_the_calendars() -> None:
    assert set(DAY_TYPES) == {each.value for each in DayType}


def test_every_day_of_a_leap_year_and_its_holidays_has_24_hours() -> None:
    for year in (2024, 2026):
        day = date(year, 1, 1)
        while day.year == year:
            quarters = SHIPPED.quarters(day)
            assert (len(quarters), int(quarters.min()) >= 0, int(quarters.max()) < len(Band)) == (
                96,
                True,
                True,
            )
            assert sum(hours(day)) == 24
            day += timedelta(days=1)


def test_the_published_windows_are_what_comes_out() -> None:
    assert hours(date(2025, 4, 8)) == [0, 7, 7, 10, 0]
    assert hours(date(2025, 7, 8)) == [4, 7, 3, 10, 0]
    assert hours(date(2026, 8, 4)) == [4, 3, 7, 10, 0]
    assert hours(date(2026, 9, 8)) == [0, 7, 7, 10, 0]


def test_deep_valley_holds_on_every_day_off_of_a_festivals_break_and_no_make_up_day() -> None:
    deep = {day for n in range(366) if hours(day := date(2026, 1, 1) + timedelta(days=n))[Band.DEEP_VALLEY]}
    assert {day for day in deep if day.month == 2} == {date(2026, 2, n) for n in range(15, 24)}
    assert {day for day in deep if day.month == 10} == {date(2026, 10, n) for n in range(1, 8)}
    assert date(2026, 2, 14) not in deep  # a Saturday that is worked
    assert date(2026, 6, 19) not in deep  # a holiday that the table does not name


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ('peak = ["08:00-12:00"]\nvalley = ["11:30-13:00"]', "11:30-13:00: that time has another band"),
        ('flat = ["00:00-23:30"]', "23:30 and after: no band"),
        ('peak = ["22:00-06:00"]', "cut it at midnight"),
        ('peak = ["8-12"]', "'8-12' is no span"),
        ("months = [1]", "month 2, .*no windows"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_its_reason(tmp_path: Path, days: str, told: str) -> None:
    (tmp_path / "bands.toml").write_text(f"{FLAT}[[table.days]]\n{days}\n")
    with pytest.raises(Invalid, match=told):
        station_bands(tmp_path)
