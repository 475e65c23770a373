"""Hourly temperatures out of a file: every bad cell is told, nothing is half taken, twice is once."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from cloud.insight import weather, weather_file
from cloud.kit.db import Database
from cloud.kit.errors import Invalid

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def hour(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) // 3600


def written(folder: Path, text: str, name: str = "t.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def test_times_are_read_with_an_offset_or_by_the_stations_clock(tmp_path: Path) -> None:
    one = written(tmp_path, "time,celsius\n2026-03-01T08:00+08:00,3.5\n2026-03-01T01:00:00Z,4\n")
    other = written(tmp_path, "时间,气温\n2026/03/01 08:00,3.5\n2026-03-01 09:00:00,4\n", "g.csv", "gb18030")
    said = {hour("2026-03-01T00:00Z"): 3.5, hour("2026-03-01T01:00Z"): 4.0}
    assert weather_file.read(one, SHANGHAI).celsius == said
    assert weather_file.read(other, SHANGHAI).celsius == said


def test_the_repeated_hour_of_autumn_is_two_hours_and_the_lost_one_of_spring_is_none(tmp_path: Path) -> None:
    autumn = written(tmp_path, "time,celsius\n2026-10-25 02:00,7\n2026-10-25 02:00,8\n")
    found = weather_file.read(autumn, BERLIN).celsius
    assert found == {hour("2026-10-25T00:00Z"): 7.0, hour("2026-10-25T01:00Z"): 8.0}
    spring = written(tmp_path, "time,celsius\n2026-03-29 02:00,7\n", "s.csv")
    with pytest.raises(Invalid) as told:
        weather_file.read(spring, BERLIN)
    assert "row 2, column time" in told.value.problems[1]
    assert "clocks go forward" in told.value.problems[1]


def test_every_bad_row_is_told_with_its_number_and_column(tmp_path: Path) -> None:
    text = (
        "time,celsius\nyesterday,3\n2026-03-01 08:30,3\n2026-03-01 09:00,warm\n2026-03-01 10:00,85\n"
        "2026-03-01 11:00,5\n2026-03-01 11:00,6\n2026-03-01 12:00,\n"
    )
    with pytest.raises(Invalid, match="5 bad rows, nothing was taken") as told:
        weather_file.read(written(tmp_path, text), SHANGHAI)
    where = [each.split(":")[0] for each in told.value.problems[1:]]
    assert where == [
        "row 2, column time",
        "row 3, column time",
        "row 4, column celsius",
        "row 5, column celsius",
        "row 7, column time",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no column of the time"),
        ("time,humidity\n2026-03-01 08:00,3\n", "no column of °C.*time, humidity"),
        ("dt,tempF\n2026-03-01T08:00Z,33\n", "tempf is in °F"),
        ("time,celsius\n2026-03-01 08:00,\n", "there is no temperature in it"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        weather_file.read(written(tmp_path, text), SHANGHAI)


def test_parquet_is_read_alike_and_what_is_none_refused(tmp_path: Path) -> None:
    at = [datetime(2026, 3, 1, each, tzinfo=UTC) for each in (0, 1)]
    pq.write_table(pa.table({"time": at, "temperature": [3.5, None]}), tmp_path / "t.parquet")
    found = weather_file.read(tmp_path / "t.parquet", SHANGHAI)
    assert (found.celsius, found.empty) == ({hour("2026-03-01T00:00Z"): 3.5}, 1)
    (tmp_path / "no.parquet").write_bytes(b"no")
    with pytest.raises(Invalid, match=r"no\.parquet is no Parquet"):
        weather_file.read(tmp_path / "no.parquet", SHANGHAI)


def test_the_same_file_again_changes_nothing_and_a_newer_one_stands_above(database_url: str) -> None:
    database = Database(database_url)
    first = {at: float(at % 7) for at in range(492_000, 492_600)}
    with database.write() as connection:
        assert weather.keep(connection, first, file="a", digest="1", now=NOW) == weather.Kept(600, 600, 0)
        assert weather.keep(connection, first, file="a", digest="1", now=NOW) == weather.Kept(600, 0, 0)
        newer = {492_000: -5.0, 492_600: 1.0}
        assert weather.keep(connection, newer, file="b", digest="2", now=NOW) == weather.Kept(2, 1, 1)
        assert connection.scalar(select(func.count()).select_from(weather.weather_table)) == 601
        assert connection.scalar(select(func.count()).select_from(weather.import_table)) == 2
    database.close()


def test_a_day_has_a_mean_only_where_most_of_its_hours_are_known(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    start = hour("2026-03-01T00:00+08:00")
    hours = {start + at: float(at) for at in range(24)} | {start + 24 + at: 5.0 for at in range(19)}
    with database.write() as connection:
        weather.keep(connection, hours, file="a", digest="1", now=NOW)
        found = weather.daily(connection, date(2026, 2, 28), date(2026, 3, 2), SHANGHAI)
    database.close()
    np.testing.assert_array_equal(found, [np.nan, 11.5, np.nan])
