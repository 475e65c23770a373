"""Indicators out of an archive: which days are due, which are the same, what is kept of them."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cloud.analysis.indicators import daily, months
from cloud.insight.bands import station_bands
from cloud.insight.engine import Lost, Threads
from cloud.insight.indicators import months as month_store
from cloud.insight.indicators import packed, store
from cloud.insight.indicators.actions import Indicators, Made
from cloud.kit.calendar import station_calendar
from cloud.metering.vee.point_day import Channel, Method
from tests.cloud.metering.archive.conftest import village as archived_village
from tests.cloud.metering.archive.village import DAY, POINTS, Village

village = archived_village
ONE = timedelta(days=1)
AT = {each.name: place for place, each in enumerate(daily.INDICATORS)}


def indicators(village: Village) -> Indicators:
    return Indicators(
        village.database,
        village.archive.folder,
        village.zone,
        village.clock,
        station_bands(),
        station_calendar(),
        Threads(2),
    )


def filled(village: Village, day: date = DAY, wh: float = 10.0) -> None:
    for point in POINTS:
        village.validate(point, day, wh)
    village.archive_days(day)


def of(
    village: Village, point: str = "M-1", first: date = DAY, last: date = DAY, **more: Any
) -> store.DaySeries:
    with village.database.read() as connection:
        return store.days_of(connection, point, first, last, **more)


def test_a_day_is_reckoned_once_and_again_when_the_archive_has_a_revision(village: Village) -> None:
    filled(village)
    made = indicators(village)
    assert made.run_day(DAY) == Made(areas=2, same=0, point_days=4)
    assert made.run_day(DAY) == Made(areas=0, same=2, point_days=0)
    village.validate("M-1", DAY, 20.0)
    village.archive_days(DAY)
    assert made.run_day(DAY) == Made(areas=1, same=1, point_days=2)
    assert of(village).values[0, AT["energy_kwh"]] == pytest.approx(1.92)
    assert of(village, "M-3").values[0, AT["energy_kwh"]] == pytest.approx(0.96)


def test_a_back_fill_goes_on_where_it_stopped(village: Village) -> None:
    for day in (DAY, DAY + ONE, date(2026, 4, 1)):
        filled(village, day)
    made, told = indicators(village), list[int]()
    assert len(made.due(DAY, date(2026, 4, 1))) == 4
    made.backfill(DAY, date(2026, 3, 31))
    assert {work.first for work in made.due(DAY, date(2026, 4, 1))} == {date(2026, 4, 1)}
    assert made.backfill(DAY, date(2026, 4, 1), told.append) == Made(areas=2, same=0, point_days=4)
    assert sum(told) == 2
    assert made.backfill(DAY, date(2026, 4, 1)) == Made()


def test_a_month_made_one_file_gives_the_same_to_the_bit(village: Village) -> None:
    filled(village, DAY)
    filled(village, DAY + ONE, 12.5)
    made = indicators(village)
    made.run_day(DAY)
    made.run_day(DAY + ONE)
    before = of(village, last=DAY + ONE)
    village.compact()
    made.backfill(DAY, DAY + ONE)
    after = of(village, last=DAY + ONE)
    assert before.values.tobytes() == after.values.tobytes()
    assert before.days == after.days == (DAY, DAY + ONE)


def test_an_area_whose_file_is_damaged_is_told_and_the_other_is_kept(village: Village) -> None:
    filled(village)
    broken = next(village.archive.folder.glob("final/A01/*.parquet"))
    broken.write_bytes(b"not Parquet")
    with pytest.raises(Lost, match=f"A01 {DAY}: .*verify"):
        indicators(village).run_day(DAY)
    assert not of(village, "M-1").days
    assert of(village, "M-3").days == (DAY,)


def test_a_day_of_zeros_has_no_ratios_and_no_share(village: Village) -> None:
    filled(village, wh=0.0)
    indicators(village).run_day(DAY)
    row = of(village).values[0]
    assert row[AT["energy_kwh"]] == 0
    assert row[AT["max_kw"]] == 0
    assert row[AT["zero_run"]] == 96
    ratios = ("load_factor", "peak_valley_rate", "min_load_rate", "peak_share", "night_share", "spike_ratio")
    assert np.isnan(row[[AT[name] for name in ratios]]).all()


def test_a_day_without_any_value_is_a_day_of_no_coverage(village: Village) -> None:
    village.validate("M-1", DAY, np.full(96, np.nan), method=int(Method.MISSING))
    village.archive_days(DAY)
    indicators(village).run_day(DAY)
    found = of(village)
    assert found.slots.tolist() == [96]
    assert found.values[0, AT["valid_slots"]] == 0
    assert np.isnan(found.values[0, AT["energy_kwh"]])


def test_estimates_are_counted_and_what_a_person_said_is_none(village: Village) -> None:
    village.validate("M-1", DAY, method=int(Method.LIKE_DAY))
    village.validate("M-2", DAY, method=int(Method.MANUAL))
    village.archive_days(DAY)
    indicators(village).run_day(DAY)
    assert of(village, "M-1").values[0, AT["estimated_slots"]] == 96
    assert of(village, "M-2").values[0, AT["estimated_slots"]] == 0


def test_a_day_of_25_hours_has_100_slots(tmp_path: Path, sqlite_url: str) -> None:
    village, day = Village(tmp_path, sqlite_url, ZoneInfo("Europe/Berlin")), date(2025, 10, 26)
    village.validate("M-1", day, np.arange(100.0))
    village.archive_days(day)
    indicators(village).run_day(day)
    found = of(village, first=day, last=day)
    village.close()
    assert found.slots.tolist() == [100]
    assert found.values[0, AT["energy_kwh"]] == pytest.approx(4.95)
    assert found.values[0, AT["max_slot"]] == 99


def test_only_who_feeds_in_has_an_export(village: Village) -> None:
    for point, wh in (("M-1", 5.0), ("M-2", 0.0)):
        village.validate(point, DAY)
        village.validate(point, DAY, wh, channel=Channel.EXPORT)
    village.archive_days(DAY)
    indicators(village).run_day(DAY)
    assert of(village, "M-1", channel=Channel.EXPORT).values[0, AT["energy_kwh"]] == pytest.approx(0.48)
    assert not of(village, "M-2", channel=Channel.EXPORT).days
    assert of(village, "M-1").values[0, AT["energy_kwh"]] == pytest.approx(0.96)


def test_a_point_that_moved_has_its_month_whole(village: Village) -> None:
    village.move("M-1", "A02", village.zone_instant(DAY + ONE))
    filled(village)
    filled(village, DAY + ONE)
    made = indicators(village)
    made.backfill(DAY, DAY + ONE)
    with village.database.read() as connection:
        found = store.month_rows(connection, DAY, ["M-1"])
        series = store.months_of(connection, "M-1", DAY, DAY)
    assert (found.points, found.areas, found.days.tolist()) == (("M-1",), ("A02",), [2])
    assert found.values["energy_kwh"][0] == pytest.approx(1.92)
    assert series.months == (date(2026, 3, 1),)
    made.run_month(DAY, ["A01"])
    with village.database.read() as connection:
        again = store.month_rows(connection, DAY, ["M-1"])
    assert again.values["energy_kwh"] == pytest.approx(found.values["energy_kwh"])


def test_a_day_that_is_not_there_between_two_counts_against_the_coverage(village: Village) -> None:
    for day in (DAY, DAY + 3 * ONE):
        filled(village, day)
    indicators(village).backfill(DAY, DAY + 3 * ONE)
    with village.database.read() as connection:
        found = store.month_rows(connection, DAY, ["M-1"])
    assert found.values["coverage"][0] == pytest.approx(0.5)
    assert np.isnan(found.values["energy_kwh"][0])


def test_what_is_kept_comes_back_to_the_bit() -> None:
    values = np.random.default_rng(7).normal(size=(75, 27)).astype(np.float32)
    values[3, 4] = np.nan
    assert packed.values(packed.of_values(values), 75).tobytes() == values.tobytes()
    names = ("示例-1", "A")
    assert packed.points(packed.of_points(names)) == names


def test_the_columns_kept_are_those_that_are_reckoned() -> None:
    assert len(daily.INDICATORS) == store.COLUMNS
    assert tuple(each.name for each in months.MONTHLY) == month_store.COLUMNS
