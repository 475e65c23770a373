"""Use that fell for good: told against the neighbours, and beside what the loss did."""

import numpy as np
import pytest

from cloud.analysis.loss.changes import falls


def village(random: np.random.Generator, customers: int = 30, days: int = 120) -> np.ndarray:
    season = 1 + 0.4 * np.sin(np.arange(days) / 40)
    level = random.uniform(4, 20, (customers, 1))
    return level * season * np.exp(0.2 * random.standard_normal((customers, days)))


def test_who_fell_alone_is_found_with_the_day_and_what_the_loss_gained() -> None:
    energies = village(np.random.default_rng(1))
    hidden = 0.6 * energies[7, 70:]
    energies[7, 70:] -= hidden
    loss = np.full(120, 12.0)
    loss[70:] += hidden
    found = falls(energies, loss)
    assert np.flatnonzero(found.at >= 0).tolist() == [7]
    assert abs(int(found.at[7]) - 70) <= 3
    assert found.fall[7] == pytest.approx(0.6, abs=0.08)
    assert found.loss_rise[7] == pytest.approx(hidden.mean(), rel=0.15)


def test_a_fall_of_all_is_a_season_and_nobodys() -> None:
    energies = village(np.random.default_rng(2))
    energies[:, 60:] *= 0.5
    assert (falls(energies, np.full(120, 12.0)).at == -1).all()


def test_a_fall_that_the_season_hides_is_found_against_the_neighbours() -> None:
    energies = village(np.random.default_rng(5))
    energies[:, 60:] *= 2.2
    energies[4, 60:] *= 0.45
    found = falls(energies, np.full(120, 12.0))
    assert np.flatnonzero(found.at >= 0).tolist() == [4]
    assert found.fall[4] == pytest.approx(0.55, abs=0.1)


def test_a_rise_is_no_fall_nor_is_a_holiday_of_two_weeks() -> None:
    energies = village(np.random.default_rng(3))
    energies[1, 60:] *= 2
    energies[2, 60:74] = 0
    assert (falls(energies, np.full(120, 12.0)).at == -1).all()


def test_holes_and_customers_who_use_nothing_are_borne() -> None:
    random = np.random.default_rng(4)
    energies = village(random)
    energies[random.random(energies.shape) < 0.05] = np.nan
    energies[0] = 0
    energies[5, 70:] *= 0.3
    loss = np.full(120, 12.0)
    loss[::7] = np.nan
    found = falls(energies, loss)
    assert np.flatnonzero(found.at >= 0).tolist() == [5]
