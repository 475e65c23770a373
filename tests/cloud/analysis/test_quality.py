"""Imbalance, voltage and power factor: as their plain twins have them; what is missing counts nowhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.analysis.indicators import quality, transformer
from cloud.analysis.indicators.quality import Definition
from cloud.analysis.indicators.transformer import Limits, Load
from tests.cloud.analysis import load_twins as twins

SEED = st.integers(0, 2**32 - 1)
LIMITS = Limits(light=0.2, heavy=0.8, over=1.0, least_h=2.0)


@settings(deadline=None, max_examples=30)
@given(SEED, st.integers(1, 40))
def test_both_imbalances_are_the_plain_twins(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    currents = rng.choice(
        [0.0, np.nan, 5.0, -7.0, 50.0, 80.0], (count, 3), p=[0.1, 0.05, 0.2, 0.15, 0.25, 0.25]
    )
    found, told = quality.imbalance(currents), twins.imbalance(currents)
    assert np.allclose(found.max_min, told[0], equal_nan=True)
    assert np.allclose(found.by(Definition.MEAN_DEVIATION), told[1], equal_nan=True)


def test_the_two_definitions_differ_and_each_has_its_name() -> None:
    found = quality.imbalance(np.array([[100.0, 90.0, 80.0]]))
    assert found.by(Definition.MAX_MIN)[0] == pytest.approx(0.2)
    assert found.by(Definition.MEAN_DEVIATION)[0] == pytest.approx(1 / 9)


def test_below_the_gate_there_is_no_imbalance() -> None:
    found = quality.imbalance(np.array([[3.0, 0.0, 0.0]] * 3), np.array([0.29, 0.31, np.nan]), 0.3)
    assert np.isnan(found.max_min).tolist() == [True, False, True]


@settings(deadline=None, max_examples=30)
@given(SEED, st.integers(1, 60), st.sampled_from([1, 3]))
def test_minutes_beyond_the_limits_are_the_plain_twins(seed: int, count: int, phases: int) -> None:
    rng = np.random.default_rng(seed)
    volts = rng.choice([0.0, np.nan, 190.0, 198.0, 220.0, 235.4, 240.0], (count, phases))
    minutes, row = rng.integers(1, 16, count).astype(np.float64), rng.integers(0, 2, count)
    low, high, dark = np.array([198.0, 204.6]), np.array([235.4, 235.4]), np.array([20.0, 20.0])
    found = quality.voltage(volts, minutes, row, low, high, dark)
    for each in range(2):
        mine = row == each
        told = twins.voltage(volts[mine], minutes[mine], low[each], high[each], dark[each])
        assert (
            found.monitored_min[each],
            found.over_min[each],
            found.under_min[each],
            found.outage_min[each],
        ) == told
        rate = 1 - (told[1] + told[2]) / told[0] if told[0] else np.nan
        assert found.rate[each] == pytest.approx(rate, nan_ok=True)


def test_the_limits_themselves_are_within() -> None:
    one, row = np.ones(3), np.zeros(3, np.int64)
    found = quality.voltage(
        np.array([[198.0], [235.4], [235.5]]), one, row, *np.array([[198.0], [235.4], [20.0]])
    )
    assert found.rate[0] == pytest.approx(2 / 3)


def test_power_factor_is_of_energies_and_of_nothing_there_is_none() -> None:
    found = quality.power_factor(np.array([3.0, 0.0, np.nan, 0.0]), np.array([4.0, 0.0, 1.0, 2.0]))
    assert found.tolist() == pytest.approx([0.6, np.nan, np.nan, 0.0], nan_ok=True)


def spells(beta: np.ndarray) -> list[tuple[Load, int, int]]:
    return [(run.load, run.first, run.until) for run in transformer.runs(beta, 900, LIMITS)]


def test_a_spell_lasts_two_hours_without_a_break() -> None:
    beta = np.full(96, 0.5)
    beta[10:17], beta[30:38], beta[50:58] = 0.9, 0.8, 1.2
    beta[54] = np.nan  # a hole ends it
    assert spells(beta) == [(Load.HEAVY, 30, 38)]


def test_an_over_spell_lies_within_a_heavy_one_and_the_limit_itself_is_not_over() -> None:
    beta = np.full(96, 0.5)
    beta[20:40], beta[24:32], beta[60:70] = 0.9, 1.1, 1.0
    assert spells(beta) == [(Load.HEAVY, 20, 40), (Load.OVER, 24, 32), (Load.HEAVY, 60, 70)]
    over = transformer.runs(beta, 900, LIMITS)[1]
    assert (over.extreme, over.at) == (1.1, 24)
    assert over.beyond_h == pytest.approx(0.2)


def test_light_load_is_below_its_limit_and_its_lowest_is_told() -> None:
    beta = np.full(96, 0.5)
    beta[0:20], beta[7] = 0.1, 0.05
    (run,) = transformer.runs(beta, 900, LIMITS)
    assert (run.load, run.first, run.until, run.extreme, run.at) == (Load.LIGHT, 0, 20, 0.05, 7)


def test_a_slot_without_reactive_power_takes_the_factor_given() -> None:
    found = transformer.apparent_kva(np.array([3.0, 9.0, np.nan]), np.array([4.0, np.nan, 1.0]), 0.9)
    assert found.tolist() == pytest.approx([5.0, 10.0, np.nan], nan_ok=True)
    assert np.isnan(transformer.apparent_kva(np.array([3.0]), None)).all()


def test_severity_is_the_integral_above_the_heavy_limit() -> None:
    assert transformer.severity_h(np.array([0.5, 0.9, 1.0, np.nan]), 900, 0.8) == pytest.approx(0.3 / 4)


def test_who_draws_most_comes_first_and_nobody_who_draws_nothing() -> None:
    assert transformer.top(np.array([1.0, np.nan, 3.0, 0.0, 2.0], np.float32), 5).tolist() == [2, 4, 0]
