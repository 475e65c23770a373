"""Gauges of many meters looked at together: nobody is left out of whom something would be found alone."""

from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.metering.store import Columns
from cloud.metering.vee import gauges
from cloud.metering.vee.grid import grid
from cloud.metering.vee.policy import vee_policy
from tests.cloud.metering.vee.village import DAY

POLICY = vee_policy()
GAUGES = st.dictionaries(
    st.tuples(st.integers(0, 2), st.integers(-2, 12), st.sampled_from(gauges.GAUGES)),
    st.sampled_from([0.0, 1.0, 50.0, 230.0, 700.0]),
    max_size=80,
)


@settings(max_examples=60, deadline=None)
@given(GAUGES)
def test_who_is_not_doubtful_among_all_has_no_finding_of_its_own(
    told: dict[tuple[int, int, str], float],
) -> None:
    day = grid(DAY, ZoneInfo("Asia/Shanghai"), 7200)
    columns = {}
    for name in gauges.GAUGES:
        mine = sorted((meter, slot, value) for (meter, slot, each), value in told.items() if each == name)
        meter, slot, value = zip(*mine, strict=True) if mine else ((), (), ())
        at = day.bounds_ms[0] + np.array(slot, np.int64) * 7_200_000
        marks = np.zeros(len(mine), np.uint8)
        columns[name] = Columns(
            name, np.array(meter, np.int32), at, marks, marks, np.array(value, np.float64)
        )
    doubtful = gauges.doubtful(columns, 3, POLICY)
    for each in range(3):
        if gauges.found(columns, each, day, POLICY):
            assert each in doubtful


def test_as_many_doubtful_moments_as_the_limit_says_are_enough() -> None:
    day, least = grid(DAY, ZoneInfo("Asia/Shanghai"), 900), POLICY.phases.at_least
    for count in (least - 1, least):
        columns = {name: _columns(name, 0, day.bounds_ms[:0], []) for name in gauges.GAUGES}
        for name, value in (("voltage_l1_v", 0.0), ("current_l1_a", 5.0)):
            columns[name] = _columns(name, 1, day.bounds_ms[:count], [value] * count)
        assert gauges.doubtful(columns, 2, POLICY) == (frozenset({1}) if count == least else frozenset())


def _columns(name: str, meter: int, at_ms: NDArray[np.int64], values: list[float]) -> Columns:
    marks = np.zeros(len(values), np.uint8)
    return Columns(
        name, np.full(len(values), meter, np.int32), at_ms, marks, marks, np.array(values, np.float64)
    )
