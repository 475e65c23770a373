"""An area's own technical loss: fitted on clean days, not below zero, not led astray by a few."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.analysis.loss.baseline import fit

Floats = NDArray[np.float64]
Days = tuple[Floats, Floats, Floats, NDArray[np.bool_]]


def days(random: np.random.Generator, a: float, b: float, areas: int = 3) -> Days:
    supply = random.uniform(300, 900, (areas, 90))
    square = supply**2
    loss = a + b * square + 0.002 * supply * random.standard_normal(supply.shape)
    return loss, square, supply, np.ones(loss.shape, bool)


def test_what_was_put_in_comes_out() -> None:
    loss, square, supply, clean = days(np.random.default_rng(1), 6.0, 3e-5)
    found = fit(loss, square, supply, clean, 30)
    np.testing.assert_allclose(found.constant, 6.0, atol=1.0)
    np.testing.assert_allclose(found.per_square, 3e-5, rtol=0.1)
    assert (found.spread < 3).all()
    np.testing.assert_allclose(found.expected(square), 6 + 3e-5 * square, atol=1.0)


def test_a_tenth_of_days_far_off_does_not_move_it() -> None:
    loss, square, supply, clean = days(np.random.default_rng(2), 6.0, 3e-5)
    loss[:, ::10] += 80
    found = fit(loss, square, supply, clean, 30)
    np.testing.assert_allclose(found.expected(square), 6 + 3e-5 * square, atol=2.0)


@pytest.mark.parametrize(("a", "b"), [(20.0, -1e-5), (-15.0, 6e-5)])
def test_neither_part_is_ever_below_zero(a: float, b: float) -> None:
    found = fit(*days(np.random.default_rng(3), a, b), 30)
    assert (found.constant >= 0).all()
    assert (found.per_square >= 0).all()
    assert ((found.constant == 0) | (found.per_square == 0)).all()


def test_too_few_clean_days_make_none() -> None:
    loss, square, supply, clean = days(np.random.default_rng(4), 6.0, 3e-5)
    clean[0, 29:] = False
    loss[1, 29:] = np.nan
    found = fit(loss, square, supply, clean, 30)
    assert np.isnan(found.constant).tolist() == [True, True, False]
    assert found.days.tolist() == [29, 29, 90]


def test_areas_do_not_touch_one_another() -> None:
    loss, square, supply, clean = days(np.random.default_rng(5), 6.0, 3e-5, areas=4)
    together = fit(loss, square, supply, clean, 30)
    for at in range(4):
        part = slice(at, at + 1)
        alone = fit(loss[part], square[part], supply[part], clean[part], 30)
        assert together.constant[at] == pytest.approx(alone.constant[0])
