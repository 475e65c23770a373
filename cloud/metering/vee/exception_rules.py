"""How an exception moves from found to settled; pure. Nobody's word is undone by the next run of the job."""

from enum import StrEnum

from cloud.kit.states import Machine


class State(StrEnum):
    OPEN = "open"
    REREADING = "rereading"
    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    RESOLVED = "resolved"


class Event(StrEnum):
    """`found_again`, `gone` and `unanswered` are said by the job, the others by a person."""

    ACCEPT = "accept"
    CORRECT = "correct"
    REREAD = "reread"
    FOUND_AGAIN = "found_again"
    GONE = "gone"
    UNANSWERED = "unanswered"


TABLE: dict[tuple[State, Event], State] = {
    (State.OPEN, Event.ACCEPT): State.ACCEPTED,
    (State.OPEN, Event.CORRECT): State.CORRECTED,
    (State.OPEN, Event.REREAD): State.REREADING,
    (State.OPEN, Event.FOUND_AGAIN): State.OPEN,
    (State.OPEN, Event.GONE): State.RESOLVED,
    (State.REREADING, Event.ACCEPT): State.ACCEPTED,
    (State.REREADING, Event.CORRECT): State.CORRECTED,
    (State.REREADING, Event.FOUND_AGAIN): State.OPEN,
    (State.REREADING, Event.UNANSWERED): State.OPEN,
    (State.REREADING, Event.GONE): State.RESOLVED,
}
WAITING = frozenset({State.OPEN, State.REREADING})


MACHINE = Machine("the exception", TABLE)
move = MACHINE.move
