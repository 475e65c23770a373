"""The 26 daily indicators: against their plain twin, and what must hold of them whatever the load."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.analysis.grid import day_grid
from cloud.analysis.indicators.daily import INDICATORS, daily, daily_of
from cloud.kit.errors import Invalid
from tests.cloud.analysis.daily_twin import twin

AT = {each.name: column for column, each in enumerate(INDICATORS)}
EXACT = [AT[name] for name in ("max_slot", "min_slot", "valid_slots", "estimated_slots", "peak_hours",
                               "zero_run", "frozen_run")]  # fmt: skip
SHARES = [AT[f"{band}_share"] for band in ("sharp", "peak", "flat", "valley", "deep_valley")]
RATIOS = [column for column, each in enumerate(INDICATORS) if each.unit == "1"]
BANDS = np.repeat(np.array([3, 4, 2, 1, 0, 1, 2, 3], np.int8), 12)


def days(rows: int, slots: int, seed: int, holes: float = 0.0) -> NDArray[np.float32]:
    """Loads with ties, zeros, stuck values and spikes; every fifteenth row is far larger than the others."""
    rng = np.random.default_rng(seed)
    wh = rng.gamma(2, 60, (rows, slots)).astype(np.float32)
    wh[rng.random(wh.shape) < 0.05] = 0
    wh[rng.random(wh.shape) < 0.1] = 70
    wh[rng.random(wh.shape) < 0.01] *= 20
    wh[::15] *= 5000
    wh[rng.random(wh.shape) < holes] = np.nan
    return wh


def of(wh: NDArray[np.float32], name: str, bands: NDArray[np.int8] = BANDS) -> NDArray[np.float32]:
    return daily(wh, interval_s=86_400 // wh.shape[1], bands=bands)[:, AT[name]]


def agree(found: NDArray[np.float32], wanted: NDArray[np.float64]) -> None:
    assert np.array_equal(found[:, EXACT], wanted[:, EXACT].astype(np.float32), equal_nan=True)
    rounding = 1e-6 * np.abs(wanted[:, AT["max_kw"]])  # of float32, in a deviation next to nothing
    for column, indicator in enumerate(INDICATORS):
        slack = np.nan_to_num(rounding) if indicator.name == "std_kw" else 1e-9
        same = np.isclose(found[:, column], wanted[:, column], rtol=1e-4, atol=slack, equal_nan=True)
        assert same.all(), (indicator.name, found[~same, column], wanted[~same, column])


@pytest.mark.parametrize("holes", [0.0, 0.001, 0.2, 0.97])
@pytest.mark.parametrize(("rows", "slots", "interval_s"), [
    (203, 96, 900), (16, 96, 900), (1, 96, 900), (33, 92, 900), (31, 100, 900), (40, 48, 1800),
    (50, 24, 3600), (20, 12, 7200), (18, 288, 300), (3, 1440, 60),
])  # fmt: skip
def test_the_kernels_say_what_their_twin_says(rows: int, slots: int, interval_s: int, holes: float) -> None:
    wh, rng = days(rows, slots, slots, holes), np.random.default_rng(rows)
    bands, marks = rng.integers(0, 5, slots).astype(np.int8), rng.random(wh.shape) < 0.1
    found = daily(wh, interval_s=interval_s, bands=bands, estimated=marks)
    agree(found, twin(wh, interval_s, bands, marks))


def test_a_row_may_have_bands_of_its_own() -> None:
    wh, rng = days(150, 96, 5, 0.01), np.random.default_rng(5)
    bands, marks = (
        rng.integers(0, 5, (7, 96)).astype(np.int8)[rng.integers(0, 7, 150)],
        rng.random(wh.shape) < 0.1,
    )
    agree(daily(wh, interval_s=900, bands=bands, estimated=marks), twin(wh, 900, bands, marks))


def test_the_core_is_the_first_thirteen_of_all() -> None:
    wh = days(45, 96, 6, 0.05)
    core = daily(wh, interval_s=900, bands=BANDS, core=True)
    assert np.array_equal(core, daily(wh, interval_s=900, bands=BANDS)[:, :13], equal_nan=True)


def test_threads_change_no_bit() -> None:
    wh, marks = days(1001, 96, 7, 0.01), np.zeros((1001, 96), np.bool_)
    one = daily(wh, interval_s=900, bands=BANDS, estimated=marks)
    for threads in (2, 3):
        assert (
            daily(wh, interval_s=900, bands=BANDS, estimated=marks, threads=threads).tobytes()
            == one.tobytes()
        )


def test_the_order_of_customers_changes_nothing() -> None:
    wh, order = days(101, 96, 8, 0.01), np.random.default_rng(8).permutation(101)
    found = daily(wh, interval_s=900, bands=BANDS)
    assert np.array_equal(daily(wh[order], interval_s=900, bands=BANDS), found[order], equal_nan=True)


@given(seed=st.integers(0, 2**32 - 1), holes=st.sampled_from([0.0, 0.01, 0.5]))
@settings(max_examples=40, deadline=None)
def test_identities_hold_of_any_load(seed: int, holes: float) -> None:
    wh = days(17, 96, seed, holes)
    found = daily(wh, interval_s=900, bands=BANDS)
    rate, low = found[:, AT["peak_valley_rate"]], found[:, AT["min_load_rate"]]
    np.testing.assert_allclose(rate, 1 - low, rtol=1e-5, atol=1e-6)
    total = found[:, SHARES].sum(axis=1)
    assert np.allclose(total[~np.isnan(total)], 1, rtol=1e-5)
    assert np.array_equal(np.isnan(total), ~(found[:, AT["max_kw"]] > 0))
    factor = found[:, AT["load_factor"]]
    assert not np.any((factor < low) | (factor > 1.00001))


@given(seed=st.integers(0, 2**32 - 1), multiplier=st.sampled_from([20, 60, 2000, 0.001]))
@settings(max_examples=30, deadline=None)
def test_a_transformer_ratio_scales_the_load_and_leaves_the_ratios(seed: int, multiplier: float) -> None:
    wh = days(17, 96, seed, 0.01)
    one = daily(wh, interval_s=900, bands=BANDS)
    many = daily(wh * np.float32(multiplier), interval_s=900, bands=BANDS)
    np.testing.assert_allclose(many[:, RATIOS], one[:, RATIOS], rtol=1e-4, atol=1e-7)
    scaled = [column for column, each in enumerate(INDICATORS) if each.unit in {"kW", "kWh"}]
    np.testing.assert_allclose(
        many[:, scaled], one[:, scaled] * multiplier, rtol=1e-4, atol=1e-6 * multiplier
    )


def test_nothing_is_said_of_a_day_without_a_reading() -> None:
    found = daily(np.full((1, 96), np.nan, np.float32), interval_s=900, bands=BANDS)[0]
    assert found[AT["valid_slots"]] == 0
    assert np.isnan(np.delete(found, AT["valid_slots"])).all()


def test_of_a_zero_day_there_is_a_load_and_no_ratio() -> None:
    found = daily(np.zeros((1, 96), np.float32), interval_s=900, bands=BANDS)[0]
    assert found[AT["energy_kwh"]] == found[AT["max_kw"]] == found[AT["max_slot"]] == found[AT["std_kw"]] == 0
    assert found[AT["zero_run"]] == 96
    assert found[AT["frozen_run"]] == 0
    assert np.isnan(found[[*RATIOS, AT["peak_hours"]]]).all()


def test_one_reading_is_highest_and_lowest_and_makes_no_step_and_no_base() -> None:
    wh = np.full((1, 96), np.nan, np.float32)
    wh[0, 40] = 250
    found = daily(wh, interval_s=900, bands=BANDS)[0]
    assert found[AT["max_kw"]] == found[AT["min_kw"]] == 1
    assert found[AT["max_slot"]] == found[AT["min_slot"]] == 40
    assert found[AT["energy_kwh"]] == 0.25
    assert np.isnan(found[[AT["max_ramp_kw"], AT["base_kw"], AT["spike_ratio"]]]).all()
    assert found[AT["std_kw"]] == 0


def test_a_load_that_never_changes_does_not_deviate_by_what_its_mean_was_rounded() -> None:
    loads = np.random.default_rng(13).uniform(1, 1000, 200).astype(np.float32)
    found = daily(np.repeat(loads[:, None], 96, axis=1), interval_s=900, bands=BANDS)
    assert np.all(found[:, AT["std_kw"]] <= 1e-8 * found[:, AT["max_kw"]])


def test_the_first_of_equal_extremes_counts() -> None:
    wh = np.full((1, 96), 5, np.float32)
    wh[0, [30, 60]], wh[0, [20, 80]] = 9, 1
    assert of(wh, "max_slot") == 30
    assert of(wh, "min_slot") == 20


def test_a_step_is_not_taken_across_a_hole_and_a_hole_ends_a_run() -> None:
    wh = np.full((1, 96), 100, np.float32)
    wh[0, 50:] = 900
    wh[0, 50] = np.nan
    assert of(wh, "max_ramp_kw") == 0
    assert of(wh, "frozen_run") == 50
    wh[0, :40] = 0
    wh[0, 10] = np.nan
    assert of(wh, "zero_run") == 29


def test_energy_is_not_extrapolated_over_a_hole() -> None:
    wh = np.full((1, 96), 250, np.float32)
    wh[0, 10:58] = np.nan
    found = daily(wh, interval_s=900, bands=BANDS)[0]
    assert found[AT["energy_kwh"]] == 12
    assert found[AT["load_factor"]] == 1
    assert found[AT["valid_slots"]] == 48


def test_where_a_customer_feeds_in_there_is_no_ratio_of_load() -> None:
    wh = np.full((1, 96), 100, np.float32)
    wh[0, 48] = -20
    found = daily(wh, interval_s=900, bands=BANDS)[0]
    named = {each for each in AT if np.isnan(found[AT[each]])} - {"estimated_slots"}
    assert named == {INDICATORS[column].name for column in RATIOS} - {"spike_ratio"}
    assert found[AT["min_kw"]] == pytest.approx(-0.08)


def test_a_band_that_a_day_lacks_has_no_share_and_no_maximum() -> None:
    flat = np.full(96, 2, np.int8)
    wh = days(1, 96, 9)
    assert of(wh, "sharp_share", flat) == of(wh, "deep_valley_share", flat) == 0
    assert of(wh, "flat_share", flat) == 1
    assert np.isnan(of(wh, "high_band_max_kw", flat)).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_days_of_92_and_100_slots_stand_among_the_usual_ones(threads: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start, end = (int(datetime(2016, month, 1, tzinfo=zone).astimezone(UTC).timestamp()) for month in (3, 11))
    grid = day_grid(np.arange(start, end, 900, dtype=np.int64) * 1000, 900, zone)
    wh, rng = days(3, len(grid.day), 10, 0.01), np.random.default_rng(10)
    bands, marks = rng.integers(0, 5, len(grid.day)).astype(np.int8), rng.random(wh.shape) < 0.1
    bands[: 60 * 96] = np.tile(BANDS, 60)[: 60 * 96]
    found = daily_of(wh, grid, interval_s=900, bands=bands, estimated=marks, threads=threads)
    lengths = np.diff(grid.first_slot)
    assert found.shape == (3, len(grid.days), 26)
    assert set(lengths) == {92, 96, 100}
    for place, (begin, length) in enumerate(zip(grid.first_slot, lengths, strict=False)):
        day = slice(begin, begin + length)
        agree(found[:, place], twin(wh[:, day], 900, bands[day], marks[:, day], grid.label[day]))


def test_night_and_daytime_of_a_day_of_another_length_need_its_wall_clock() -> None:
    found = daily(days(1, 92, 11), interval_s=900, bands=np.full(92, 2, np.int8))[0]
    assert np.isnan(found[[AT["night_share"], AT["daytime_share"]]]).all()
    assert not np.isnan(found[AT["flat_share"]])


@pytest.mark.parametrize(("wh", "bands", "marks"), [
    (np.zeros((2, 96)), BANDS, None),
    (np.zeros(96, np.float32), BANDS, None),
    (np.zeros((2, 96), np.float32), BANDS[:95], None),
    (np.zeros((2, 96), np.float32), BANDS + np.int8(1), None),
    (np.zeros((2, 96), np.float32), BANDS, np.zeros((2, 96), np.uint8)),
])  # fmt: skip
def test_what_does_not_fit_is_refused(wh: NDArray[np.float32], bands: NDArray[np.int8], marks: None) -> None:
    with pytest.raises(Invalid):
        daily(wh, interval_s=900, bands=bands, estimated=marks)


def test_no_rows_give_no_rows() -> None:
    assert daily(np.empty((0, 96), np.float32), interval_s=900, bands=BANDS).shape == (0, 26)
    assert daily(np.empty((0, 96), np.float32), interval_s=900, bands=np.empty((0, 96), np.int8)).shape == (
        0,
        26,
    )


def test_what_is_read_only_or_cut_out_is_read_as_it_is() -> None:
    whole = days(20, 200, 12)
    whole.flags.writeable = False
    cut = whole[:, 50:146]
    wanted = daily(np.ascontiguousarray(cut), interval_s=900, bands=BANDS)
    assert np.array_equal(daily(cut, interval_s=900, bands=BANDS), wanted, equal_nan=True)
