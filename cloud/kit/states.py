"""State machines are tables, state × event → state; what is not in the table is not possible."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from cloud.kit.errors import Conflict

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Machine(Generic[S, E]):
    """`what` moves, as a refusal calls it: "the order"."""

    what: str
    table: Mapping[tuple[S, E], S]

    def move(self, state: S, event: E) -> S:
        """The next state; Conflict when the event does not fit."""
        try:
            return self.table[state, event]
        except KeyError:
            text = f"{self.what} is {state.value}: {event.value} is not possible"
            raise Conflict(text) from None

    def events(self, state: S) -> tuple[E, ...]:
        """What may happen in a state, in the table's order."""
        return tuple(event for at, event in self.table if at is state)
