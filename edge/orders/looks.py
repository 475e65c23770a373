"""What a look at the meter says of an order that was sent: pure; a doubt is unknown, never a second try."""

from typing import Any, Final

from edge.orders import rules
from edge.orders.states import Event, Outcome
from protocols.mqtt.orders import Order, OrderKind, RelayState

LOOKS_S: Final = (1.0, 2.0, 3.0, 20.0, 30.0)
"""How long after the order, and then after each other, a relay or a clock is read back."""
CLOCK_SET_WITHIN_S: Final = 5.0
LOOKED_AT: Final = rules.RELAY | {OrderKind.CLOCK}


def settles(order: Order, seen: Any, lost: str) -> bool:
    """Whether no further look is worth it. `lost` says why the order's own end is not known, if it is not."""
    if isinstance(seen, RelayState):
        return bool(lost) or order.kind is OrderKind.RELAY_ON or seen is RelayState.OPEN
    if isinstance(seen, float):
        return bool(lost) or abs(seen) <= CLOCK_SET_WITHIN_S
    return False


def conclusion(order: Order, before: str, seen: Any, lost: str) -> tuple[Event, Outcome]:
    """`seen`: a RelayState, an offset in seconds, or the exception the last look ended with."""
    if order.kind in rules.RELAY:
        return _of_relay(order, seen, lost)
    return _of_clock(before, seen, lost)


def _of_relay(order: Order, seen: Any, lost: str) -> tuple[Event, Outcome]:
    relay = seen if isinstance(seen, RelayState) else RelayState.UNKNOWN
    reads = f"the relay reads {relay}" if isinstance(seen, RelayState) else _unread("relay", seen)
    if lost:
        return Event.LOSE, Outcome(f"{lost}; not sent again; {reads}", relay=relay)
    if order.kind is OrderKind.RELAY_ON:
        text = f"closing is permitted, the customer presses; {reads}"
        return Event.FINISH, Outcome(text, relay=relay)
    event = Event.FINISH if relay is RelayState.OPEN else Event.LOSE
    return event, Outcome(f"the meter took the order; {reads}", relay=relay)


def _of_clock(before: str, seen: Any, lost: str) -> tuple[Event, Outcome]:
    if not isinstance(seen, float):
        return Event.LOSE, Outcome(_joined(before, lost, _unread("clock", seen)))
    outcome = Outcome(
        _joined(before, lost, f"the clock is off by {seen:+.0f} s now"), {"clock_offset_s": seen}
    )
    if lost:
        return Event.LOSE, outcome
    return Event.FINISH if abs(seen) <= CLOCK_SET_WITHIN_S else Event.FAIL, outcome


def _unread(what: str, seen: Any) -> str:
    return f"the {what} could not be read ({words(seen)})"


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def words(end: Any) -> str:
    """An exception in words, also one without any."""
    return f"{end}" or type(end).__name__
