"""Things that move: rows of a table with a `state`, and beside them a table of what was done about each.

Lines of what happened are only ever added, one with every move.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic

from pydantic import BaseModel, ConfigDict
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)

from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound
from cloud.kit.states import E, Machine, S

MOST_WHO, MOST_NOTE = 64, 500
_CHUNK = 400


class Happened(BaseModel):
    """One line of what happened; `state` is the one it led to."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    who: str
    event: str
    state: str
    note: str


def happenings(name: str, thing: str, of: str, *, event: int = 16, state: int = 16) -> Table:
    """The table `name` of what was done about each `thing`, a row of the column `of` ("work_order.id").

    `event`, `state`: how long their words may be.
    """
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column(thing, ForeignKey(of), nullable=False),
        Column("at", Instant, nullable=False),
        Column("who", String(MOST_WHO), nullable=False),
        Column("event", String(event), nullable=False),
        Column("state", String(state), nullable=False),
        Column("note", String(MOST_NOTE), nullable=False),
        Index(None, thing),
    )


class Moving(Generic[S, E]):
    """The things of one table, which has `state` and `changed_at`; `happened` as `happenings` made it."""

    def __init__(self, machine: Machine[S, E], table: Table, happened: Table) -> None:
        self.machine, self.table, self.happened = machine, table, happened
        (self._number,) = table.primary_key
        self._thing = happened.c[1]

    def row(self, connection: Connection, id: int) -> Row[Any]:  # noqa: A002
        """NotFound: there is none of this number."""
        found = connection.execute(select(self.table).where(self._number == id)).one_or_none()
        if found is None:
            raise NotFound(f"there is no {self._thing.name} {id}")
        return found

    def states(self, connection: Connection, ids: Sequence[int]) -> dict[int, str]:
        """Where those of these numbers stand that there are."""
        query = select(self._number, self.table.c.state)
        return {
            number: state
            for low in range(0, len(ids), _CHUNK)
            for number, state in connection.execute(query.where(self._number.in_(ids[low : low + _CHUNK])))
        }

    def add(self, connection: Connection, values: dict[str, Any]) -> int:
        """A new one; its number."""
        added = insert(self.table).values(values).returning(self._number)
        return int(connection.execute(added).scalar_one())

    def change(self, connection: Connection, id: int, **values: Any) -> None:  # noqa: A002
        connection.execute(update(self.table).where(self._number == id).values(values))

    def note(
        self,
        connection: Connection,
        id: int,  # noqa: A002
        at: datetime,
        *,
        who: str,
        event: str,
        state: str,
        note: str = "",
    ) -> None:
        """One line more of what happened to it; what is too long is cut."""
        line = {"at": at, "who": who[:MOST_WHO], "event": event, "state": state, "note": note[:MOST_NOTE]}
        connection.execute(insert(self.happened).values({self._thing.name: id, **line}))

    def events(self, connection: Connection, id: int) -> Sequence[Row[Any]]:  # noqa: A002
        """What happened to one, oldest first."""
        query = select(self.happened).where(self._thing == id).order_by(self.happened.c.id)
        return connection.execute(query).all()

    def move(
        self,
        connection: Connection,
        id: int,  # noqa: A002
        state: S,
        event: E,
        *,
        who: str,
        at: datetime,
        note: str = "",
        **values: Any,
    ) -> S:
        """From `state` by this event, with what changes besides; where it led. Conflict: as `Machine`."""
        after = self.machine.move(state, event)
        self.change(connection, id, state=after.value, changed_at=at, **values)
        self.note(connection, id, at, who=who, event=event.value, state=after.value, note=note)
        return after
