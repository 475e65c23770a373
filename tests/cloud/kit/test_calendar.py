"""Which days are like which: the State Council's, another country's, and the station's own above both."""

from datetime import date
from pathlib import Path

import pytest

from cloud.kit.calendar import Calendar, DayType, station_calendar
from cloud.kit.errors import Invalid

CHINA = station_calendar()


@pytest.mark.parametrize(
    ("day", "like"),
    [
        (date(2026, 10, 1), DayType.OFF),
        (date(2026, 10, 10), DayType.WORK),  # a Saturday that is worked for it
        (date(2026, 7, 4), DayType.SATURDAY),
        (date(2026, 7, 5), DayType.OFF),
        (date(2026, 10, 3), DayType.OFF),  # a Saturday inside the holiday is a day off
        (date(2026, 7, 6), DayType.WORK),
    ],
)
def test_days_off_are_like_sundays_and_worked_weekends_like_working_days(day: date, like: DayType) -> None:
    assert CHINA.day_type(day) is like


def test_what_the_station_knows_stands_above_the_libraries() -> None:
    own = Calendar(days_off=frozenset({date(2026, 7, 6)}), worked=frozenset({date(2026, 10, 1)}))
    assert own.day_types([date(2026, 7, 6), date(2026, 10, 1)]) == [DayType.OFF, DayType.WORK]
    assert own.holiday(date(2026, 10, 1)) is None


def test_a_year_without_a_notice_has_its_statutory_days_and_says_that_it_is_not_certain() -> None:
    assert CHINA.certain(2026)
    assert not CHINA.certain(2031)
    assert CHINA.day_type(date(2031, 10, 1)) is DayType.OFF


def test_other_countries_have_their_own_days() -> None:
    germany = Calendar(country="DE", subdivision="HE")
    assert germany.day_type(date(2016, 5, 26)) is DayType.OFF  # Corpus Christi, in Hesse
    assert Calendar(country="DE").day_type(date(2016, 5, 26)) is DayType.WORK
    assert germany.holiday(date(2016, 12, 25)) == "Christmas Day"


def test_a_holiday_has_a_name_and_the_day_worked_for_it_has_none() -> None:
    assert CHINA.holiday(date(2026, 10, 1)) == "National Day"
    assert CHINA.holiday(date(2026, 10, 10)) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('country = "ATLANTIS"', "'ATLANTIS'"),
        ("days_off = [2026-01-01]\nworked = [2026-01-01]", "2026-01-01 is both a day off and worked"),
        ("day_off = []", "day_off"),
    ],
)
def test_a_wrong_calendar_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "calendar.toml").write_text(text)
    with pytest.raises(Invalid, match=told):
        station_calendar(tmp_path)
