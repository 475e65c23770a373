"""Coincidence and load duration: as their plain twins have them, within their bounds, holes left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.analysis.indicators.coincidence import coincidence
from cloud.analysis.indicators.duration import OF_HIGHEST, SHARES, duration
from tests.cloud.analysis import load_twins as twins

SEED = st.integers(0, 2**32 - 1)


def curves(seed: int, rows: int, slots: int, holes: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 500, (rows, slots)).astype(np.float32)
    values[rng.random(values.shape) < holes] = np.nan
    return values


@settings(deadline=None, max_examples=40)
@given(SEED, st.integers(1, 12), st.integers(1, 200), st.sampled_from([0.0, 0.05, 0.9]))
def test_sums_counts_and_peaks_are_the_plain_twins(seed: int, rows: int, slots: int, holes: float) -> None:
    values = curves(seed, rows, slots, holes)
    group = np.random.default_rng(seed).integers(-1, 3, rows)
    found = coincidence(values, group, 3)
    total, known, own = twins.together(values.astype(np.float64), group, 3)
    assert np.array_equal(found.total, total)
    assert np.array_equal(found.known, known)
    assert np.array_equal(found.own, own, equal_nan=True)
    for each in range(3):
        mine = group == each
        if not known[each].any():
            assert found.peak_slot[each] == -1
            assert np.isnan(found.factor[each])
            continue
        slot = int(np.argmax(np.where(known[each] > 0, total[each], -np.inf)))
        assert found.peak_slot[each] == slot
        assert np.array_equal(found.at_peak[mine], values[mine, slot], equal_nan=True)


@settings(deadline=None, max_examples=40)
@given(SEED, st.integers(1, 12), st.integers(1, 100), st.sampled_from([0.0, 0.1]))
def test_coincidence_lies_between_the_largest_over_the_sum_and_one(
    seed: int, rows: int, slots: int, holes: float
) -> None:
    found = coincidence(curves(seed, rows, slots, holes))
    if np.isnan(found.factor[0]):
        assert not np.nansum(found.own) > 0
        return
    assert np.nanmax(found.own) / np.nansum(found.own) <= found.factor[0] * (1 + 1e-9)
    assert found.factor[0] <= 1 + 1e-9
    contribution = found.contribution[~np.isnan(found.contribution)]
    assert ((contribution >= 0) & (contribution <= 1)).all()


def test_coincidence_is_the_same_in_any_order_and_under_any_ratio() -> None:
    values = curves(5, 9, 96, 0.02)
    order = np.random.default_rng(1).permutation(9)
    found, other = coincidence(values), coincidence(values[order] * np.float32(40))
    assert other.factor[0] == pytest.approx(found.factor[0])
    assert np.array_equal(other.contribution, found.contribution[order], equal_nan=True)


@settings(deadline=None, max_examples=40)
@given(SEED, st.integers(1, 400), st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from([1, 1000, -50]))
def test_points_of_duration_are_the_plain_twins(seed: int, slots: int, holes: float, scale: int) -> None:
    wh = curves(seed, 3, slots, holes) * np.float32(scale)
    found = duration(wh)
    for row, kw, hours in zip(wh.astype(np.float64), found.kw, found.hours, strict=True):
        told = [twins.point_of_duration(row, share) * 3.6 / 900 for share in SHARES]
        assert np.allclose(kw, told, rtol=1e-9, equal_nan=True)
        top = np.nan if np.isnan(row).all() else np.nanmax(row)
        near = [(row >= part * top).sum() / 4 if top > 0 else np.nan for part in OF_HIGHEST]
        assert np.allclose(hours, near, equal_nan=True)


def test_points_of_duration_fall_and_a_lone_peak_does_not_hide_the_rest() -> None:
    wh = np.arange(1, 1001, dtype=np.float32)[None, :]
    wh[0, 500] = 1e9  # all others share one bin
    found = duration(wh)
    assert (np.diff(found.kw[0]) <= 0).all()
    assert found.kw[0].tolist() == pytest.approx([4e6, 0.004 * 992, 0.004 * 952, 0.004 * 502, 0.004 * 51])


def test_of_a_constant_load_every_point_is_it() -> None:
    found = duration(np.full((1, 96), 250, np.float32))
    assert found.kw[0].tolist() == [1.0] * len(SHARES)
    assert found.hours[0].tolist() == [24.0] * len(OF_HIGHEST)
