"""Profiles out of an archive: a month reckoned, days encoded, what counts and what does not."""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete

from cloud.insight import weather
from cloud.insight.engine import Threads
from cloud.insight.profile import store, tables
from cloud.insight.profile.actions import Done, Profiles, evenly
from cloud.insight.profile.policy import ProfilePolicy, profile_policy
from cloud.insight.runs import Night
from cloud.kit.calendar import station_calendar
from cloud.metering.vee import days as validated
from cloud.metering.vee.point_day import Channel, Method, PointDay
from tests.cloud.metering.archive.village import POINTS, Village

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
APRIL = date(2026, 4, 1)
ONE = timedelta(days=1)


def curve(point: str, day: date, random: np.random.Generator, slots: int = 96) -> NDArray[np.float64]:
    """M-1 and M-2 live in the evening, M-3 works by day, M-4 never rests; no two days are the same."""
    hour = np.arange(slots) * 24 / slots
    peak = {"M-1": 19.5, "M-2": 19.5, "M-3": 11.0, "M-4": 3.0}[point]
    width = {"M-1": 2.0, "M-2": 2.0, "M-3": 4.0, "M-4": 30.0}[point]
    apart = np.minimum(np.abs(hour - peak), 24 - np.abs(hour - peak))
    shape = 20 + 200 * np.exp(-((apart / width) ** 2))
    if point == "M-3" and station_calendar().day_type(day) != "work":
        shape = np.full(slots, 25.0)
    found: NDArray[np.float64] = shape * random.lognormal(0, 0.03, slots)
    return found


def filled(village: Village, first: date = FIRST, last: date = LAST) -> None:
    """All in one transaction: what it takes is the writing."""
    random = np.random.default_rng(3)
    every = [first + number * ONE for number in range((last - first).days + 1)]
    put(village, {(point, day): curve(point, day, random) for day in every for point in POINTS})
    village.archive_days(first, last)


def put(
    village: Village,
    days: dict[tuple[str, date], NDArray[np.float64]],
    interval_s: int = 900,
    method: Method = Method.MEASURED,
) -> None:
    made = [
        PointDay(
            point,
            Channel.IMPORT,
            day,
            village.zone_instant(day),
            interval_s,
            wh,
            np.zeros(len(wh), np.uint32),
            np.full(len(wh), method, np.uint8),
        )
        for (point, day), wh in days.items()
    ]
    with village.database.write() as connection:
        validated.put(connection, made, by="test", why="test", at=village.clock.now())


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory, empty_sqlite: Path) -> Iterator[Village]:
    """March and two days of April, once for all: only profiles are written by those who ask."""
    folder = tmp_path_factory.mktemp("village")
    shutil.copy(empty_sqlite, folder / "records.db")
    made = Village(folder, f"sqlite:///{folder / 'records.db'}")
    filled(made, FIRST, date(2026, 4, 2))
    yield made
    made.close()


@pytest.fixture
def village(archived: Village) -> Village:
    """Without any profile yet."""
    with archived.database.write() as connection:
        for table in (tables.group_table, tables.profile_table, tables.day_table, tables.centre_table,
                      tables.fit_table, tables.shape_table):  # fmt: skip
            connection.execute(delete(table))
    return archived


@pytest.fixture
def empty(tmp_path: Path, sqlite_url: str) -> Iterator[Village]:
    made = Village(tmp_path, sqlite_url)
    yield made
    made.close()


def small(**more: object) -> ProfilePolicy:
    """The station's policy for a dictionary of a handful of customers."""
    policy = profile_policy()
    few = policy.shapes.model_copy(update={"least": 3, "most": 4, "refits": 2})
    return policy.model_copy(update={"shapes": few, **more})


def profiles(village: Village, policy: ProfilePolicy | None = None) -> Profiles:
    return Profiles(
        village.database,
        village.archive.folder,
        village.zone,
        village.clock,
        station_calendar(),
        policy or small(),
        Threads(2),
    )


def of(village: Village, point: str) -> store.Profile:
    with village.database.read() as connection:
        found = store.profile(connection, point)
    assert found is not None
    return found


def test_a_month_gives_each_point_a_typical_day_that_was_and_a_group_with_its_share(village: Village) -> None:
    done = profiles(village).run_month(LAST)
    assert done == Done(4, 4, FIRST)
    one, worker, even = (of(village, point) for point in ("M-1", "M-3", "M-4"))
    assert one.work is not None
    assert station_calendar().day_type(one.work.day) == "work"
    assert worker.off is not None
    assert station_calendar().day_type(worker.off.day) != "work"
    assert one.peak_kw == pytest.approx(0.88, rel=0.1)
    assert one.base_kw == pytest.approx(0.08, rel=0.1)
    assert one.work.kw.max() == pytest.approx(one.peak_kw)
    assert (one.valid_days, one.provisional, one.coverage, one.estimated) == (31, True, 1.0, 0.0)
    assert one.group is not None
    assert one.group.name is not None
    assert (one.group.name.key, one.group.share, one.group.entropy) == ("evening", 1.0, 0.0)
    assert worker.group is not None
    assert worker.group.entropy is not None
    assert worker.group.entropy > 0.5
    assert even.group is not None
    assert even.group.name is not None
    assert even.group.name.key == "flat"
    assert one.since == FIRST


def test_the_typical_day_is_the_one_whose_values_were_read(village: Village) -> None:
    profiles(village).run_month(LAST)
    found = of(village, "M-3").work
    assert found is not None
    wh = village.matrix(found.day, points=["M-3"])[0]
    np.testing.assert_allclose(found.kw, wh * 4 / 1000, rtol=1e-6)


def test_a_day_is_encoded_by_the_dictionary_of_the_month_before(village: Village) -> None:
    made = profiles(village)
    assert made.run_day(APRIL) == Done()
    made.run_month(LAST)
    assert made.run_day(APRIL) == Done(4, 4, FIRST)
    with village.database.read() as connection:
        codes = store.codes_of_point(connection, "M-1", FIRST, APRIL)
    assert len(codes) == 32
    assert set(codes.values()) == {of(village, "M-1").group.code}  # type: ignore[union-attr]


def test_the_same_month_again_gives_the_same_to_the_bit(village: Village) -> None:
    made = profiles(village)
    made.run_month(LAST)
    before = [of(village, point) for point in POINTS]
    made.run_month(LAST)
    after = [of(village, point) for point in POINTS]
    for one, other in zip(before, after, strict=True):
        assert one.work is not None
        assert other.work is not None
        assert one.work.kw.tobytes() == other.work.kw.tobytes()
        assert one.group == other.group


def test_the_shapes_of_the_next_month_keep_their_codes(village: Village) -> None:
    made = profiles(village)
    made.run_month(LAST)
    before = of(village, "M-1").group
    made.run_month(date(2026, 4, 2))
    after = of(village, "M-1")
    assert before is not None
    assert after.group is not None
    assert (after.group.month, after.group.code, after.group.name) == (APRIL, before.code, before.name)
    assert after.since == FIRST
    assert [each.month for each in after.groups] == [APRIL, FIRST]


def test_points_of_every_kind_stand_in_one_dictionary(empty: Village) -> None:
    """M-1 has bad days, M-2 moves, M-3 is by the hour, M-4 comes late."""
    random = np.random.default_rng(3)
    every = [FIRST + number * ONE for number in range(31)]
    good = {(point, day): curve(point, day, random) for day in every for point in ("M-1", "M-2")}
    good |= {("M-4", day): curve("M-1", day, random) for day in every[20:]}
    good["M-1", FIRST][30:40] = np.nan
    good["M-1", FIRST + 2 * ONE][:] = 0
    guessed = {("M-1", FIRST + ONE): good.pop(("M-1", FIRST + ONE))}
    put(empty, good)
    put(empty, guessed, method=Method.LIKE_DAY)
    put(empty, {("M-3", day): curve("M-1", day, random, 24) * 4 for day in every}, 3600)
    empty.archive_days(FIRST, every[14])
    empty.move("M-2", "A02", empty.zone_instant(every[15]))
    empty.archive_days(every[15], LAST)
    assert profiles(empty).run_month(LAST).points == 4
    bad, moved, hourly, late = (of(empty, point) for point in POINTS)
    assert bad.group is not None
    assert bad.valid_days == 29  # a day of zeros is a day
    assert bad.group.days == 28  # and has no shape
    assert bad.coverage == pytest.approx(1 - 10 / (31 * 96))
    assert bad.estimated == pytest.approx(96 / (31 * 96 - 10))
    assert (moved.area, moved.valid_days) == ("A02", 31)
    assert hourly.work is not None
    assert hourly.work.kw.shape == (24,)
    assert hourly.group is not None
    assert moved.group is not None
    assert moved.group.code is not None
    assert hourly.group.code == bad.group.code == moved.group.code
    assert (late.first, late.valid_days, late.coverage) == (every[20], 11, 1.0)


def test_what_a_degree_costs_is_said_with_weather_and_why_not_without(empty: Village) -> None:
    first = date(2026, 1, 28)
    random = np.random.default_rng(5)
    celsius = random.uniform(0, 30, 63)
    days = {}
    for number, degrees in enumerate(celsius):
        wh = np.full(96, 100 + 12.5 * max(0.0, 14 - degrees)) + random.normal(0, 1, 96)
        days["M-1", first + number * ONE] = wh
    put(empty, days)
    empty.archive_days(first, LAST)
    profiles(empty).run_month(LAST)
    found = of(empty, "M-1").temperature
    assert found is not None
    assert (found.reason, found.heating_kwh_per_c) == ("no_weather", None)
    hour = round(empty.zone_instant(first).timestamp()) // 3600
    hours = {hour + at: float(celsius[at // 24]) for at in range(63 * 24)}
    with empty.database.write() as connection:
        weather.keep(connection, hours, file="示例.csv", digest="1", now=empty.clock.now())
    profiles(empty).run_month(LAST)
    found = of(empty, "M-1").temperature
    assert found is not None
    assert found.heating_kwh_per_c == pytest.approx(1.2, rel=0.02)
    assert (found.heating_below_c, found.cooling_kwh_per_c, found.days) == (14.0, None, 63)


def test_the_night_at_a_months_end_reckons_the_month_and_other_nights_encode(village: Village) -> None:
    made = profiles(village)
    assert made.night(Night(LAST, ("A01", "A02"), newest=False)).month == FIRST
    assert of(village, "M-1").month == FIRST
    assert made.night(Night(APRIL, ("A01",), newest=True)) == Done(2, 2, FIRST)


def test_a_first_night_amid_a_month_makes_a_dictionary_of_what_there_is(village: Village) -> None:
    made = profiles(village)
    assert made.night(Night(date(2026, 3, 20), ("A01", "A02"), newest=True)).month == FIRST
    assert of(village, "M-1").last == date(2026, 3, 20)


def test_too_few_days_give_typical_days_and_no_dictionary(village: Village) -> None:
    few = small(window_days=14, temperature_days=14)
    few = few.model_copy(update={"shapes": few.shapes.model_copy(update={"most": 16})})
    assert profiles(village, few).run_month(date(2026, 3, 5)) == Done(4, 4, None)
    found = of(village, "M-1")
    assert found.work is not None
    assert found.group is not None
    assert (found.group.code, found.group.share) == (None, None)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_day_of_92_or_100_slots_counts_like_any_other(tmp_path: Path, sqlite_url: str, day: date) -> None:
    berlin = Village(tmp_path, sqlite_url, ZoneInfo("Europe/Berlin"))
    random = np.random.default_rng(3)
    every = [day + number * ONE for number in range(-14, 1)]
    made = {(point, each): curve(point, each, random) for each in every for point in POINTS}
    for point in POINTS:
        wh = made[point, day]
        made[point, day] = np.delete(wh, slice(8, 12)) if day.month == 3 else np.insert(wh, 12, wh[8:12])
    put(berlin, made)
    berlin.archive_days(every[0], day)
    profiles(berlin).run_month(day)
    with berlin.database.read() as connection:
        codes = store.codes_of_point(connection, "M-1", day, day)
        found = store.profile(connection, "M-1")
    berlin.close()
    assert found is not None
    assert (found.valid_days, found.coverage) == (15, 1.0)
    assert found.group is not None
    assert codes == {day: found.group.code}


def test_a_dictionary_reads_areas_spread_over_the_station_and_of_a_small_one_all() -> None:
    areas = {f"A{number:03}": 75 for number in range(400)}
    some = evenly(areas, 2000)
    assert 1800 <= sum(areas[area] for area in some) <= 2100
    assert {int(area[1:]) // 50 for area in some} == set(range(8))
    assert evenly({"A1": 1500, "A2": 500}, 2000) == ["A1", "A2"]
    assert evenly({}, 2000) == []
