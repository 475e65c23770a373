"""Customers in the wrong area, of a wrong ratio, with crossed meters: found in the losses, else not named."""

from dataclasses import replace

import numpy as np
import pytest

from cloud.analysis.loss.topology import (
    Group,
    area_ratio,
    crossed_at_exchange,
    crossed_over,
    misplaced,
    wrong_ratios,
)
from tests import simulated_losses

STEPS = (1, 5, 10, 15, 20, 30, 40, 50, 60, 75, 80, 100)
DAYS = 120


def feeder(seed: int = 1, areas: int = 3) -> tuple[Group, np.ndarray]:
    """The group as the books have it while they are right, and the energies (customers, days)."""
    random = np.random.default_rng(seed)
    parts = [
        simulated_losses.case(grid, random, days=DAYS, at_fault=0)
        for grid in simulated_losses.grids(40)[:areas]
    ]
    energies = np.concatenate([each.registered.sum(axis=2) for each in parts])
    supply = np.stack([each.supply.sum(axis=1) for each in parts])
    square = np.stack([(each.supply**2).sum(axis=1) for each in parts])
    area = np.repeat(np.arange(areas), [len(each.registered) for each in parts])
    sales = np.stack([energies[area == at].sum(axis=0) for at in range(areas)])
    clean = np.ones(supply.shape, bool)
    return Group(supply - sales, supply, square, clean, energies, area, np.ones(len(area))), energies


def booked(group: Group, customer: int, area: int) -> Group:
    """The same with a customer in another area's books than supplies them."""
    loss, of = group.loss.copy(), group.area.copy()
    loss[of[customer]] += group.energies[customer]
    loss[area] -= group.energies[customer]
    of[customer] = area
    return replace(group, loss=loss, area=of)


def usual(group: Group, area: int, rank: float = 0.7) -> int:
    """A customer of the area with more energy than so many of its others."""
    own = np.flatnonzero(group.area == area)
    return int(own[np.argsort(group.energies[own].sum(axis=1))[int(rank * len(own))]])


def test_a_customer_in_the_wrong_area_is_found_with_the_right_one() -> None:
    group, _ = feeder()
    who = usual(group, 0)
    found = misplaced(booked(group, who, 1))
    assert [(each.customer, each.belongs) for each in found] == [(who, 0)]
    assert found[0].strength > 0.9
    assert found[0].here == pytest.approx(-1, abs=0.4)
    assert found[0].there == pytest.approx(1, abs=0.4)


def test_nobody_is_moved_where_the_books_are_right() -> None:
    for seed in range(4):
        assert misplaced(feeder(seed)[0]) == []


def test_two_crossed_meters_of_two_areas_are_one_pair() -> None:
    group, _ = feeder(2)
    one, other = usual(group, 0, 0.9), usual(group, 1, 0.8)
    wrong = booked(booked(group, one, 1), other, 0)
    pairs = list(crossed_over(misplaced(wrong), wrong.area))
    assert [{first.customer, second.customer} for first, second in pairs] == [{one, other}]


@pytest.mark.parametrize(("used", "true"), [(40, 60), (40, 20), (20, 30)])
def test_a_wrong_ratio_is_found_with_the_step_that_fits(used: float, true: float) -> None:
    group, _ = feeder(3)
    who = usual(group, 0, 0.95)
    ratio = group.ratio.copy()
    ratio[who] = used
    registered = group.energies.copy()
    registered[who] *= used / true
    loss = group.loss.copy()
    loss[0] += group.energies[who] - registered[who]
    found = wrong_ratios(replace(group, energies=registered, loss=loss, ratio=ratio), STEPS)
    assert [(each.customer, each.fits) for each in found] == [(who, true)]
    assert found[0].factor == pytest.approx(true / used, rel=0.08)


def test_right_ratios_are_left_alone_and_so_is_who_has_no_transformers() -> None:
    group, _ = feeder(4)
    assert wrong_ratios(replace(group, ratio=np.full(len(group.area), 40.0)), STEPS) == []
    who = usual(group, 0, 0.95)
    registered = group.energies.copy()
    registered[who] *= 0.5
    loss = group.loss.copy()
    loss[0] += group.energies[who] - registered[who]
    assert wrong_ratios(replace(group, energies=registered, loss=loss), STEPS) == []


def test_an_area_meter_of_a_wrong_ratio_is_told_from_a_great_loss() -> None:
    random = np.random.default_rng(5)
    sales = random.uniform(400, 900, DAYS)
    supply = sales * 1.04 * (1 + 0.002 * random.standard_normal(DAYS))
    clean = np.ones(DAYS, bool)
    found = area_ratio(supply * 100 / 150, sales, clean, 100, (50, 75, 100, 120, 150, 200))
    assert found is not None
    assert found.fits == 150
    hidden = sales * 0.5 * random.uniform(0.2, 1.0, DAYS)
    assert area_ratio(supply + hidden, sales, clean, 100, (50, 75, 100, 120, 150, 200)) is None
    assert area_ratio(supply, sales, clean, 100, (50, 75, 100, 120, 150, 200)) is None


def test_days_on_which_either_side_was_not_measured_are_not_used() -> None:
    group, _ = feeder(6)
    who = usual(group, 0)
    wrong = booked(group, who, 1)
    clean, loss = wrong.clean.copy(), wrong.loss.copy()
    clean[:, ::4] = False
    loss[:, ::4] = 1e6
    energies = wrong.energies.copy()
    energies[who, 1::30] = np.nan
    found = misplaced(replace(wrong, clean=clean, loss=loss, energies=energies))
    assert [(each.customer, each.belongs) for each in found] == [(who, 0)]


def test_meters_crossed_at_an_exchange_go_on_as_each_other() -> None:
    random = np.random.default_rng(7)
    shapes = random.normal(0, 1, (4, 6))
    error = np.full((4, 6), 0.1)
    before = shapes + 0.1 * random.standard_normal(shapes.shape)
    after = shapes[[1, 0, 2, 3]] + 0.1 * random.standard_normal(shapes.shape)
    assert [(one, other) for one, other, *_ in crossed_at_exchange(before, after, error)] == [(0, 1)]
    assert crossed_at_exchange(before, before + 0.1, error) == []
    grown = before.copy()
    grown[2] += 2.0
    assert crossed_at_exchange(before, grown, error) == []
