"""What validation could not settle by itself: the list, one with its day, and what a person may do."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Form, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.fleet import registry
from cloud.kit.auth import User
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.metering.vee import days
from cloud.metering.vee import exception_store as store
from cloud.metering.vee.exceptions import day_of
from cloud.metering.vee.point_day import Channel
from cloud.metering.vee.policy import Severity
from cloud.web.exception_views import EVENTS, SEVERITIES, day_view, exception_view
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

SHOWN = 200
Text = Annotated[str, Form(max_length=500)]
Change = Callable[[Connection, datetime], object]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/data/exceptions")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def list_page(
        request: Request, user: Operator, area: str = "", severity: str = "", ended: bool = False
    ) -> Response:
        words = pages.words(request)
        known = severity if severity in set(Severity) else ""
        with parts.database.read() as connection:
            rows = store.exceptions(
                connection, waiting=not ended, area=area or None, severity=known or None, limit=SHOWN
            )
            areas = registry.area_names(connection)
        return pages.page(
            request,
            "console/exceptions.html",
            user=user,
            section="data",
            data_tab="exceptions",
            rows=[exception_view(row, words) for row in rows],
            areas=areas,
            chosen={"area": area, "severity": known, "ended": ended},
            severities={each.value: words.text(name) for each, name in SEVERITIES.items()},
            most=SHOWN,
        )

    @routes.get("/{id}")
    def one_page(request: Request, user: Operator, id: RowId) -> Response:  # noqa: A002
        words = pages.words(request)
        with parts.database.read() as connection:
            row = store.EXCEPTIONS.row(connection, id)
            content = day_of(connection, row)
            events = store.EXCEPTIONS.events(connection, id)
            kept = days.revisions(connection, row.point, Channel(row.channel), row.day)
            area = registry.area_names(connection, [row.area]).get(row.area, row.area)
        return pages.page(
            request,
            "console/exception.html",
            user=user,
            section="data",
            data_tab="exceptions",
            one=exception_view(row, words),
            day=day_view(content, row, words),
            events=[(each, words.text(EVENTS[each.event])) for each in events],
            revisions=kept[::-1],
            area_name=area,
        )

    routes.include_router(_settling(parts))
    return routes


def _settling(parts: Parts) -> Routes:
    """What changes an exception."""
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.post("/{id}/accept")
    def accept(user: Operator, id: RowId, why: Text = "") -> Response:  # noqa: A002
        def save(connection: Connection, now: datetime) -> None:
            parts.exceptions.accept(connection, id, user.login, why, now)

        return back(f"/console/data/exceptions/{id}", _saved(parts, save))

    @routes.post("/{id}/correct")
    def correct(
        user: Operator,
        id: RowId,  # noqa: A002
        slot: Annotated[list[int], Form()],
        wh: Annotated[list[str], Form()],
        why: Text = "",
    ) -> Response:
        def save(connection: Connection, now: datetime) -> None:
            values = _values(slot, wh)
            parts.exceptions.correct(connection, id, values, user.login, why, now)

        return back(f"/console/data/exceptions/{id}", _saved(parts, save))

    @routes.post("/{id}/reread")
    def reread(user: Operator, id: RowId) -> Response:  # noqa: A002
        def save(connection: Connection, now: datetime) -> None:
            parts.exceptions.reread(connection, id, user.login, now)

        said = _saved(parts, save)
        parts.dispatch.tick()
        return back(f"/console/data/exceptions/{id}", said)

    return routes


def _values(slots: list[int], wh: list[str]) -> dict[int, int]:
    """What was filled in; an empty field changes nothing."""
    try:
        return {slot: int(text) for slot, text in zip(slots, wh, strict=True) if text.strip()}
    except ValueError:
        raise Invalid("write whole Wh into the slots") from None


def _saved(parts: Parts, save: Change) -> str:
    try:
        with parts.database.write() as connection:
            save(connection, parts.clock.now())
    except Conflict:
        return "objected"
    except Invalid:
        return "exception_lacking"
    return "exception_saved"
