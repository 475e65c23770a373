"""Which accounts come on the list, and how a case moves."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.kit.errors import Conflict
from cloud.tiers.mismatch.policy import CaseLimits
from cloud.tiers.mismatch.rules import (
    BY_PERSON,
    MACHINE,
    SETTLED,
    Check,
    Event,
    Judged,
    State,
    checks,
    in_a_row,
    listed,
)

LIMITS = CaseLimits(
    probability=0.8, prior_probability=0.95, in_row=3, most_share=0.5, least_listed=0, quiet_months=12
)


def judged(*rows: tuple[int, list[float], int], by_prior: bool = False) -> Judged:
    """(family of the contract, probabilities, months in a row) of each account."""
    return Judged(
        np.array([own for own, *_ in rows]),
        np.array([found for _, found, _ in rows], np.float64),
        np.full(len(rows), 6),
        np.array([row for *_, row in rows]),
        by_prior,
    )


def nobody(of: Judged) -> NDArray[np.bool_]:
    return np.zeros(len(of.own), np.bool_)


def test_the_surest_come_first_and_of_equal_the_longer() -> None:
    of = judged((0, [0.1, 0.9], 4), (0, [0.05, 0.95], 3), (0, [0.1, 0.9], 6), (0, [0.9, 0.1], 0), *FILL)
    assert listed(of, LIMITS, nobody(of)) == [1, 2, 0]


FILL = [(1, [0.1, 0.9], 0)] * 4


@pytest.mark.parametrize(
    "row",
    [
        (0, [0.25, 0.75], 6),
        (0, [0.1, 0.9], 2),
        (1, [0.1, 0.9], 6),
        (-1, [0.1, 0.9], 6),
        (0, [np.nan, np.nan], 6),
    ],
    ids=["unsure", "too short", "as contracted", "of no family", "no evidence"],
)
def test_what_is_unsure_short_agreeing_or_unknown_is_not_listed(row: tuple[int, list[float], int]) -> None:
    of = judged(row, *FILL)
    assert listed(of, LIMITS, nobody(of)) == []


def test_who_was_looked_at_is_left_alone_and_a_prior_must_be_surer() -> None:
    of = judged((0, [0.1, 0.9], 6), *FILL)
    assert listed(of, LIMITS, np.array([True, False, False, False, False])) == []
    prior = judged((0, [0.1, 0.9], 6), (0, [0.03, 0.97], 6), *FILL, by_prior=True)
    assert listed(prior, LIMITS, nobody(prior)) == [1]


def test_never_more_than_a_share_of_all_are_listed() -> None:
    of = judged(*[(0, [0.1, 0.9], 6)] * 10)
    few = LIMITS.model_copy(update={"most_share": 0.2})
    assert listed(of, few, nobody(of)) == [0, 1]
    assert len(listed(of, few.model_copy(update={"least_listed": 4}), nobody(of))) == 4


def test_a_row_of_months_is_counted_from_the_newest() -> None:
    assert in_a_row([True, False, True, True]) == 2
    assert in_a_row([True, False]) == in_a_row([]) == 0


def test_what_is_settled_is_settled_and_only_evidence_lapses() -> None:
    for state in SETTLED:
        for event in Event:
            with pytest.raises(Conflict):
                MACHINE.move(state, event)
    assert MACHINE.move(State.TO_CHECK, Event.GONE) is State.TO_CHECK, "somebody is on the way"
    assert MACHINE.move(State.LAPSED, Event.FOUND_AGAIN) is State.OPEN
    assert set(MACHINE.events(State.OPEN)) & BY_PERSON == {
        Event.CHECK,
        Event.CONFIRM,
        Event.REFUTE,
        Event.DISMISS,
    }


def test_what_to_look_at_follows_what_it_seems_to_be() -> None:
    assert Check.SIGN_AND_LICENCE in checks("business")
    assert Check.SIGN_AND_LICENCE not in checks("farm")
    assert Check.USE_ON_SITE in checks("another")
