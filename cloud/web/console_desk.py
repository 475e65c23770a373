"""Alerts and work orders in the console: acknowledge, move on, say who goes and when supply is expected."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Form, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.alerts import actions as alarms
from cloud.alerts import store as alerts
from cloud.fleet import registry
from cloud.kit.auth import User
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.web.command_views import backfeed
from cloud.web.desk_views import alert_view, open_alerts, open_orders, order_view
from cloud.web.names import HISTORY
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.workorders import store as orders
from cloud.workorders.actions import Moved
from cloud.workorders.rules import NEEDS_NOTE, OrderEvent, OrderState, Origin

SHOWN = 100
Change = Callable[[Connection, datetime], object]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("/alerts")
    def alerts_page(request: Request, user: Operator) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            names = registry.area_names(connection)
            past = [row for row in alerts.alerts(connection, limit=2 * SHOWN) if row.closed_at][:SHOWN]
        return pages.page(
            request,
            "console/alerts.html",
            user=user,
            section="alerts",
            alerts=open_alerts(parts, words),
            past=[alert_view(row, names, words) for row in past],
        )

    @routes.post("/alerts/{id}/acknowledge")
    def acknowledge(user: Operator, id: RowId, next: Annotated[str, Form()] = "/console") -> Response:  # noqa: A002
        with parts.database.write() as connection:
            alarms.acknowledge(connection, id, user.login, parts.clock.now())
        parts.live.changed()
        return back(next, "acknowledged")

    @routes.get("/work-orders")
    def orders_page(request: Request, user: Operator) -> Response:
        words, now = pages.words(request), pages.now()
        with parts.database.read() as connection:
            names = registry.area_names(connection)
            ended = orders.orders(connection, states={OrderState.CLOSED, OrderState.CANCELLED}, limit=SHOWN)
        return pages.page(
            request,
            "console/orders.html",
            user=user,
            section="orders",
            orders=open_orders(parts, words),
            ended=[order_view(row, names, words, now) for row in ended],
        )

    @routes.get("/work-orders/{number}")
    def order_page(request: Request, user: Operator, number: str) -> Response:
        words, now = pages.words(request), pages.now()
        with parts.database.read() as connection:
            row = orders.order(connection, number)
            view = order_view(row, registry.area_names(connection), words, now)
            history = orders.ORDERS.events(connection, row.id)
            reports = orders.reports(connection, row.id)
            has_backfeed = registry.area(connection, row.area).has_backfeed if row.area else None
        return pages.page(
            request,
            "console/order.html",
            user=user,
            section="orders",
            order=view,
            row=row,
            history=[(each, words.text(HISTORY[each.event])) for each in history],
            reports=reports,
            backfeed=backfeed(has_backfeed, words),
            needs_note={event.value for event in NEEDS_NOTE},
            origins=[Origin.CREW, Origin.OPERATOR],
        )

    @routes.post("/work-orders/{number}/move")
    def move(
        user: Operator,
        number: str,
        event: Annotated[OrderEvent, Form()],
        note: Annotated[str, Form(max_length=500)] = "",
        crew: Annotated[str, Form(max_length=120)] = "",
        cause: Annotated[str, Form(max_length=200)] = "",
        next: Annotated[str, Form()] = "",  # noqa: A002
    ) -> Response:
        moved = Moved(event, user.login, note, crew.strip() or None, cause.strip() or None)

        def save(connection: Connection, now: datetime) -> None:
            parts.orders.move(connection, number, moved, now)

        return _changed(parts, number, next, "moved", save)

    @routes.post("/work-orders/{number}/estimate")
    def set_estimate(
        user: Operator,
        number: str,
        earliest: Annotated[str, Form(max_length=32)],
        latest: Annotated[str, Form(max_length=32)],
        origin: Annotated[Origin, Form()] = Origin.OPERATOR,
    ) -> Response:
        def save(connection: Connection, now: datetime) -> None:
            start, end = _instant(parts, earliest), _instant(parts, latest)
            parts.orders.set_estimate(connection, number, start, end, origin, user.login, now)

        return _changed(parts, number, "", "estimated", save)

    return routes


def _changed(parts: Parts, number: str, after: str, said: str, save: Change) -> Response:
    """Save it and go back; what no longer fits is said on the page, not thrown at the operator."""
    try:
        with parts.database.write() as connection:
            save(connection, parts.clock.now())
    except Conflict:
        said = "refused"
    except Invalid:
        said = "unfit"
    parts.live.changed()
    return back(after or f"/console/work-orders/{number}", said)


def _instant(parts: Parts, text: str) -> datetime:
    """A wall-clock time of the station, as a browser's datetime field writes it."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=parts.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{text!r} is no time: write it like 2026-11-23T18:30") from None
