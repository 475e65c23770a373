"""How a command may move: held against the table itself, so that no row brings a sent one back."""

from datetime import UTC, datetime

import pytest

from cloud.fleet.command_rules import (
    ANSWERS,
    TABLE,
    Against,
    CommandEvent,
    CommandState,
    Standing,
    approvers,
    clock_objections,
    command_policy,
    expiry,
    move,
    relay_objections,
)
from cloud.kit.errors import Conflict, Invalid
from protocols.mqtt.orders import Capability, OrderKind, OrderState

POLICY = command_policy()
FREE = Standing("customer", None, None, 0, None)
SENT = {CommandState.ISSUED, CommandState.TAKEN, *(CommandState(event.value) for event in ANSWERS)}


def test_what_was_issued_never_comes_back_to_where_it_could_be_sent_or_cancelled() -> None:
    before = {CommandState.DRAFT, CommandState.AWAITING_APPROVAL}
    assert {state for state, event in TABLE if event is CommandEvent.CANCEL} <= before
    assert {state for (state, _), after in TABLE.items() if after is CommandState.ISSUED} == before
    assert not [pair for pair, after in TABLE.items() if pair[0] in SENT and after in before]


def test_an_end_is_an_end_except_that_unknown_may_still_become_known() -> None:
    ends = {CommandState.DONE, CommandState.REFUSED, CommandState.EXPIRED, CommandState.FAILED}
    assert not [state for state, _ in TABLE if state in ends | {CommandState.CANCELLED}]
    known = {after for (state, _), after in TABLE.items() if state is CommandState.UNKNOWN}
    assert known == ends


def test_every_word_of_a_gateway_is_an_event_and_fits_what_is_issued() -> None:
    for word in OrderState:
        assert move(CommandState.ISSUED, CommandEvent(word.value)) == word.value


def test_what_was_said_and_not_answered_is_unknown_and_what_was_never_said_has_expired() -> None:
    assert move(CommandState.ISSUED, CommandEvent.LAPSE) is CommandState.UNKNOWN
    assert move(CommandState.ISSUED, CommandEvent.LAPSE_UNSENT) is CommandState.EXPIRED
    with pytest.raises(Conflict):
        move(CommandState.TAKEN, CommandEvent.LAPSE_UNSENT)


@pytest.mark.parametrize(
    ("standing", "against"),
    [
        (Standing("area", None, None, 0, None), Against.AREA_METER),
        (Standing("customer", "RC-1", None, 0, None), Against.UNDER_WAY),
        (Standing("customer", None, datetime(2026, 1, 1, tzinfo=UTC), 0, None), Against.STATE_UNKNOWN),
        (Standing("customer", None, None, POLICY.relay_off_per_day, None), Against.DAILY_CAP),
        (Standing("customer", None, None, 0, Capability.CLOCK), Against.NO_CONTROL),
    ],
)
def test_each_thing_stands_against_a_disconnection_alone(standing: Standing, against: Against) -> None:
    assert relay_objections(OrderKind.RELAY_OFF, FREE, POLICY) == []
    assert [each.code for each in relay_objections(OrderKind.RELAY_OFF, standing, POLICY)] == [against]


def test_the_cap_is_on_disconnections_and_never_on_giving_back() -> None:
    full = Standing("customer", None, None, POLICY.relay_off_per_day, Capability.CONTROL)
    assert relay_objections(OrderKind.RELAY_ON, full, POLICY) == []


def test_nobody_is_two_people() -> None:
    assert len(approvers(["head", "Head", " head "])) == 1


@pytest.mark.parametrize(
    ("offset_s", "refused"), [(None, False), (300.0, False), (-300.1, True), (4000.0, True)]
)
def test_a_clock_more_than_five_minutes_off_needs_a_billing_exception(
    offset_s: float | None, refused: bool
) -> None:
    assert bool(clock_objections(offset_s, " ", POLICY)) == refused
    assert clock_objections(offset_s, "示例说明", POLICY) == []


@pytest.mark.parametrize("minutes", [0, -1, POLICY.longest_expiry_min + 1])
def test_a_command_lives_a_day_at_most(minutes: int) -> None:
    assert expiry(OrderKind.RELAY_OFF, None, POLICY).total_seconds() == 60 * POLICY.expiry_min
    with pytest.raises(Invalid):
        expiry(OrderKind.RELAY_OFF, minutes, POLICY)
