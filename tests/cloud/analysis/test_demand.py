"""Maximum demand: as its plain twin has it, within its bounds, and never out of an estimate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.analysis.indicators import demand
from cloud.analysis.indicators.demand import Maximum
from tests.cloud.analysis import load_twins as twins

KW = 3.6 / 900
CASES = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(1, 1300), st.sampled_from([1, 2, 5, 7, 14, 15, 30, 60])
)


def rows(seed: int, slots: int, holes: float = 0.0, count: int = 3) -> np.ndarray:
    """Whole Wh, so that sums are exact in float32."""
    rng = np.random.default_rng(seed)
    wh = rng.integers(0, 1000, (count, slots)).astype(np.float32)
    wh[rng.random(wh.shape) < holes] = np.nan
    return wh


@settings(deadline=None, max_examples=40)
@given(CASES, st.sampled_from([0.0, 0.01, 0.3]))
def test_the_highest_window_is_the_plain_twins(case: tuple[int, int, int], holes: float) -> None:
    seed, slots, width = case
    wh = rows(seed, slots, holes)
    found = demand.sliding(wh, window_s=60 * width)
    for row, kw, at in zip(wh.astype(np.float64), found.kw, found.at, strict=True):
        told, place = twins.highest(twins.windows(row, width))
        assert at == place
        assert kw == pytest.approx(told * 3.6 / (60 * width), rel=1e-6, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(CASES, st.sampled_from([1, 3, 15]), st.sampled_from([0.0, 0.02]))
def test_each_band_has_its_own_of_windows_that_lie_in_it(
    case: tuple[int, int, int], slip: int, holes: float
) -> None:
    seed, slots, width = case
    wh = rows(seed, slots, holes, 2)
    bands = np.repeat(np.random.default_rng(seed).integers(0, 5, slots // 20 + 1), 20)[:slots].astype(np.int8)
    found = demand.by_band(wh, bands, window_s=60 * width, slip_s=60 * slip)
    for row, kw, at in zip(wh.astype(np.float64), found.kw, found.at, strict=True):
        for band in range(5):
            told, place = twins.in_band(row, bands, band, width, slip)
            assert at[band] == place
            assert kw[band] == pytest.approx(told * 3.6 / (60 * width), rel=1e-6, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_sliding_lies_between_block_and_twice_block_and_below_the_highest_minute(
    seed: int, hours: int
) -> None:
    wh = rows(seed, 60 * hours)
    block, sliding = demand.block(wh).kw, demand.sliding(wh).kw
    assert (block <= sliding).all()
    assert (sliding <= 2 * block).all()
    assert (sliding <= wh.max(axis=1) * 0.06 * (1 + 1e-6)).all()


def test_a_window_across_two_blocks_can_be_twice_either() -> None:
    wh = np.zeros((1, 60), np.float32)
    wh[0, 8:22] = 100
    wh[0, 22] = 100
    assert demand.block(wh).kw[0] == pytest.approx(800 * KW)
    assert demand.sliding(wh).kw[0] == pytest.approx(1500 * KW)
    assert demand.sliding(wh).at[0] == 8


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_of_quarters_alone_the_sliding_maximum_lies_in_the_interval_that_is_told(
    seed: int, hours: int
) -> None:
    wh = rows(seed, 60 * hours)
    quarters = wh.reshape(3, -1, 15).sum(axis=2)
    cap = wh.max(axis=1) * 0.06
    low, high = demand.bounds(quarters, cap_kw=cap)
    sliding = demand.sliding(wh).kw
    assert (low <= sliding * (1 + 1e-6)).all()
    assert (sliding <= high * (1 + 1e-6)).all()


def test_a_missing_quarter_leaves_nothing_but_the_cap_as_a_bound() -> None:
    wh = np.array([[100, np.nan, 200], [np.nan] * 3], np.float32)
    low, high = demand.bounds(wh, cap_kw=5.0)
    assert low[0] == pytest.approx(200 * KW)
    assert np.isnan(low[1])
    assert high.tolist() == [5.0, 5.0]


def test_no_window_with_a_hole_counts_and_a_row_of_holes_has_none() -> None:
    wh = np.full((2, 40), 10, np.float32)
    wh[0, 20], wh[1, ::10] = np.nan, np.nan
    found = demand.sliding(wh)
    assert found.at.tolist() == [0, -1]
    assert np.isnan(found.kw[1])
    assert demand.sliding(wh[:, :14]).at.tolist() == [-1, -1]


def test_what_was_estimated_never_sets_the_maximum_that_is_billed() -> None:
    wh = np.full((2, 60), 10, np.float32)
    wh[:, 30:45] = 100
    estimated = np.zeros(wh.shape, np.bool_)
    estimated[0, 35] = True
    found = demand.sliding(wh, estimated=estimated)
    assert found.kw.tolist() == pytest.approx([1500 * KW] * 2)
    assert found.md_estimated.tolist() == [True, False]
    assert found.measured_at.tolist() == [36, 30]
    assert found.measured_kw.tolist() == pytest.approx([(9 * 100 + 6 * 10) * KW, 1500 * KW])


def test_an_exchange_within_the_period_takes_the_higher_and_never_the_sum() -> None:
    assert demand.of_period([Maximum(40.0, 1), Maximum(55.0, 2)]) == Maximum(55.0, 2)
    assert demand.of_period([Maximum(np.nan, 1), Maximum(5.0, 2)]) == Maximum(5.0, 2)
    assert demand.of_period([]) is None


def test_a_day_of_long_running_sums_does_not_drift() -> None:
    rng = np.random.default_rng(3)
    wh = rng.gamma(0.3, 300, (1, 525_600)).astype(np.float32)
    wh[0, 1000] = 3e7  # one jump: a running sum in float32 would carry its rounding on for ever
    wh[0, 500_000:500_015] = 4e6
    assert demand.sliding(wh).kw[0] == pytest.approx(15 * 4e6 * KW, rel=1e-6)


@pytest.mark.parametrize(("window_s", "slip_s"), [(890, 60), (900, 90), (900, 0)])
def test_windows_and_slips_are_whole_slots(window_s: int, slip_s: int) -> None:
    with pytest.raises(ValueError, match="whole slots"):
        demand.sliding(np.zeros((1, 60), np.float32), window_s=window_s, slip_s=slip_s)
