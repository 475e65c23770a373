"""What was written at the places where a customer lived, while they did: notes, reasons, photographs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, or_, select, update

from cloud.customers import store as customers
from cloud.customers.protection import protection_table
from cloud.customers.store import service_table
from cloud.fleet import command_store, events
from cloud.fleet.events import photo_table, read_table
from cloud.fleet.history import point_table
from cloud.keeping.words import GONE
from cloud.kit.scope import Window
from cloud.metering.vee.days import day_table
from cloud.metering.vee.exception_store import edit_table, event_table, exception_table

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stay:
    """An account was at a point; `end` None: there is none in sight."""

    point: str
    start: datetime
    end: datetime | None

    def at(self, column: Any) -> ColumnElement[bool]:
        return _between(column, self.start, self.end)

    def on(self, column: Any) -> ColumnElement[bool]:
        """Whole local days, wherever the station lies: one more on either side."""
        last = date.max if self.end is None else self.end.date() + _DAY
        return and_(column >= self.start.date() - _DAY, column <= last)


def stays(connection: Connection, accounts: Collection[str]) -> list[Stay]:
    wanted = service_table.c.account.in_(sorted(accounts))
    rows = connection.execute(select(service_table).where(wanted))
    return [Stay(row.point or row.meter, row.start, row.end) for row in rows]


def erase_notes(connection: Connection, accounts: Sequence[str], now: datetime) -> int:
    """Everything people wrote of these places in that time, but photographs; how many rows."""
    rows = _written(connection, protection_table, protection_table.c.account.in_(accounts), "why")
    ended = protection_table.c.ended_why.is_not(None)
    rows += _written(
        connection, protection_table, protection_table.c.account.in_(accounts) & ended, "ended_why"
    )
    for stay in stays(connection, accounts):
        for table in (read_table, events.event_table):
            mine = (table.c.point == stay.point) & stay.at(table.c.at)
            rows += _written(connection, table, mine, "why")
            _doubts(connection, table, mine)
        rows += _validation(connection, stay) + _name(connection, stay.point, accounts, now)
    for account in accounts:
        for window in customers.scope_of_account(connection, account).windows or ():
            rows += _commands(connection, window)
    return rows


def _doubts(connection: Connection, table: Table, which: ColumnElement[bool]) -> None:
    """What was implausible stays; why it was believed all the same is somebody's words."""
    for row in connection.execute(select(table.c.id, table.c.doubts).where(which)).all():
        plain = [{**each, "despite": GONE} if each.get("despite") else each for each in row.doubts]
        if plain != row.doubts:
            connection.execute(update(table).where(table.c.id == row.id).values(doubts=plain))


def erase_photos(connection: Connection, accounts: Collection[str]) -> tuple[str, ...]:
    """Take the photographs of those field reads out of the records; what files may go now (their sha256)."""
    taken: set[str] = set()
    for stay in stays(connection, accounts):
        mine = (read_table.c.point == stay.point) & stay.at(read_table.c.at) & read_table.c.photo.is_not(None)
        taken |= set(connection.scalars(select(read_table.c.photo).where(mine)))
        connection.execute(update(read_table).where(mine).values(photo=None))
    return tuple(sha256 for sha256 in sorted(taken) if _dropped(connection, sha256))


def _dropped(connection: Connection, sha256: str) -> bool:
    """Not where the same picture is another read's too."""
    unused = ~exists().where(read_table.c.photo == photo_table.c.sha256)
    return connection.execute(delete(photo_table).where(photo_table.c.sha256 == sha256, unused)).rowcount > 0


def _validation(connection: Connection, stay: Stay) -> int:
    """Notes on exceptions; why values were edited, in the edits and in the days that came of them."""
    mine = (exception_table.c.point == stay.point) & stay.on(exception_table.c.day)
    own = event_table.c.exception.in_(select(exception_table.c.id).where(mine))
    rows = _written(connection, event_table, own & (event_table.c.note != ""), "note")
    edits = (edit_table.c.point == stay.point) & stay.on(edit_table.c.day)
    for day, channel in connection.execute(
        select(edit_table.c.day, edit_table.c.channel).where(edits).distinct()
    ):
        key = (day_table.c.day == day) & (day_table.c.channel == channel) & (day_table.c.point == stay.point)
        rows += _written(connection, day_table, key & (day_table.c.why != ""), "why")
    return rows + _written(connection, edit_table, edits, "why")


def _commands(connection: Connection, window: Window) -> int:
    table, notes = command_store.command_table, command_store.event_table
    mine = (table.c.meter == window.meter) & _between(table.c.asked_at, window.start, window.end)
    own = notes.c.command.in_(select(table.c.number).where(mine))
    return _written(connection, notes, own & (notes.c.note != ""), "note") + _written(
        connection, table, mine & (table.c.reason != ""), "reason"
    )


def _name(connection: Connection, point: str, accounts: Collection[str], now: datetime) -> int:
    """A point is often called as who lives there; where somebody else does, it is their name now."""
    theirs = exists().where(
        service_table.c.point == point,
        service_table.c.account.not_in(sorted(accounts)),
        service_table.c.start <= now,
        or_(service_table.c.end.is_(None), service_table.c.end > now),
    )
    named = update(point_table).where(point_table.c.id == point, point_table.c.name.is_not(None), ~theirs)
    return connection.execute(named.values(name=None)).rowcount


def _written(connection: Connection, table: Table, which: ColumnElement[bool], column: str) -> int:
    return connection.execute(update(table).where(which).values({column: GONE})).rowcount


def _between(column: Any, start: datetime, end: datetime | None) -> ColumnElement[bool]:
    return column >= start if end is None else and_(column >= start, column < end)
