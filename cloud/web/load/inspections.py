"""The inspection list on the console: ranked evidence, and what somebody found who went to look."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.analysis.loss.evidence import Kind
from cloud.fleet import registry
from cloud.insight.loss import store
from cloud.insight.loss.rules import Result
from cloud.kit.auth import User
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.web.load import inspection_views as views
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

SHOWN, LOOKED_AT = 100, 100
HOME = "/console/load/inspections"
Text = Annotated[str, Form(max_length=500)]
Short = Annotated[str, Form(max_length=24)]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/load/inspections")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "load", "load_tab": "inspections"}
        return pages.page(request, f"console/load/{template}", user=user, **values)

    @routes.get("")
    def list_page(request: Request, user: Operator, area: str = "", ended: bool = False) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            found = store.inspections(connection, waiting=not ended, area=area or None, limit=SHOWN)
            worth = store.precision(connection, LOOKED_AT)
            names = registry.area_names(connection)
        return show(
            request,
            user,
            "inspections.html",
            items=[views.item(each, names, words) for each in found],
            areas=names,
            chosen={"area": area, "ended": ended},
            worth=views.worth(worth, words),
            most=SHOWN,
        )

    @routes.get("/{id}")
    def one(request: Request, user: Operator, id: RowId) -> Response:  # noqa: A002
        words = pages.words(request)
        with parts.database.read() as connection:
            found = store.inspection(connection, id)
            names = registry.area_names(connection, {found.area})
            happened = store.INSPECTIONS.events(connection, id)
        return show(
            request,
            user,
            "inspection.html",
            one=views.item(found, names, words),
            events=views.events(happened, words),
            **views.choices(words),
        )

    routes.include_router(_doing(parts))
    return routes


def _doing(parts: Parts) -> Routes:
    """What a person does about one: send somebody, call it off, write down what was found."""
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.post("/{id}/order")
    def order(user: Operator, id: RowId, note: Text = "") -> Response:  # noqa: A002
        return _done(parts, id, lambda connection: parts.loss.order(connection, id, user.login, note))

    @routes.post("/{id}/withdraw")
    def withdraw(user: Operator, id: RowId, note: Text = "") -> Response:  # noqa: A002
        return _done(parts, id, lambda connection: parts.loss.withdraw(connection, id, user.login, note))

    @routes.post("/{id}/result")
    def result(
        user: Operator,
        id: RowId,  # noqa: A002
        result: Annotated[Result, Form()],
        note: Text = "",
        kind: Short = "",
        kwh: Short = "",
    ) -> Response:
        def save(connection: Connection) -> None:
            parts.loss.feedback(
                connection,
                id,
                result,
                user.login,
                _required(note),
                kind=kind if kind in set(Kind) else None,
                recovered_kwh=_kwh(kwh),
            )

        return _done(parts, id, save)

    return routes


def _required(note: str) -> str:
    if not note.strip():
        raise Invalid("say what was seen on site")
    return note.strip()


def _kwh(text: str) -> float | None:
    """kWh of a month as somebody wrote it; nothing written is not known."""
    if not text.strip():
        return None
    try:
        found = float(text)
    except ValueError:
        raise Invalid("write kWh as a number") from None
    if not math.isfinite(found) or abs(found) > 1e9:
        raise Invalid("write kWh as a number")
    return found


def _done(parts: Parts, id: int, change: Callable[[Connection], object]) -> Response:  # noqa: A002
    try:
        with parts.database.write() as connection:
            change(connection)
    except Conflict:
        return back(f"{HOME}/{id}", "objected")
    except Invalid:
        return back(f"{HOME}/{id}", "inspection_lacking")
    return back(f"{HOME}/{id}", "inspection_saved")
