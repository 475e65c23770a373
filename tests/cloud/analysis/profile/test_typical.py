"""Typical days: real ones, of their kind, found as a slow search finds them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.analysis.profile.names import WORDS, ShapeName, key_of
from cloud.analysis.profile.typical import medoids, typical
from cloud.analysis.profile.variability import habits


def slow_medoid(kw: NDArray[np.float32], among: NDArray[np.bool_]) -> int:
    """By its definition, one pair after the other."""
    chosen = [int(day) for day in np.flatnonzero(among)]
    if not chosen:
        return -1
    scale = np.abs(kw[chosen]).max() or 1.0
    rows = kw.astype(np.float64) / scale
    sums = [
        round(sum(float(np.linalg.norm(rows[day] - rows[other])) for other in chosen), 4) for day in chosen
    ]
    return chosen[int(np.argmin(sums))]


def test_a_medoid_is_the_day_of_least_distance_to_all_others_of_its_kind() -> None:
    random = np.random.default_rng(1)
    kw = random.gamma(2, 1, (30, 20, 24)).astype(np.float32)
    among = random.random((30, 20)) < 0.6
    among[7] = False
    found = medoids(kw, among)
    assert found.tolist() == [slow_medoid(kw[row], among[row]) for row in range(30)]


def test_the_three_rules_choose_the_days_they_say() -> None:
    kw = np.ones((1, 6, 96), np.float32)
    kw[0, 0, 40], kw[0, 1, 40], kw[0, 2, 40] = 4, 3, 3.1
    kw[0, 3, 40], kw[0, 4, 40], kw[0, 5, 40] = 9, 50, 1.5
    valid = np.array([[True, True, True, True, False, True]])
    work = np.array([True, True, True, True, True, False])
    found = typical(kw, valid, work)
    assert (found.work[0], found.off[0], found.max_day[0]) == (0, 5, 3)
    factors = {day: float(kw[0, day].mean() / kw[0, day].max()) for day in (0, 1, 2, 3)}
    mean = np.mean(list(factors.values()))
    assert found.mean_day[0] == min(factors, key=lambda day: abs(factors[day] - mean))
    assert (found.base_kw[0], found.peak_kw[0]) == (1, 4)


def test_base_is_the_fifth_lowest_of_the_day_and_not_a_single_dip() -> None:
    kw = np.full((1, 1, 96), 5, np.float32)
    kw[0, 0, :4] = 0
    kw[0, 0, 4] = 1
    found = typical(kw, np.array([[True]]), np.array([True]))
    assert found.base_kw[0] == 1


def test_without_a_working_day_it_is_the_day_off_and_without_any_nothing_is_said() -> None:
    kw = np.full((2, 2, 96), 2, np.float32)
    found = typical(kw, np.array([[True, False], [False, False]]), np.array([False, True]))
    assert (found.work.tolist(), found.off.tolist()) == ([-1, -1], [0, -1])
    assert (found.peak_kw[0], found.max_day[1]) == (2, -1)
    assert np.isnan(found.peak_kw[1])


def test_days_of_zero_have_no_load_factor_and_a_medoid_all_the_same() -> None:
    kw = np.zeros((1, 3, 96), np.float32)
    found = typical(kw, np.ones((1, 3), np.bool_), np.ones(3, np.bool_))
    assert (found.work[0], found.mean_day[0], found.base_kw[0]) == (0, -1, 0)


def test_habits_are_the_most_frequent_code_its_share_and_the_entropy_in_bits() -> None:
    codes = np.array([[3, 3, 3, 3], [0, 1, 2, 5], [7, 7, -1, 2], [-1, -1, -1, -1]], np.int16)
    same, apart, mixed, none = habits(codes)
    assert (same.code, same.share, same.entropy) == (3, 1.0, 0.0)
    assert (apart.code, apart.share, apart.entropy) == (0, 0.25, 2.0)
    assert (mixed.days, mixed.code) == (3, 7)
    assert mixed.shares == {7: pytest.approx(2 / 3), 2: pytest.approx(1 / 3)}
    assert (none.days, none.code, none.share, none.entropy) == (0, None, None, None)


def hump(*hours: float, width: float = 2.0, base: float = 0.2) -> NDArray[np.float32]:
    hour = np.arange(96) / 4
    found = np.full(96, base, np.float64)
    for each in hours:
        apart = np.minimum(np.abs(hour - each), 24 - np.abs(hour - each))
        found += np.exp(-((apart / width) ** 2))
    return np.asarray(found / found.sum(), np.float32)


@pytest.mark.parametrize(
    ("curve", "key"),
    [
        (np.full(96, 1 / 96, np.float32), "flat"),
        (hump(1, width=4, base=0.05), "night"),
        (hump(13, width=5, base=0.02), "day_work"),
        (hump(19), "evening"),
        (hump(7, 19), "double"),
        (hump(7), "morning"),
        (np.where(np.abs(np.arange(96) - 70) < 20, 1 / 39, 0).astype(np.float32), "long_day"),
        (hump(23.5, width=1, base=2), "late"),
    ],
)
def test_a_shape_is_called_what_it_is(curve: NDArray[np.float32], key: str) -> None:
    assert key_of(curve) == key


def test_names_are_said_in_both_languages() -> None:
    assert ShapeName("evening", 1, 76).said("zh_CN") == "晚峰（19 时）"
    assert ShapeName("evening", 2, 76).said("en") == "Evening peak (19 h) 2"
    assert ShapeName("flat", 1, 3).said("zh_CN") == "全天平稳"
    assert all(english and chinese for english, chinese in WORDS.values())
