"""Tiers move by a table: with evidence of several months, a margin, a dwell time; noise moves few of them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cloud.tiers.axes import Value
from cloud.tiers.rating.machine import NONE, ORDER, TABLE, Event, Terms, by_cuts, events, step

TERMS = Terms((2, 3), (3, 4), 3)
CUTS = np.array([0.7, 0.5, 0.3])
scores_of_years = st.lists(
    st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=24, max_size=24),
    min_size=1,
    max_size=5,
)


def lived(scores: NDArray[np.float64], margin: float, terms: Terms = TERMS) -> NDArray[np.int64]:
    """(n, months) tiers: each month decided on what was known by then."""
    count, months = scores.shape
    tier, since = np.full(count, NONE), np.full(count, -999)
    padded = np.column_stack([np.full((count, terms.months - 1), np.nan), scores])
    found = np.empty_like(scores, np.int64)
    margins, firm = np.full(count, margin), np.zeros(count, np.bool_)
    for month in range(months):
        history = padded[:, month : month + terms.months]
        moved = step(tier, month - since, firm, history, CUTS, margins, terms)
        since = np.where(moved != tier, month, since)
        tier = moved
        found[:, month] = tier
    return found


def test_every_state_and_event_has_its_next_state() -> None:
    assert set(TABLE) == {(state, event) for state in ORDER for event in Event}
    for (state, event), after in TABLE.items():
        way = ORDER.index(after) - ORDER.index(state)
        assert way in {Event.STAY: {0}, Event.RISE: {-1, 0}, Event.FALL: {0, 1}}[event]
    assert TABLE[Value.A, Event.RISE] is Value.A
    assert TABLE[Value.D, Event.FALL] is Value.D


@given(scores_of_years, st.floats(0, 0.1))
@settings(max_examples=60, deadline=None)
def test_a_tier_that_was_reached_stays_for_the_dwell_time(years: list[list[float]], margin: float) -> None:
    for tiers in lived(np.array(years), margin):
        known = tiers[tiers != NONE]
        changes = np.flatnonzero(np.diff(known) != 0)
        assert (np.diff(changes) >= TERMS.dwell).all()
        assert (np.abs(np.diff(known)) <= 1).all()


@given(scores_of_years, st.floats(0, 0.1))
@settings(max_examples=60, deadline=None)
def test_rise_and_fall_are_never_both_so_and_a_larger_margin_moves_no_more(
    years: list[list[float]], margin: float
) -> None:
    scores = np.array(years)[:, :4]
    for place in range(4):
        tier = np.full(len(scores), place)
        near = events(tier, scores, CUTS, np.full(len(scores), margin), TERMS)
        far = events(tier, scores, CUTS, np.full(len(scores), margin + 0.05), TERMS)
        assert ((far == Event.STAY) | (far == near)).all()


def test_two_of_three_months_above_promote_and_two_of_four_below_do_not_demote() -> None:
    scores = np.array(
        [[0.6, 0.8, 0.6, 0.8], [0.6, 0.6, 0.6, 0.8], [0.6, 0.4, 0.6, 0.4], [0.4, 0.4, 0.6, 0.4]]
    )
    tier, margin = np.full(4, 1), np.full(4, 0.02)
    assert events(tier, scores, CUTS, margin, TERMS).tolist() == [
        Event.RISE, Event.STAY, Event.STAY, Event.FALL,
    ]  # fmt: skip


def test_within_the_margin_nothing_moves() -> None:
    scores = np.full((1, 12), 0.49)
    scores[0, 0] = 0.51
    assert (lived(scores, 0.02) == 1).all()


def test_a_month_without_a_score_leaves_the_tier_as_it_is() -> None:
    scores = np.array([[0.8, np.nan, np.nan, np.nan, np.nan]])
    assert (lived(scores, 0.02) == 0).all()


def test_a_first_guess_follows_the_cuts() -> None:
    tier, free = np.array([0]), np.array([True])
    scores = np.array([[np.nan, np.nan, 0.8, 0.2]])
    assert step(tier, np.array([1]), free, scores, CUTS, np.array([0.02]), TERMS).tolist() == [3]


def test_the_cuts_alone() -> None:
    found = by_cuts(np.array([0.9, 0.7, 0.69, 0.3, 0.1, np.nan]), CUTS)
    assert found.tolist() == [0, 0, 1, 2, 3, NONE]


def test_scores_that_only_tremble_hardly_ever_come_back_to_a_tier_they_left() -> None:
    """Each account has a level of its own; its score moves by 0.03 around that from month to month."""
    random = np.random.default_rng(5)
    level = random.uniform(0.1, 0.9, 2000)[:, None]
    scores = np.clip(level + 0.03 * random.standard_normal((2000, 36)), 0, 1)
    tiers = lived(scores, 0.02)
    flips = (np.diff(tiers, axis=1) != 0).mean()
    returned = sum(
        tier[now] == tier[then] and (tier[then:now] != tier[then]).any()
        for tier in tiers
        for now in range(6, 36)
        for then in [now - 6]
        if tier[now] != tier[now - 1]
    ) / (2000 * 30)  # fmt: skip
    assert flips < 0.01
    assert returned < 0.002
