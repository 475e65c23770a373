"""Contests on the console: who waits for an answer, and the answer of an operator."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Form
from sqlalchemy import Connection, Row, select
from starlette.responses import Response

from cloud.customers.store import account_table
from cloud.kit.auth import User
from cloud.kit.errors import CloudError, Conflict
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.rating import contests
from cloud.tiers.rating.contests import Event, State
from cloud.tiers.rating.tables import contest_table
from cloud.web.customers.axis_names import AXES, named, value_of
from cloud.web.customers.file_views import Book
from cloud.web.language import Words, mark
from cloud.web.pages import back
from cloud.web.parts import Parts

MOST = 5
Answer = Literal["uphold", "change", "reject"]
STATES = {
    State.OPEN: ("warn", mark("waits for an answer")),
    State.UPHELD: ("none", mark("looked at, stays")),
    State.CHANGED: ("good", mark("changed after the contest")),
    State.REJECTED: ("none", mark("not for us to decide")),
    State.WITHDRAWN: ("none", mark("taken back by the customer")),
}
ANSWERS = [
    (Event.UPHOLD, mark("It stays as it is")),
    (Event.CHANGE, mark("Judge it anew: it changes")),
    (Event.REJECT, mark("Not for us to decide")),
]


def waiting(connection: Connection, words: Words) -> list[dict[str, Any]]:
    """Contests without an answer, those due first."""
    table = contest_table
    query = (
        select(table, account_table.c.customer)
        .join(account_table, account_table.c.no == table.c.account)
        .where(table.c.state == State.OPEN.value)
        .order_by(table.c.due_on, table.c.id)
    )
    return [
        {"account": row.account, "customer": row.customer, "axis": named(AXES, row.axis, words), "row": row}
        for row in connection.execute(query)
    ]


def of_account(connection: Connection, account: str, book: Book, words: Words) -> list[dict[str, Any]]:
    """All of an account, newest first, in words."""
    return [_view(row, book, words) for row in contests.of_account(connection, account)]


def answers(words: Words) -> list[tuple[str, str]]:
    return [(event.value, words.text(text)) for event, text in ANSWERS]


def _view(row: Row[Any], book: Book, words: Words) -> dict[str, Any]:
    sign, text = STATES[State(row.state)]
    became = None if row.became in (None, row.value) else _said(row.axis, row.became, book, words)
    return {
        "row": row,
        "axis": named(AXES, row.axis, words),
        "value": _said(row.axis, row.value, book, words),
        "became": became,
        "state": (sign, words.text(text)),
        "open": row.state == State.OPEN,
    }


def _said(axis: str, value: str, book: Book, words: Words) -> str:
    return (book.sub(value, words) or value) if axis == "class" else value_of(axis, value, words)


def router(parts: Parts) -> Routes:
    routes = Routes(prefix="/customer")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.post("/{id}/contests/{contest}")
    def answer(
        user: Operator,
        id: str,  # noqa: A002
        contest: RowId,
        account: Annotated[str, Form(max_length=64)],
        event: Annotated[Answer, Form()],
        told: Annotated[str, Form(max_length=contests.MOST_TEXT)] = "",
    ) -> Response:
        said = "file_saved"
        try:
            parts.tiers.ratings.decide(contest, Event(event), told, user.login)
        except Conflict:
            said = "objected"
        except CloudError:
            said = "file_refused"
        return back(f"/console/customer/{id}?account={account}", said)

    return routes
