"""What may become of an order: the state machine as a table, and the few things that go along with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from protocols.mqtt import orders
from protocols.mqtt.orders import Order, OrderKind, OrderResult, OrderState, RelayState


class State(StrEnum):
    """BEGUN: it may have been sent. ACTED: the meter said yes, and is to be read back."""

    TAKEN = "taken"
    BEGUN = "begun"
    ACTED = "acted"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Event(StrEnum):
    BEGIN = "begin"
    ANSWER = "answer"
    FINISH = "finish"
    REFUSE = "refuse"
    EXPIRE = "expire"
    FAIL = "fail"
    LOSE = "lose"


OPEN: Final = frozenset({State.TAKEN, State.BEGUN, State.ACTED})
MOVES: Final[Mapping[tuple[State, Event], State]] = {
    (State.TAKEN, Event.BEGIN): State.BEGUN,
    (State.TAKEN, Event.REFUSE): State.REFUSED,
    (State.TAKEN, Event.EXPIRE): State.EXPIRED,
    (State.TAKEN, Event.FAIL): State.FAILED,  # nothing was sent
    (State.BEGUN, Event.ANSWER): State.ACTED,
    (State.BEGUN, Event.FINISH): State.DONE,
    (State.BEGUN, Event.REFUSE): State.REFUSED,  # the meter's own no
    (State.BEGUN, Event.FAIL): State.FAILED,  # of what changes nothing
    (State.BEGUN, Event.LOSE): State.UNKNOWN,
    (State.ACTED, Event.FINISH): State.DONE,
    (State.ACTED, Event.FAIL): State.FAILED,  # read back: it had no effect, and can have none later
    (State.ACTED, Event.LOSE): State.UNKNOWN,
}


class WrongMove(Exception):
    """Not in the table: nothing was changed, and nothing may be sent."""


class LimitReached(Exception):
    """The day's share is used up: nothing was changed, and nothing may be sent."""


class Offer(StrEnum):
    """What an order is to the ledger: NEW, KNOWN (the same again) or OTHER (a known id, other content)."""

    NEW = "new"
    KNOWN = "known"
    OTHER = "other"


class Outcome(msgspec.Struct, frozen=True):
    """What is known of an order's end."""

    detail: str = ""
    values: dict[str, int | float] = {}
    relay: RelayState | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    order: Order
    state: State
    at_ms: int
    outcome: Outcome

    def result(self) -> OrderResult:
        said = OrderState.TAKEN if self.state in OPEN else OrderState(self.state)
        return OrderResult(
            gateway=self.order.gateway, id=self.order.id, kind=self.order.kind, meter=self.order.meter,
            state=said, at_ms=self.at_ms, detail=self.outcome.detail[: orders.MAX_DETAIL],
            values=self.outcome.values, relay=self.outcome.relay,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` begun since `since_ms`: orders of a kind, or clock broadcasts on a line."""

    most: int
    since_ms: int
    text: str
    kind: OrderKind | None = None
    line: str | None = None


@dataclass(frozen=True, slots=True)
class ClockSetting:
    line: str
    broadcast: bool
    offset_s: float


@dataclass(frozen=True, slots=True)
class AuditRow:
    at_ms: int
    order_id: str
    what: str
    detail: dict[str, Any]
