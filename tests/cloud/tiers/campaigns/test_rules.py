"""Both state machines stand still where the table says nothing, and the draw depends on nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.errors import Conflict
from cloud.tiers.campaigns.rules import (
    CAMPAIGN,
    OFFER,
    OPEN,
    Answer,
    Barred,
    Event,
    LeftOut,
    OfferState,
    State,
    held_out,
    split,
)
from cloud.tiers.campaigns.segments import Member


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_a_campaign_is_measured_only_after_it_was_approved_ran_and_ended(events: list[Event]) -> None:
    state, taken = State.DRAFT, []
    for event in events:
        if (state, event) in CAMPAIGN.table:
            state = CAMPAIGN.move(state, event)
            taken.append(event)
        else:
            with pytest.raises(Conflict):
                CAMPAIGN.move(state, event)
    if state is State.MEASURED:
        kept = [each for each in taken if each in (Event.START, Event.END, Event.MEASURE)]
        assert kept[:3] == [Event.START, Event.END, Event.MEASURE]
        assert taken[: taken.index(Event.START)][-1] is Event.APPROVE
    if Event.START in taken:
        assert Event.EDIT not in taken[taken.index(Event.START) :]


@given(st.sampled_from(OfferState), st.lists(st.sampled_from(Answer), max_size=20))
def test_whoever_is_held_out_stays_so_and_an_expired_offer_is_never_taken(
    state: OfferState, answers: list[Answer]
) -> None:
    first = state
    for each in answers:
        if (state, each) in OFFER.table:
            state = OFFER.move(state, each)
        else:
            with pytest.raises(Conflict):
                OFFER.move(state, each)
    if first in (OfferState.HELD_OUT, OfferState.EXPIRED):
        assert state is first
    if first not in OPEN:
        assert state not in OPEN
    if answers and first is not OfferState.HELD_OUT and state is OfferState.ACCEPTED:
        assert first is OfferState.ACCEPTED or Answer.ACCEPT in answers


@given(
    st.text(max_size=20), st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=40), st.randoms()
)
def test_the_draw_is_the_same_in_any_order_and_for_whoever_joins_later(seed, customers, random) -> None:  # type: ignore[no-untyped-def]
    before = {each: held_out(seed, each, 100) for each in customers[: len(customers) // 2]}
    shuffled = customers[:]
    random.shuffle(shuffled)
    after = {each: held_out(seed, each, 100) for each in shuffled}
    assert before.items() <= after.items()


def test_the_draw_takes_a_tenth_and_another_seed_takes_others() -> None:
    names = [f"C-{number}" for number in range(20_000)]
    one = {each for each in names if held_out("one", each, 100)}
    other = {each for each in names if held_out("other", each, 100)}
    assert 1_830 < len(one) < 2_170  # 4 standard deviations
    assert 130 < len(one & other) < 270
    assert not any(held_out("one", each, 0) for each in names[:100])
    assert all(held_out("one", each, 1000) for each in names[:100])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"protected": {"C"}}, LeftOut.PROTECTED),
        ({"consented": set()}, LeftOut.NO_CONSENT),
        ({"troubled": {"C"}}, LeftOut.TROUBLED),
        ({"capped": {"C"}}, LeftOut.CAPPED),
        ({"areas": {"A1": LeftOut.NEAR_OVERLOAD}}, LeftOut.NEAR_OVERLOAD),
        ({"classes": {"business"}}, LeftOut.OTHER_CLASS),
        ({"protected": {"C"}, "consented": set(), "capped": {"C"}}, LeftOut.PROTECTED),
    ],
)
def test_each_thing_that_stands_against_an_offer_leaves_its_account_out(changed, why) -> None:  # type: ignore[no-untyped-def]
    barred = {"protected": set(), "consented": {"C"}, "troubled": set(), "capped": set(), "areas": {}}
    member = Member("1", "C", "household", ("A1",), ("P1",))
    taken, left = split([member], Barred(**(barred | changed)))
    assert (taken, left) == (([member], {}) if why is None else ([], {why: 1}))
