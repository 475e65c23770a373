"""Commands in the console: ask a meter, approve what another asked for, see what became of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Form, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.customers import protection
from cloud.customers.protection import Protection
from cloud.fleet import command_store as store
from cloud.fleet import registry
from cloud.fleet.command_rules import OPEN, CommandState
from cloud.fleet.commands import Wish
from cloud.kit.auth import User
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.web.command_views import command_page, command_view
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from protocols.mqtt.orders import OrderKind

SHOWN = 100
Text = Annotated[str, Form(max_length=500)]
Change = Callable[[Connection, datetime], object]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("/commands")
    def commands_page(request: Request, user: Operator) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            open_ones = store.commands(connection, states=OPEN)
            ended = store.commands(connection, states=set(CommandState) - OPEN, limit=SHOWN)
        return pages.page(
            request,
            "console/commands.html",
            user=user,
            section="commands",
            open_ones=[command_view(row, words) for row in open_ones],
            ended=[command_view(row, words) for row in ended],
        )

    @routes.get("/commands/{id}")
    def one_page(request: Request, user: Operator, id: str) -> Response:  # noqa: A002
        return _one(request, user, id, "console/command.html")

    @routes.get("/commands/{id}/now")
    def one_part(request: Request, user: Operator, id: str) -> Response:  # noqa: A002
        """The moving part of a command's page, for the page that is open."""
        return _one(request, user, id, "console/command_live.html")

    def _one(request: Request, user: User, id: str, template: str) -> Response:  # noqa: A002
        with parts.database.read() as connection:
            row = store.command(connection, id)
            page = command_page(
                connection, row, parts.commands, user.login, pages.words(request), pages.now()
            )
        return pages.page(request, template, user=user, section="commands", page=page, command=page.command)

    routes.include_router(_asking(parts))
    routes.include_router(_serving(parts))
    return routes


def _asking(parts: Parts) -> Routes:
    """What changes a command."""
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.post("/meters/{id}/ask")
    def ask(
        user: Operator,
        id: str,  # noqa: A002
        kind: Annotated[OrderKind, Form()],
        reason: Text = "",
        good_for_min: Annotated[int | None, Form()] = None,
        billing_exception: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        exception = billing_exception.strip()
        more = {"billing_exception": exception} if exception else {}
        wish = Wish(kind, id, reason=reason, good_for_min=good_for_min, more=more)
        made: list[str] = []

        def save(connection: Connection, now: datetime) -> None:
            made.append(str(parts.commands.ask(connection, wish, user.login, now).id))

        said = _saved(parts, save, "asked")
        return back(f"/console/commands/{made[0]}" if made else f"/console/meters/{id}", said)

    @routes.post("/commands/{id}/approve")
    def approve(user: Operator, id: str) -> Response:  # noqa: A002
        def save(connection: Connection, now: datetime) -> None:
            parts.commands.approve(connection, id, user.login, now)

        return back(f"/console/commands/{id}", _saved(parts, save, "approved"))

    @routes.post("/commands/{id}/cancel")
    def cancel(user: Operator, id: str, note: Text = "") -> Response:  # noqa: A002
        def save(connection: Connection, now: datetime) -> None:
            parts.commands.cancel(connection, id, user.login, note, now)

        return back(f"/console/commands/{id}", _saved(parts, save, "command_cancelled"))

    return routes


def _serving(parts: Parts) -> Routes:
    """What is known of whom a meter serves, and may keep it from being disconnected."""
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.post("/meters/{id}/proof")
    def prove(user: Operator, id: str, account: Annotated[str, Form(max_length=32)]) -> Response:  # noqa: A002
        def save(connection: Connection, now: datetime) -> None:
            registry.meter(connection, id)
            protection.prove(connection, id, account, user.login, now)

        return back(f"/console/meters/{id}", _saved(parts, save, "proven"))

    @routes.post("/meters/{id}/protect")
    def protect(
        user: Operator,
        id: str,  # noqa: A002
        account: Annotated[str, Form(max_length=32)],
        kind: Annotated[Protection, Form()],
        why: Text = "",
    ) -> Response:
        def save(connection: Connection, now: datetime) -> None:
            protection.protect(connection, account, kind, why, user.login, now)

        return back(f"/console/meters/{id}", _saved(parts, save, "protected"))

    @routes.post("/meters/{id}/protections/{number}/end")
    def end_protection(user: Operator, id: str, number: RowId, why: Text = "") -> Response:  # noqa: A002
        def save(connection: Connection, now: datetime) -> None:
            protection.end(connection, number, why, user.login, now)

        return back(f"/console/meters/{id}", _saved(parts, save, "protection_ended"))

    return routes


def _saved(parts: Parts, save: Change, said: str) -> str:
    """Save it; what does not fit is said on the page, which also shows what stands against it."""
    try:
        with parts.database.write() as connection:
            save(connection, parts.clock.now())
    except Conflict:
        return "objected"
    except Invalid:
        return "lacking"
    parts.dispatch.tick()
    parts.live.changed()
    return said
