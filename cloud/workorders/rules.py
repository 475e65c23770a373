"""Decides how an order moves and whose estimate stands; a table and two questions."""

from datetime import datetime
from enum import StrEnum

from cloud.kit.errors import Invalid
from cloud.kit.states import Machine


class OrderState(StrEnum):
    NEW = "new"
    ACCEPTED = "accepted"
    CREW_SENT = "crew_sent"
    ON_SITE = "on_site"
    REPAIRING = "repairing"
    RESTORED = "restored"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class OrderEvent(StrEnum):
    ACCEPT = "accept"
    SEND_CREW = "send_crew"
    ARRIVE = "arrive"
    START_REPAIR = "start_repair"
    FINISH_REPAIR = "finish_repair"
    SUPPLY_RETURNED = "supply_returned"
    CLOSE = "close"
    CANCEL = "cancel"


class Origin(StrEnum):
    """Who an estimate comes from."""

    COMPUTED = "computed"
    CREW = "crew"
    OPERATOR = "operator"


_S, _E = OrderState, OrderEvent
TABLE: dict[tuple[OrderState, OrderEvent], OrderState] = {
    (_S.NEW, _E.ACCEPT): _S.ACCEPTED,
    (_S.ACCEPTED, _E.SEND_CREW): _S.CREW_SENT,
    (_S.CREW_SENT, _E.ARRIVE): _S.ON_SITE,
    (_S.ON_SITE, _E.START_REPAIR): _S.REPAIRING,
    (_S.REPAIRING, _E.FINISH_REPAIR): _S.RESTORED,
    (_S.RESTORED, _E.CLOSE): _S.CLOSED,
    **{
        (state, _E.SUPPLY_RETURNED): _S.RESTORED
        for state in (_S.NEW, _S.ACCEPTED, _S.CREW_SENT, _S.ON_SITE, _S.REPAIRING)
    },
    **{
        (state, _E.CANCEL): _S.CANCELLED
        for state in (_S.NEW, _S.ACCEPTED, _S.CREW_SENT, _S.ON_SITE, _S.REPAIRING)
    },
}
MACHINE = Machine("the order", TABLE)
move = MACHINE.move
UNDER_WAY = frozenset({_S.NEW, _S.ACCEPTED, _S.CREW_SENT, _S.ON_SITE, _S.REPAIRING})
"""States in which somebody still waits for supply."""
BY_SYSTEM = frozenset({_E.SUPPLY_RETURNED})
NEEDS_NOTE = frozenset({_E.CANCEL})


def events(state: OrderState, *, by_meters: bool = False) -> tuple[OrderEvent, ...]:
    """What a person may do with an order in `state`; `by_meters` orders end by voltage, not by word."""
    possible = (event for event in MACHINE.events(state) if event not in BY_SYSTEM)
    return tuple(event for event in possible if not (by_meters and event is _E.FINISH_REPAIR))


def may_replace(old: Origin | None, new: Origin) -> bool:
    """A computed estimate gives way to any; what a person said is never overwritten by a computed one."""
    return new is not Origin.COMPUTED or old in (None, Origin.COMPUTED)


def check_estimate(earliest: datetime, latest: datetime, now: datetime) -> None:
    """Invalid unless it is a range that ends in the future."""
    if latest < earliest:
        raise Invalid("the estimate ends before it begins: give earliest, then latest")
    if latest <= now:
        raise Invalid("the estimate is over already: give a time to come")
