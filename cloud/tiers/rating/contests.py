"""A customer contests a standing: open until somebody answers, by a day; the customer sees it throughout."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cloud.customers.store import account_table
from cloud.kit.errors import Conflict, Forbidden, Invalid, NotFound
from cloud.kit.states import Machine
from cloud.tiers.axes import Axis
from cloud.tiers.rating.store import Standing
from cloud.tiers.rating.tables import contest_table

MOST_TEXT = 2000


class State(StrEnum):
    """`upheld`: looked at, the standing stays; `changed`: it became another; `rejected`: not for us to
    decide, or no ground given; `withdrawn` by the customer."""

    OPEN = "open"
    UPHELD = "upheld"
    CHANGED = "changed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    UPHOLD = "uphold"
    CHANGE = "change"
    REJECT = "reject"
    WITHDRAW = "withdraw"


MACHINE = Machine(
    "the contest",
    {
        (State.OPEN, Event.UPHOLD): State.UPHELD,
        (State.OPEN, Event.CHANGE): State.CHANGED,
        (State.OPEN, Event.REJECT): State.REJECTED,
        (State.OPEN, Event.WITHDRAW): State.WITHDRAWN,
    },
)


def contest(
    connection: Connection, standing: Standing, text: str, *, by: str, now: datetime, today: date, days: int
) -> Row[Any]:
    """Open one. Invalid: no ground given; Conflict: one on that axis is open already."""
    if not text.strip():
        raise Invalid("text: say what is wrong with it, in a few words")
    if len(text) > MOST_TEXT:
        raise Invalid(f"text: at most {MOST_TEXT:,} characters")
    table = contest_table.c
    mine = (table.account == standing.account, table.axis == standing.axis.value)
    if connection.execute(select(table.id).where(*mine, table.state == State.OPEN.value)).first():
        raise Conflict(f"the {standing.axis.value} of this account is contested already: wait for the answer")
    row = {
        "account": standing.account,
        "axis": standing.axis.value,
        "month": standing.month,
        "value": said(standing),
        "text": text.strip(),
        "by": by,
        "at": now,
        "due_on": today + timedelta(days=days),
        "state": State.OPEN.value,
    }
    made = connection.execute(insert(contest_table).values(row)).inserted_primary_key
    assert made is not None
    return one(connection, int(made[0]))


def said(standing: Standing) -> str:
    """What a contest is about: of a class its sub-tier."""
    return standing.value if standing.axis is not Axis.CLASS else standing.sub or standing.value


def one(connection: Connection, id: int, customer: str | None = None) -> Row[Any]:  # noqa: A002
    """NotFound: there is none, or it is not `customer`'s."""
    query = select(contest_table).where(contest_table.c.id == id)
    if customer is not None:
        query = query.join(account_table).where(account_table.c.customer == customer)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"there is no contest {id}")
    return row


def of_account(connection: Connection, account: str) -> Sequence[Row[Any]]:
    """All of an account, newest first."""
    query = select(contest_table).where(contest_table.c.account == account)
    return connection.execute(query.order_by(contest_table.c.id.desc())).all()


def listed(
    connection: Connection, state: State | None = State.OPEN, *, after: int = 0, limit: int = 100
) -> Sequence[Row[Any]]:
    """In order of number, those of one state or all."""
    query = select(contest_table).where(contest_table.c.id > after)
    if state is not None:
        query = query.where(contest_table.c.state == state.value)
    return connection.execute(query.order_by(contest_table.c.id).limit(limit)).all()


def decide(
    connection: Connection,
    id: int,  # noqa: A002
    event: Event,
    answer: str,
    *,
    became: str | None,
    by: str,
    now: datetime,
) -> Row[Any]:
    """Answer it. Conflict: it is decided; Invalid: an answer says why."""
    row = one(connection, id)
    state = MACHINE.move(State(row.state), event)
    if not answer.strip():
        raise Invalid("answer: the customer is told why")
    if by == row.by:
        raise Forbidden("somebody else answers a contest than who wrote it")
    mine = update(contest_table).where(contest_table.c.id == id)
    told = answer.strip()[:MOST_TEXT]
    connection.execute(
        mine.values(state=state.value, answer=told, became=became, decided_by=by, decided_at=now)
    )
    return one(connection, id)


def withdraw(connection: Connection, id: int, customer: str, *, by: str, now: datetime) -> Row[Any]:  # noqa: A002
    row = one(connection, id, customer)
    state = MACHINE.move(State(row.state), Event.WITHDRAW)
    mine = update(contest_table).where(contest_table.c.id == id)
    connection.execute(mine.values(state=state.value, decided_by=by, decided_at=now, seen_at=now))
    return one(connection, id)


def seen(connection: Connection, id: int, customer: str, now: datetime) -> None:  # noqa: A002
    """The customer has read the answer."""
    row = one(connection, id, customer)
    if row.decided_at is None:
        raise Conflict("the contest is not answered yet")
    if row.seen_at is None:
        connection.execute(update(contest_table).where(contest_table.c.id == id).values(seen_at=now))


CONTESTABLE = frozenset({Axis.CLASS, Axis.NEED, Axis.SHAPE, Axis.VALUE, Axis.CREDIT})
"""A grade is a government's list's: that one is asked, not the station."""
