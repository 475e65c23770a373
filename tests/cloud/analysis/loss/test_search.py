"""Who explains a loss: named by kWh, with an interval, not at all where there is nothing or too little."""

import numpy as np
import pytest

from cloud.analysis.kernels.sparse import spike_and_slab
from cloud.analysis.loss.search import Design, Explained, Options, search
from tests import simulated_losses
from tests.simulated_losses import Case

OPTIONS = Options()
STEADY = 0.6


def sure(case: Case, parts: int = 6) -> tuple[Explained, list[int]]:
    found = search(case.design(parts), OPTIONS)
    assert found is not None
    listed = found.ranked(OPTIONS, 3)
    return found, [at for at in listed if max(found.probability[at], found.steadiness[at]) >= STEADY]


def cases(number: int, **more: object) -> list[Case]:
    random = np.random.default_rng(11)
    return [
        simulated_losses.case(grid, random, **more)  # type: ignore[arg-type]
        for grid in simulated_losses.grids(40)[:number]
    ]


@pytest.mark.parametrize(("parts", "least"), [(1, 0.65), (6, 0.8)])
def test_two_thirds_of_those_at_fault_are_among_the_first_three(parts: int, least: float) -> None:
    hits = wanted = 0
    for case in cases(12):
        found = search(case.design(parts), OPTIONS)
        assert found is not None
        hits += len(case.at_fault.intersection(np.argsort(-found.kwh_month)[:3].tolist()))
        wanted += len(case.at_fault)
    assert hits / wanted >= least


def test_what_is_said_of_them_holds_the_truth() -> None:
    inside = count = 0
    for case in cases(8):
        found, listed = sure(case)
        for at in case.at_fault.intersection(listed):
            true = (case.used[at] - case.registered[at]).sum() / 120 * 30
            inside += found.low[at] <= true <= found.high[at]
            assert found.share[at] == pytest.approx(0.5, abs=0.15)
            count += 1
    assert count >= 10
    assert inside / count >= 0.7


def test_where_all_meters_are_right_nobody_is_named() -> None:
    named = sum(len(sure(case)[1]) for case in cases(10, at_fault=0))
    assert named <= 1


def test_fewer_than_sixty_clean_days_are_not_searched() -> None:
    assert search(cases(1, days=59)[0].design(), OPTIONS) is None
    assert search(cases(1, days=60)[0].design(), OPTIONS) is not None


def test_the_same_days_give_the_same_answer_in_whatever_order_customers_come() -> None:
    design = cases(1, days=60)[0].design()
    one, again = search(design, OPTIONS), search(design, OPTIONS)
    assert one is not None
    assert again is not None
    np.testing.assert_array_equal(one.kwh_month, again.kwh_month)
    order = np.random.default_rng(1).permutation(design.energies.shape[1])
    moved = search(
        Design(design.energies[:, order], design.loss, design.supply, design.square, design.day), OPTIONS
    )
    assert moved is not None
    np.testing.assert_allclose(moved.fitted_kwh, one.fitted_kwh[order], atol=0.5)


def test_a_customer_who_uses_nothing_explains_nothing() -> None:
    design = cases(1)[0].design()
    design.energies[:, 3] = 0.0
    found = search(design, OPTIONS)
    assert found is not None
    assert found.kwh_month[3] == 0
    assert np.isfinite(found.probability).all()


def test_days_of_doubt_count_less() -> None:
    case = cases(1)[0]
    plain = case.design()
    spoilt = plain.loss.copy()
    spoilt[::3] += 0.05 * plain.supply[::3]
    doubt = np.zeros(len(spoilt))
    doubt[::3] = 0.1 * plain.supply[::3]
    heard = search(Design(plain.energies, spoilt, plain.supply, plain.square, plain.day), OPTIONS)
    doubted = search(Design(plain.energies, spoilt, plain.supply, plain.square, plain.day, doubt), OPTIONS)
    assert heard is not None
    assert doubted is not None
    at = sorted(case.at_fault)
    assert doubted.kwh_month[at].sum() >= heard.kwh_month[at].sum()


def test_the_drawn_chance_is_that_of_the_exact_posterior() -> None:
    """One column, summed over both cases and integrated on a grid of coefficient and variance."""
    random = np.random.default_rng(3)
    x = random.uniform(1, 2, 40)
    y = 0.1 * x + 0.25 * random.standard_normal(40)
    gram, moment, total = x @ x, x @ y, y @ y
    share, slab = 0.3, 1.5
    chance, draws = spike_and_slab(
        np.array([[gram]]), np.array([moment]), float(total), 40, 1, share, slab, 20_000, 500, 1, np.zeros(1)
    )
    b = np.linspace(0, 1, 4001)[None, :]
    variance = np.geomspace(0.005, 1.0, 801)[:, None]
    prior = 1 / variance * np.gradient(variance[:, 0])[:, None]

    def likelihood(at: np.ndarray) -> np.ndarray:
        return np.asarray(
            np.exp(-(total - 2 * at * moment + at**2 * gram) / 2 / variance - 20 * np.log(variance))
        )

    slabbed = 2 / slab / np.sqrt(2 * np.pi) * np.exp(-((b / slab) ** 2) / 2)
    some = (likelihood(b) * slabbed * prior).sum() * (b[0, 1] - b[0, 0])
    none = (likelihood(np.zeros((1, 1))) * prior).sum()
    exact = share * some / (share * some + (1 - share) * none)
    assert 0.3 < exact < 0.6
    assert chance[0] == pytest.approx(exact, abs=0.02)
    mean = (likelihood(b) * slabbed * prior * b).sum() / (likelihood(b) * slabbed * prior).sum()
    assert draws[draws > 0].mean() == pytest.approx(mean, rel=0.05)
