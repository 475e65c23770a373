"""The compiled scans say what their plain twins say, of any array, with any holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cloud.analysis.kernels import intervals
from cloud.metering.vee.point_day import Flag
from tests.cloud.analysis import twins
from tests.cloud.analysis.twins import Limits, Rows

LIMITS: Limits = (12, 4, 1.8, 0.05, 1.2, 5.0, 0.05)
NAN = float("nan")


def compiled(rows: Rows, limits: Limits = LIMITS) -> tuple[np.ndarray, np.ndarray]:
    flags, zeros = np.empty(rows.energy.shape, np.uint32), np.empty(len(rows.energy), np.int32)
    intervals.scan_intervals(
        rows.energy, rows.capacity, rows.may_be_negative, rows.may_be_frozen, rows.zeros_before, limits,
        flags, zeros,
    )  # fmt: skip
    return flags, zeros


def one(values: list[float], *, capacity: float = 1000.0, zeros: int = 0, frozen: bool = False) -> Rows:
    return Rows(
        np.array([values]), np.array([capacity]), np.array([False]), np.array([frozen]),
        np.array([zeros], np.int32),
    )  # fmt: skip


def slots(values: list[float], flag: Flag, **more: float) -> list[int]:
    flags, _ = compiled(one(values, **more))  # type: ignore[arg-type]
    return np.flatnonzero(flags[0] & np.uint32(flag)).tolist()


def test_the_bits_are_those_of_the_flags() -> None:
    for name in ("GAP", "NEGATIVE", "ZERO_RUN", "FROZEN", "SPIKE", "CAP", "STEP"):
        assert getattr(intervals, name) == Flag[name]


@settings(deadline=None)
@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(3, 30)),
        elements=st.one_of(st.sampled_from([NAN, 0.0, 0.0, 100.0, 100.0]), st.integers(-50, 3000).map(float)),
    ),
    st.lists(st.sampled_from([NAN, 0.0, 500.0, 2000.0]), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.lists(st.integers(0, 40), min_size=4, max_size=4),
)
def test_the_scan_is_its_plain_twin(
    energy: np.ndarray, capacity: list[float], may: list[bool], zeros: list[int]
) -> None:
    count = len(energy)
    rows = Rows(
        energy, np.array(capacity[:count]), np.array(may[:count]), np.array(may[4 : 4 + count]),
        np.array(zeros[:count], np.int32),
    )  # fmt: skip
    flags, ends = compiled(rows)
    told, twin_ends = twins.scan(rows, LIMITS)
    assert np.array_equal(flags, told)
    assert np.array_equal(ends, twin_ends)


def test_float32_is_scanned_as_well() -> None:
    rng = np.random.default_rng(7)
    energy = np.rint(rng.gamma(2, 60, (50, 96))).astype(np.float32)
    energy[rng.random(energy.shape) < 0.1] = NAN
    rows = Rows(energy, np.full(50, 2000.0), np.zeros(50, bool), np.zeros(50, bool), np.zeros(50, np.int32))
    assert np.array_equal(compiled(rows)[0], twins.scan(rows, LIMITS)[0])


@pytest.mark.parametrize(
    ("values", "flag", "marked"),
    [
        ([10, NAN, 30], Flag.GAP, [1]),
        ([10, -1, 30], Flag.NEGATIVE, [1]),
        ([50, 1200, 1201], Flag.CAP, [2]),
        ([100, 499, 100], Flag.STEP, []),
        ([100, 601, 100], Flag.STEP, [1]),
        ([0, 260, 260], Flag.STEP, [1]),
        ([9, 9, 9, 9, 1], Flag.FROZEN, [0, 1, 2, 3]),
        ([9, 9, NAN, 9, 9], Flag.FROZEN, []),
        ([0.0] * 13, Flag.ZERO_RUN, list(range(13))),
        ([0.0] * 6 + [NAN] + [0.0] * 6, Flag.ZERO_RUN, []),
        ([100, 900, 100, 100, 100], Flag.SPIKE, [1]),
        ([100, 900, 900, 100, 100], Flag.SPIKE, [1, 2]),
        ([100, 900, 900, 900, 100], Flag.SPIKE, []),
        ([10, 40, 10, 10], Flag.SPIKE, []),
        ([NAN, 900, 10, NAN], Flag.SPIKE, []),
    ],
)
def test_each_rule_marks_its_own_slots(values: list[float], flag: Flag, marked: list[int]) -> None:
    assert slots([float(value) for value in values], flag) == marked


def test_zeros_go_on_over_midnight() -> None:
    assert slots([0.0, 0.0, 5.0], Flag.ZERO_RUN, zeros=9) == []
    assert slots([0.0, 0.0, 0.0, 5.0], Flag.ZERO_RUN, zeros=9) == [0, 1, 2]
    assert compiled(one([3.0, 0.0, 0.0]))[1].tolist() == [2]


def test_a_street_light_may_be_steady_and_an_unknown_capacity_caps_nothing() -> None:
    assert slots([9.0] * 9, Flag.FROZEN, frozen=True) == []
    assert slots([1e9, 1e9, 1e9], Flag.CAP, capacity=NAN) == []
