"""Real curves from files: read, repeated, and every mistake told with file and row."""

import sys
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pyarrow import parquet

from firmware_sim.calendar import DAY_S, Calendar
from firmware_sim.curves import CurveError, CurveLoad, read

CALENDAR = Calendar.since(date(2024, 1, 1), ZoneInfo("Asia/Shanghai"))  # a Monday
ROWS = "time,power_w\n2026-07-06T00:00:00,1000\n2026-07-06T06:00:00,2000\n2026-07-07T00:00:00,500\n"


def load(path: Path, scale: float = 1) -> CurveLoad:
    curve, weekday = read(path, CALENDAR)
    return CurveLoad(curve, weekday, scale, 0.95, CALENDAR)


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    path = tmp_path / "curve.csv"
    path.write_text(ROWS)
    return path


def test_a_power_holds_until_the_next_row_and_the_curve_repeats(csv_file: Path) -> None:
    one, start = load(csv_file), CALENDAR.origin_s
    assert [one.power_w(start + hour * 3600) for hour in (0, 5.9, 6, 23.9, 24, 47.9, 48, 54)] == [
        1000, 1000, 2000, 2000, 500, 500, 1000, 2000,
    ]  # fmt: skip
    assert one.energy_mwh(start) == 0
    assert one.energy_mwh(start + 8 * 3600) == 10_000_000
    assert one.energy_mwh(start + 2 * DAY_S) == 54_000_000
    assert one.energy_mwh(start + 20 * DAY_S) == 540_000_000


def test_its_tariffs_are_those_of_the_hours_it_was_drawn_in(csv_file: Path) -> None:
    bands = load(csv_file).bands_mwh(CALENDAR.origin_s + DAY_S)
    valley = 6 * 1000 + 1 * 2000 + 1 * 2000
    assert bands == (4_000_000, 14_000_000, 14_000_000, 1000 * valley)


def test_the_scale_multiplies_power_and_energy(csv_file: Path) -> None:
    double, t_s = load(csv_file, 2), CALENDAR.origin_s + 7 * 3600
    assert double.power_w(t_s) == 4000
    assert double.energy_mwh(t_s) == 16_000_000


def test_the_weekday_of_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "week.csv"
    days = "".join(f"2026-07-{8 + n:02d}T00:00:00,{n + 100}\n" for n in range(7))  # from a Wednesday
    path.write_text("time,power_w\n" + days)
    monday = load(path).power_w(CALENDAR.origin_s)
    assert monday == 105


def test_parquet_serves_like_csv(tmp_path: Path, csv_file: Path) -> None:
    path = tmp_path / "curve.parquet"
    times = [datetime(2026, 7, 6), datetime(2026, 7, 6, 6), datetime(2026, 7, 7)]
    parquet.write_table(pa.table({"time": times, "power_w": [1000.0, 2000.0, 500.0]}), path)
    t_s = CALENDAR.origin_s + 12_345_678
    assert load(path).energy_mwh(t_s) == load(csv_file).energy_mwh(t_s)


def test_a_time_with_a_zone_means_that_instant(tmp_path: Path) -> None:
    path = tmp_path / "utc.csv"
    path.write_text("time,power_w\n2026-07-05T16:00:00Z,7\n2026-07-05T17:00:00+00:00,9\n")
    one = load(path)
    assert one.power_w(CALENDAR.origin_s) == 7
    assert one.power_w(CALENDAR.origin_s + 3600) == 9


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time,watts\n2026-07-06T00:00:00,1\n", "column 'power_w' is missing"),
        ("time,power_w\n", "no row below its header"),
        ("time,power_w\n2026-07-06T00:00:00,1\nyesterday,2\n", "row 3: time 'yesterday'"),
        ("time,power_w\n2026-07-06T00:00:00,1\n2026-07-06T01:00:00,much\n", "row 3: power_w 'much'"),
        ("time,power_w\n2026-07-06T00:00:00,-1\n", "row 2: power_w '-1'"),
        (
            "time,power_w\n2026-07-06T01:00:00,1\n2026-07-06T00:00:00,1\n",
            "row 3: time 2026-07-06T00:00:00 is not",
        ),
    ],
)
def test_a_wrong_file_is_told_by_name_and_row(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text(text)
    with pytest.raises(CurveError, match=r"wrong\.csv") as caught:
        read(path, CALENDAR)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_parquet_is_told(tmp_path: Path) -> None:
    with pytest.raises(CurveError, match=r"none\.csv: there is no such file"):
        read(tmp_path / "none.csv", CALENDAR)
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(CurveError, match=r"no\.parquet: it is not a Parquet file"):
        read(tmp_path / "no.parquet", CALENDAR)


def test_parquet_without_pyarrow_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "curve.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        CurveError, match=r"curve\.parquet: Parquet needs pyarrow: .*wattpost\[curves\]"
    ) as told:
        read(tmp_path / "curve.parquet", CALENDAR)
    assert "\n" not in str(told.value)
