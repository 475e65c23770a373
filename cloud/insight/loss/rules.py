"""How an inspection (核查) moves from found to settled; pure. What was inspected is a person's word."""

from enum import StrEnum

from cloud.kit.states import Machine


class State(StrEnum):
    OPEN = "open"
    ORDERED = "ordered"
    INSPECTED = "inspected"
    LAPSED = "lapsed"
    """The evidence went away before anybody looked."""


class Event(StrEnum):
    """`found_again`, `gone` are said by the search, the others by a person."""

    ORDER = "order"
    WITHDRAW = "withdraw"
    INSPECT = "inspect"
    FOUND_AGAIN = "found_again"
    GONE = "gone"


class Result(StrEnum):
    """What was seen on site; words for facts, never for guilt."""

    CONFIRMED = "confirmed"
    """It was as listed."""
    OTHER = "other"
    """Something else was wrong there: `kind` says what."""
    NOTHING = "nothing"


TABLE: dict[tuple[State, Event], State] = {
    (State.OPEN, Event.ORDER): State.ORDERED,
    (State.OPEN, Event.INSPECT): State.INSPECTED,
    (State.OPEN, Event.FOUND_AGAIN): State.OPEN,
    (State.OPEN, Event.GONE): State.LAPSED,
    (State.ORDERED, Event.WITHDRAW): State.OPEN,
    (State.ORDERED, Event.INSPECT): State.INSPECTED,
    (State.ORDERED, Event.FOUND_AGAIN): State.ORDERED,
    (State.ORDERED, Event.GONE): State.ORDERED,
    (State.LAPSED, Event.FOUND_AGAIN): State.OPEN,
    (State.LAPSED, Event.INSPECT): State.INSPECTED,
}
WAITING = frozenset({State.OPEN, State.ORDERED})


MACHINE = Machine("the inspection", TABLE)
move = MACHINE.move
