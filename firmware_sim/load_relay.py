"""The relay in a meter: a table of states and orders. While it is open, only the load is off."""

from collections.abc import Mapping
from enum import StrEnum


class RelayState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    PERMITTED = "permitted"  # still open: the customer may press the button


class RelayOrder(StrEnum):
    TRIP = "trip"
    PERMIT = "permit"
    CLOSE = "close"
    PRESS = "press"


MOVES: Mapping[tuple[RelayState, RelayOrder], RelayState] = {
    (RelayState.CLOSED, RelayOrder.TRIP): RelayState.OPEN,
    (RelayState.PERMITTED, RelayOrder.TRIP): RelayState.OPEN,
    (RelayState.OPEN, RelayOrder.PERMIT): RelayState.PERMITTED,
    (RelayState.OPEN, RelayOrder.CLOSE): RelayState.CLOSED,
    (RelayState.PERMITTED, RelayOrder.CLOSE): RelayState.CLOSED,
    (RelayState.PERMITTED, RelayOrder.PRESS): RelayState.CLOSED,
}
"""What is not in it changes nothing."""


def moved(state: RelayState, order: RelayOrder) -> RelayState:
    return MOVES.get((state, order), state)
