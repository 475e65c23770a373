"""How an order moves, by a table and by every path through it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.errors import Conflict, Invalid
from cloud.workorders.deadlines import deadline_policy, deadlines
from cloud.workorders.rules import (
    TABLE,
    UNDER_WAY,
    OrderEvent,
    OrderState,
    Origin,
    check_estimate,
    events,
    may_replace,
    move,
)

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
POLICY = deadline_policy()


def test_the_usual_way_of_an_order() -> None:
    state = OrderState.NEW
    for event in ("accept", "send_crew", "arrive", "start_repair", "finish_repair", "close"):
        state = move(state, OrderEvent(event))
    assert state is OrderState.CLOSED


@pytest.mark.parametrize("state", OrderState)
def test_supply_that_returns_restores_whatever_is_under_way_and_nothing_else(state: OrderState) -> None:
    if state in UNDER_WAY:
        assert move(state, OrderEvent.SUPPLY_RETURNED) is OrderState.RESTORED
    else:
        with pytest.raises(Conflict, match="not possible"):
            move(state, OrderEvent.SUPPLY_RETURNED)


@given(st.lists(st.sampled_from(OrderEvent)))
def test_no_path_leads_back_and_an_end_is_an_end(path: list[OrderEvent]) -> None:
    order = [*OrderState]
    state = OrderState.NEW
    for event in path:
        try:
            after = move(state, event)
        except Conflict:
            assert (state, event) not in TABLE
            continue
        assert order.index(after) > order.index(state)
        assert state not in (OrderState.CLOSED, OrderState.CANCELLED)
        state = after


@pytest.mark.parametrize("state", OrderState)
def test_nobody_can_say_by_hand_that_supply_returned(state: OrderState) -> None:
    assert OrderEvent.SUPPLY_RETURNED not in events(state)
    assert OrderEvent.FINISH_REPAIR not in events(state, by_meters=True)


@pytest.mark.parametrize(
    "state", [each for each in OrderState if each not in (OrderState.CLOSED, OrderState.CANCELLED)]
)
def test_every_state_that_is_no_end_has_a_way_on_for_a_person(state: OrderState) -> None:
    assert events(state, by_meters=True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, Origin.COMPUTED, True),
        (Origin.COMPUTED, Origin.COMPUTED, True),
        (Origin.COMPUTED, Origin.CREW, True),
        (Origin.CREW, Origin.COMPUTED, False),
        (Origin.OPERATOR, Origin.COMPUTED, False),
        (Origin.CREW, Origin.OPERATOR, True),
        (Origin.OPERATOR, Origin.CREW, True),
    ],
)
def test_a_computed_estimate_never_overwrites_a_persons(
    old: Origin | None, new: Origin, expected: bool
) -> None:
    assert may_replace(old, new) is expected


def test_an_estimate_is_a_range_that_lies_ahead() -> None:
    hour = timedelta(hours=1)
    check_estimate(NOW, NOW + hour, NOW)
    for earliest, latest in ((NOW + hour, NOW), (NOW - hour, NOW)):
        with pytest.raises(Invalid):
            check_estimate(earliest, latest, NOW)


@pytest.mark.parametrize(
    ("place", "on_site_min", "restore_min"), [("city", 45, 180), ("country", 90, 240), ("remote", 120, 240)]
)
def test_deadlines_of_a_place(place: str, on_site_min: int, restore_min: int) -> None:
    policy = POLICY.model_validate(POLICY.model_dump() | {"places": {"default": place}})
    times = deadlines(policy, "A01", NOW)
    assert times.on_site_by == NOW + timedelta(minutes=on_site_min)
    assert times.restore_by == NOW + timedelta(minutes=on_site_min + restore_min)
    arrived = NOW + timedelta(minutes=10)
    assert deadlines(policy, "A01", NOW, arrived).restore_by == arrived + timedelta(minutes=restore_min)
    assert NOW < times.earliest < times.latest == times.restore_by


def test_an_area_may_lie_elsewhere_than_the_rest() -> None:
    places = {"default": "country", "areas": {"A02": "city"}}
    policy = POLICY.model_validate(POLICY.model_dump() | {"places": places})
    assert deadlines(policy, "A02", NOW).on_site_by < deadlines(policy, "A01", NOW).on_site_by
