"""A list of what a search found and people look at, kept in step with what it finds now.

Nobody's word is undone by a search: it only tells what it found again, and lets lapse what nobody took up.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol

from sqlalchemy import Connection

from cloud.kit.moving import Moving
from cloud.kit.states import E, S

SEARCH, FOUND = "search", "found"


class Listed(Protocol):
    @property
    def id(self) -> int: ...


@dataclass(slots=True)
class Changes:
    """`listed` are new on the list, `again` were on it, `lapsed` are not any more."""

    listed: int = 0
    again: int = 0
    lapsed: int = 0


@dataclass(frozen=True, slots=True)
class Worklist(Generic[S, E]):
    """`things` begin at `open`; `again` and `gone` are what a search says of one."""

    things: Moving[S, E]
    open: S
    again: E
    gone: E

    def keep(
        self,
        connection: Connection,
        found: Iterable[tuple[Listed | None, Mapping[str, Any]]],
        gone: Iterable[Listed],
        at: datetime,
    ) -> Changes:
        """`found`: what was listed of it before, and its row now; of what is `gone` the open ones lapse.

        A search takes its time: what somebody did about a thing meanwhile stands.
        """
        done, found, gone = Changes(), list(found), list(gone)
        known = [*(before for before, _ in found if before is not None), *gone]
        standing = self.things.states(connection, [each.id for each in known])
        states = {number: type(self.open)(state) for number, state in standing.items()}
        for before, row in found:
            if before is None:
                self._new(connection, row, at)
                done.listed += 1
            elif before.id in states and self.again in self.things.machine.events(states[before.id]):
                self._again(connection, before.id, states[before.id], row, at)
                done.again += 1
        for each in gone:
            if states.get(each.id) is self.open:
                self.things.move(connection, each.id, self.open, self.gone, who=SEARCH, at=at)
                done.lapsed += 1
        return done

    def _new(self, connection: Connection, row: Mapping[str, Any], at: datetime) -> None:
        new = self.things.add(connection, {**row, "state": self.open.value, "found_at": at})
        self.things.note(connection, new, at, who=SEARCH, event=FOUND, state=self.open.value)

    def _again(
        self, connection: Connection, number: int, before: S, row: Mapping[str, Any], at: datetime
    ) -> None:
        """Newer evidence in place of older; a note only where the state changes."""
        state = self.things.machine.move(before, self.again)
        self.things.change(connection, number, **row, state=state.value)
        if state is not before:
            self.things.note(connection, number, at, who=SEARCH, event=self.again.value, state=state.value)
