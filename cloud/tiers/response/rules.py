"""How an event and each customer's invitation go on: tables of state and step; people approve and pay."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from cloud.kit.errors import Conflict, Invalid
from cloud.kit.states import Machine


class State(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    INVITED = "invited"
    CLOSED = "closed"
    RUNNING = "running"
    ENDED = "ended"
    MEASURED = "measured"
    SETTLED = "settled"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """`close`, `start` and `end` are the clock's; `measure` may be repeated until it is settled."""

    APPROVE = "approve"
    INVITE = "invite"
    CLOSE = "close"
    START = "start"
    END = "end"
    MEASURE = "measure"
    SETTLE = "settle"
    CANCEL = "cancel"


EVENT: Machine[State, Step] = Machine(
    "the event",
    {
        (State.PROPOSED, Step.APPROVE): State.APPROVED,
        (State.APPROVED, Step.INVITE): State.INVITED,
        (State.INVITED, Step.CLOSE): State.CLOSED,
        (State.CLOSED, Step.START): State.RUNNING,
        (State.RUNNING, Step.END): State.ENDED,
        (State.ENDED, Step.MEASURE): State.MEASURED,
        (State.MEASURED, Step.MEASURE): State.MEASURED,
        (State.MEASURED, Step.SETTLE): State.SETTLED,
        (State.PROPOSED, Step.CANCEL): State.CANCELLED,
        (State.APPROVED, Step.CANCEL): State.CANCELLED,
        (State.INVITED, Step.CANCEL): State.CANCELLED,
        (State.CLOSED, Step.CANCEL): State.CANCELLED,
    },
)
"""Nothing is cancelled once it runs: customers have changed their plans by then, and are paid."""
OVER = frozenset({State.SETTLED, State.CANCELLED})


class Answer(StrEnum):
    """Of one customer; `chosen` before they are invited, `left_out` who may no longer be."""

    CHOSEN = "chosen"
    LEFT_OUT = "left_out"
    INVITED = "invited"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    NO_ANSWER = "no_answer"


class Reply(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


INVITATION: Machine[Answer, Reply] = Machine(
    "the invitation",
    {
        (Answer.INVITED, Reply.ACCEPT): Answer.ACCEPTED,
        (Answer.INVITED, Reply.DECLINE): Answer.DECLINED,
        (Answer.ACCEPTED, Reply.ACCEPT): Answer.ACCEPTED,
        (Answer.ACCEPTED, Reply.WITHDRAW): Answer.WITHDRAWN,
        (Answer.DECLINED, Reply.ACCEPT): Answer.ACCEPTED,
        (Answer.WITHDRAWN, Reply.ACCEPT): Answer.ACCEPTED,
    },
)
"""Who accepted may accept another number of kW; a mind may be changed until answers close, and an acceptance
be withdrawn until the event starts."""


LEAVES = {Answer.INVITED: Reply.DECLINE, Answer.ACCEPTED: Reply.WITHDRAW}
"""What it means for an invitation that its customer agrees to none any more."""
NOT_BEGUN = frozenset({State.INVITED, State.CLOSED})


@dataclass(frozen=True, slots=True)
class Times:
    close_at: datetime
    start: datetime
    end: datetime


def approved_by(proposed_by: str, who: str) -> str:
    """Conflict for the one who proposed it: four eyes."""
    if who == proposed_by:
        raise Conflict("whoever proposed an event does not approve it: ask a second person")
    return who


def replied(answer: Answer, reply: Reply, state: State, times: Times, now: datetime) -> Answer:
    """Conflict when it is too late, or the answer does not follow from the one before."""
    late = times.start if reply is Reply.WITHDRAW else times.close_at
    open_ = (State.INVITED, State.CLOSED) if reply is Reply.WITHDRAW else (State.INVITED,)
    if state not in open_ or now >= late:
        raise Conflict("answers to this invitation are closed")
    return INVITATION.move(answer, reply)


def accepted_kw(kw: Decimal, asked_kw: Decimal, least_kw: Decimal) -> Decimal:
    """As many as the customer says, at the most as many as were asked for. Invalid below the least."""
    if kw < min(least_kw, asked_kw):
        raise Invalid(f"kw: at least {min(least_kw, asked_kw)} kW")
    if kw > asked_kw:
        raise Invalid(f"kw: at the most the {asked_kw} kW that were asked for")
    return kw


def due(state: State, times: Times, now: datetime) -> Step | None:
    """The clock's next step of an event, one at a time; what nobody invited in time is cancelled."""
    if state in (State.PROPOSED, State.APPROVED) and now >= times.start:
        return Step.CANCEL
    if state is State.INVITED and now >= times.close_at:
        return Step.CLOSE
    if state is State.CLOSED and now >= times.start:
        return Step.START
    if state is State.RUNNING and now >= times.end:
        return Step.END
    return None
