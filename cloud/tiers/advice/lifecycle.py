"""What may become of advice: a table, one function that moves it, and what the customer may decide."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from cloud.kit.errors import Invalid
from cloud.kit.states import Machine
from cloud.tiers.advice import store
from cloud.tiers.advice.store import AdviceRow, State


class Event(StrEnum):
    SHOW = "show"
    TAKE = "take"
    DECLINE = "decline"
    EXPIRE = "expire"
    REPLACE = "replace"


MACHINE = Machine(
    "the advice",
    {
        (State.OPEN, Event.SHOW): State.SEEN,
        (State.OPEN, Event.TAKE): State.TAKEN,
        (State.SEEN, Event.TAKE): State.TAKEN,
        (State.OPEN, Event.DECLINE): State.DECLINED,
        (State.SEEN, Event.DECLINE): State.DECLINED,
        (State.OPEN, Event.EXPIRE): State.EXPIRED,
        (State.SEEN, Event.EXPIRE): State.EXPIRED,
        (State.OPEN, Event.REPLACE): State.REPLACED,
        (State.SEEN, Event.REPLACE): State.REPLACED,
        (State.SEEN, Event.SHOW): State.SEEN,
    },
)
WHY_MAX = 500


def take(connection: Connection, advice: AdviceRow, by: str, now: datetime) -> AdviceRow:
    """The customer means to do it: a promise to nobody, and what it brings is measured afterwards."""
    return _ended(connection, advice, Event.TAKE, by, now)


def decline(connection: Connection, advice: AdviceRow, why: str, by: str, now: datetime) -> AdviceRow:
    """Not wanted, with a reason or without; it is not said again for a while."""
    if len(why) > WHY_MAX:
        raise Invalid(f"why: {len(why)} characters; at most {WHY_MAX}")
    return _ended(connection, advice, Event.DECLINE, by, now, why=why.strip() or None)


def show(connection: Connection, shown: list[AdviceRow], now: datetime) -> None:
    """The customer has seen these; what was seen before stays as it was."""
    fresh = [each.id for each in shown if each.state is State.OPEN]
    store.move(connection, fresh, MACHINE.move(State.OPEN, Event.SHOW), seen_at=now)


def _ended(
    connection: Connection, advice: AdviceRow, event: Event, by: str, now: datetime, **more: Any
) -> AdviceRow:
    state = MACHINE.move(advice.state, event)
    store.move(connection, [advice.id], state, ended_at=now, ended_by=by, **more)
    return store.one(connection, advice.id)
