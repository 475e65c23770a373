"""Events and invitations as tables: what may follow what, whoever tries."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.errors import Conflict, Invalid
from cloud.tiers.response import rules
from cloud.tiers.response.rules import EVENT, INVITATION, OVER, Answer, Reply, State, Step, Times

START = datetime(2026, 8, 3, 10, tzinfo=UTC)
TIMES = Times(START - timedelta(hours=1), START, START + timedelta(hours=2))
WAY = (Step.APPROVE, Step.INVITE, Step.CLOSE, Step.START, Step.END, Step.MEASURE, Step.SETTLE)


def walked(steps: list[Step]) -> list[State]:
    """The states that these steps lead through; those that do not follow change nothing."""
    found = [State.PROPOSED]
    for step in steps:
        try:
            found.append(EVENT.move(found[-1], step))
        except Conflict:
            continue
    return found


def test_the_way_from_a_proposal_to_the_money() -> None:
    assert walked(list(WAY))[-1] is State.SETTLED


@given(st.lists(st.sampled_from(list(Step)), max_size=40))
def test_nobody_is_paid_who_was_not_approved_invited_and_measured(steps: list[Step]) -> None:
    found = walked(steps)
    if State.SETTLED in found:
        order = [found.index(each) for each in (
            State.APPROVED, State.INVITED, State.CLOSED, State.RUNNING, State.ENDED, State.MEASURED,
            State.SETTLED)]  # fmt: skip
        assert order == sorted(order)
    if State.RUNNING in found:
        assert State.CANCELLED not in found
    for state in OVER:
        assert not EVENT.events(state)


def test_whoever_proposed_does_not_approve() -> None:
    with pytest.raises(Conflict, match="second person"):
        rules.approved_by("li", "li")
    assert rules.approved_by("li", "wang") == "wang"


MOMENTS = st.integers(-300, 300).map(lambda minutes: START + timedelta(minutes=minutes))


@given(st.lists(st.tuples(st.sampled_from(list(Reply)), MOMENTS), max_size=12), st.sampled_from(list(State)))
def test_no_mind_is_changed_after_answers_close_but_withdrawn_before_the_start(
    replies: list[tuple[Reply, datetime]], state: State
) -> None:
    answer = Answer.INVITED
    for reply, at in sorted(replies, key=lambda each: each[1]):
        try:
            after = rules.replied(answer, reply, state, TIMES, at)
        except Conflict:
            continue
        assert at < (TIMES.start if reply is Reply.WITHDRAW else TIMES.close_at)
        assert state in (State.INVITED, State.CLOSED)
        assert (answer, reply) in INVITATION.table
        answer = after


@pytest.mark.parametrize(
    ("answer", "reply", "state", "minutes"),
    [
        (Answer.INVITED, Reply.ACCEPT, State.INVITED, -60),
        (Answer.INVITED, Reply.ACCEPT, State.CLOSED, -90),
        (Answer.ACCEPTED, Reply.WITHDRAW, State.CLOSED, 0),
        (Answer.ACCEPTED, Reply.WITHDRAW, State.RUNNING, 30),
        (Answer.ACCEPTED, Reply.WITHDRAW, State.MEASURED, -90),
    ],
)
def test_too_late_is_too_late(answer: Answer, reply: Reply, state: State, minutes: int) -> None:
    with pytest.raises(Conflict, match="closed"):
        rules.replied(answer, reply, state, TIMES, START + timedelta(minutes=minutes))


@given(st.decimals("0.1", 100, places=3), st.decimals("0.1", 100, places=3), st.decimals("0.1", 5, places=3))
def test_kw_are_accepted_between_the_least_and_those_asked_for(
    kw: Decimal, asked: Decimal, least: Decimal
) -> None:
    if min(least, asked) <= kw <= asked:
        assert rules.accepted_kw(kw, asked, least) == kw
    else:
        with pytest.raises(Invalid, match="kw"):
            rules.accepted_kw(kw, asked, least)


@pytest.mark.parametrize(
    ("state", "minutes", "step"),
    [
        (State.PROPOSED, -1, None), (State.PROPOSED, 0, Step.CANCEL), (State.APPROVED, 5, Step.CANCEL),
        (State.INVITED, -61, None), (State.INVITED, -60, Step.CLOSE), (State.CLOSED, -1, None),
        (State.CLOSED, 0, Step.START), (State.RUNNING, 119, None), (State.RUNNING, 120, Step.END),
        (State.ENDED, 999, None), (State.SETTLED, 999, None),
    ],
)  # fmt: skip
def test_the_clock_closes_starts_and_ends(state: State, minutes: int, step: Step | None) -> None:
    assert rules.due(state, TIMES, START + timedelta(minutes=minutes)) is step
