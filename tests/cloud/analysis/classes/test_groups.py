"""What is usual in a class and what of an account is not; fewer than ten customers tell nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.analysis.classes import groups


def test_of_fewer_than_ten_there_are_no_quartiles() -> None:
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    values[0, 1] = np.nan
    found = groups.quartiles(values)
    assert found[:, 0].tolist() == [4.5, 9.0, 13.5]
    assert np.isnan(found[:, 1]).all()
    assert groups.by_name(found, ["a", "b"]) == {"a": (4.5, 9.0, 13.5)}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_medians_are_those_of_numpy(rows: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, 3)).astype(np.float32)
    values[random.random(values.shape) < 0.3] = np.nan
    account = random.integers(0, 4, rows)
    found = groups.medians(values, account, 4)
    for each in range(4):
        for column in range(3):
            mine = values[account == each, column]
            mine = mine[~np.isnan(mine)]
            expected = np.median(mine) if len(mine) else np.nan
            assert found[each, column] == pytest.approx(expected, nan_ok=True)


def test_only_what_lies_outside_the_middle_half_towards_the_other_class_contradicts() -> None:
    usual = {"night_share": (0.2, 0.3, 0.4), "off_ratio": (0.9, 1.0, 1.1), "load_factor": (0.3, 0.4, 0.5)}
    seems = {"night_share": (0.05, 0.1, 0.15), "off_ratio": (0.1, 0.2, 0.4), "load_factor": (0.6, 0.7, 0.8)}
    own = {"night_share": 0.1, "off_ratio": 0.3, "load_factor": 0.1, "daytime_share": 0.5}
    found = groups.contradictions(own, usual, seems)
    assert [(each.feature, round(each.far, 2)) for each in found] == [
        ("off_ratio", 3.0),
        ("night_share", 0.5),
    ]
    assert found[0].seems == (0.1, 0.2, 0.4)
    assert groups.contradictions(own | {"off_ratio": 1.0, "night_share": float("nan")}, usual, seems) == []


def test_where_the_other_class_is_too_few_the_own_one_is_enough() -> None:
    (found,) = groups.contradictions({"night_share": 0.9}, {"night_share": (0.2, 0.3, 0.4)}, {})
    assert found.seems is None
