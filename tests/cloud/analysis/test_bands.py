"""Bands fill every day once, whatever the season, the holiday and the clock; what does not is refused."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.analysis.grid import day_grid
from cloud.analysis.indicators.bands import by_slot, energy_by_band
from cloud.kit.bands import (
    DAY_TYPES,
    Band,
    BandTable,
    DayBands,
    DayKind,
    Festival,
    Window,
    in_force,
    partition,
)

ALL_YEAR, EVERY_DAY = frozenset(range(1, 13)), frozenset(DAY_TYPES)
NAMES = {Band.FLAT: Band.FLAT, Band.PEAK: Band.SHARP, Band.VALLEY: Band.DEEP_VALLEY}


@st.composite
def fair_windows(draw: st.DrawFn) -> tuple[Window, ...]:
    """A day cut into peak, flat and valley, some with sharp or deep valley inside."""
    cuts = [0, *sorted(draw(st.sets(st.integers(1, 95), max_size=6))), 96]
    found = []
    for start, end in pairwise(cuts):
        band = draw(st.sampled_from(list(NAMES)))
        found.append(Window(band, 15 * start, 15 * end))
        if end - start > 2 and NAMES[band] is not band and draw(st.booleans()):
            found.append(Window(NAMES[band], 15 * start + 15, 15 * end - 15))
    return tuple(found)


def table(windows: tuple[Window, ...], *festivals: Festival, since: date = date.min) -> BandTable:
    return BandTable("t", [DayBands(ALL_YEAR, EVERY_DAY, windows, rest_flat=False)], festivals, since)


@settings(deadline=None)
@given(fair_windows(), st.sampled_from(DAY_TYPES), st.integers(0, 365))
def test_a_days_bands_fill_its_24_hours(windows: tuple[Window, ...], kind: str, ahead: int) -> None:
    quarters = table(windows).quarters(DayKind(date(2028, 1, 1) + timedelta(days=ahead), kind))
    minutes = dict.fromkeys(Band, 0)
    for window in windows:
        minutes[window.band] += window.end_min - window.start_min
    minutes[Band.PEAK] -= minutes[Band.SHARP]
    minutes[Band.VALLEY] -= minutes[Band.DEEP_VALLEY]
    assert {band: 15 * int((quarters == band).sum()) for band in Band} == minutes
    assert sum(minutes.values()) == 1440


def test_sharp_takes_its_place_from_peak_and_deep_valley_from_valley() -> None:
    day = partition(
        [
            Window(Band.SHARP, 600, 660),
            Window(Band.PEAK, 540, 720),
            Window(Band.VALLEY, 0, 480),
            Window(Band.DEEP_VALLEY, 90, 150),
        ]
    )
    assert [int((day == band).sum()) for band in Band] == [4, 8, 52, 28, 4]
    assert day[40] == Band.SHARP
    assert day[39] == Band.PEAK


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ([Window(Band.PEAK, 0, 600), Window(Band.VALLEY, 585, 1440)], "valley 09:45-24:00: .*already"),
        ([Window(Band.PEAK, 0, 600), Window(Band.DEEP_VALLEY, 60, 120)], "deep_valley 01:00-02:00"),
        ([Window(Band.PEAK, 0, 600), Window(Band.FLAT, 615, 1440)], "10:00 and after: no band"),
    ],
)
def test_time_given_twice_or_to_nobody_is_refused(windows: list[Window], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        partition(windows, rest_flat=False)


@pytest.mark.parametrize(("start", "end"), [(0, 1455), (60, 60), (1320, 360), (10, 60)])
def test_a_window_is_within_the_day_and_on_its_quarters(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="flat"):
        Window(Band.FLAT, start, end)


def test_a_month_or_a_kind_of_day_left_out_or_said_twice_is_refused() -> None:
    whole = (Window(Band.FLAT, 0, 1440),)
    with pytest.raises(ValueError, match="month 12, work: no windows"):
        BandTable("t", [DayBands(frozenset(range(1, 12)), EVERY_DAY, whole)])
    twice = [DayBands(ALL_YEAR, EVERY_DAY, whole), DayBands(frozenset({3}), frozenset({"off"}), whole)]
    with pytest.raises(ValueError, match="month 3, off: said twice"):
        BandTable("t", twice)


def test_a_festival_replaces_what_stands_there() -> None:
    whole = (Window(Band.SHARP, 600, 660), Window(Band.PEAK, 480, 1440), Window(Band.VALLEY, 0, 480))
    spring = Festival(frozenset({"Spring Festival"}), (Window(Band.DEEP_VALLEY, 540, 780),))
    asked, day = table(whole, spring), date(2026, 2, 17)
    plain = asked.quarters(DayKind(day, "off"))
    feast = asked.quarters(DayKind(day, "off", frozenset({"Spring Festival"})))
    assert (plain[36:52] != Band.DEEP_VALLEY).all()
    assert (feast[36:52] == Band.DEEP_VALLEY).all()
    assert np.array_equal(np.delete(plain, slice(36, 52)), np.delete(feast, slice(36, 52)))


def test_each_day_goes_by_the_table_in_force() -> None:
    old, new = (
        table((Window(band, 0, 1440),), since=since)
        for band, since in ((Band.PEAK, date(2024, 3, 1)), (Band.VALLEY, date(2026, 7, 1)))
    )
    assert in_force([new, old], date(2026, 6, 30)) is old
    assert in_force([new, old], date(2026, 7, 1)) is new
    assert in_force([new, old], date(2020, 1, 1)) is old


@pytest.mark.parametrize(("first", "count"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_days_of_92_and_100_slots_go_by_the_wall_clock(first: date, count: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime.combine(first, datetime.min.time(), zone).astimezone(UTC)
    starts = round(start.timestamp() * 1000) + np.arange(count, dtype=np.int64) * 900_000
    night = table((Window(Band.VALLEY, 0, 360), Window(Band.FLAT, 360, 1440)))
    found = by_slot(day_grid(starts, 900, zone), [DayKind(first, "off")], [night])
    hours = np.array([datetime.fromtimestamp(ms / 1000, zone).hour for ms in starts.tolist()])
    assert len(found) == count
    assert np.array_equal(found == Band.VALLEY, hours < 6)


def test_half_hour_edges_hold_in_slots_of_half_an_hour_and_less_and_not_in_hours() -> None:
    edge = table((Window(Band.VALLEY, 0, 690), Window(Band.PEAK, 690, 1440)))
    kinds, zone = [DayKind(date(2026, 1, 1), "off")], ZoneInfo("Asia/Shanghai")
    for interval_s, least in ((60, 690), (900, 46), (1800, 23)):
        starts = 1767196800_000 + np.arange(86_400 // interval_s, dtype=np.int64) * interval_s * 1000
        found = by_slot(day_grid(starts, interval_s, zone), kinds, [edge])
        assert int((found == Band.VALLEY).sum()) == least
    starts = 1767196800_000 + np.arange(24, dtype=np.int64) * 3_600_000
    with pytest.raises(ValueError, match="24 slots a day are too coarse"):
        by_slot(day_grid(starts, 3600, zone), kinds, [edge])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_energy_by_band_is_its_plain_twin(seed: int, each: bool, holes: bool) -> None:
    rng = np.random.default_rng(seed)
    wh = rng.gamma(2, 60, (5, 96)).astype(np.float32)
    if holes:
        wh[rng.random(wh.shape) < 0.1] = np.nan
    bands = rng.integers(-1, 5, (5, 96) if each else 96).astype(np.int8)
    wide = np.broadcast_to(bands, wh.shape)
    twin = np.stack([np.nansum(np.where(wide == band, wh.astype(np.float64), 0), axis=1) for band in Band])
    assert np.allclose(energy_by_band(wh, bands), twin.T / 1000, rtol=1e-12)
