"""Load response on the console: outlook, who can shift, an event and its effect; curtailment lists."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.fleet import registry
from cloud.insight.forecast.store import Kind
from cloud.kit.auth import User
from cloud.kit.days import DAY
from cloud.kit.errors import CloudError
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.response import curtailment, planning, store
from cloud.tiers.response.planning import Where
from cloud.tiers.response.rules import EVENT, Step
from cloud.web.customers import response_views as views
from cloud.web.load import places
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

HERE = "/console/customers/response"
NEWEST = 30


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/customers/response")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type
    responses = parts.tiers.responses

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "customers", "customer_tab": "response"}
        return pages.page(request, f"console/customers/{template}", user=user, **values)

    @routes.get("")
    def outlook(request: Request, user: Operator, day: str = "") -> Response:
        words, today = pages.words(request), places.today(pages.now(), parts.zone)
        chosen = places.day_asked(day, today, today + 7 * DAY)
        with parts.database.read() as connection:
            found = planning.overloads(connection, chosen, responses.policy.value)
            unknown = planning.unknown(connection, chosen)
            names = registry.area_names(connection)
            events = [
                views.event_row(
                    each, store.asked(connection, each.id), names.get(each.subject, each.subject), words
                )
                for each in store.events(connection, limit=NEWEST)
            ]
            listings = [
                (each, curtailment.contradictions(connection, each))
                for each in curtailment.listings(connection)
            ]
        return show(
            request,
            user,
            "response.html",
            day=chosen,
            days=[today, today + DAY, today + 2 * DAY],
            lead=views.lead(found, unknown, len(names), words),
            rows=views.overload_rows(found, names, words),
            events=events,
            listings=listings,
            today=today,
        )

    @routes.get("/plan")
    def plan(request: Request, user: Operator, subject: str, day: str, first: int, last: int) -> Response:
        words, today = pages.words(request), places.today(pages.now(), parts.zone)
        chosen = places.day_asked(day, today, today + 7 * DAY)
        start, end = planning.instants(chosen, (max(0, min(first, 95)), max(1, min(last, 96))), parts.zone)
        with parts.database.read() as connection:
            area = registry.area(connection, subject)
            found = responses.plan(connection, Where(Kind.TRANSFORMER, subject, start, end))
        return show(
            request,
            user,
            "response_plan.html",
            area=area,
            plan=found,
            when=views.when(start, end, words),
            verdict=views.verdict(found, words),
            left=views.left_out(found.gathered.left, words),
            asked={each.account for each in found.asked},
            origins=views.ORIGINS,
            terms=responses.policy.value.terms_on(chosen),
            limits=responses.policy.value.limits,
            span=(chosen.isoformat(), first, last),
            late=responses.too_late(start),
        )

    @routes.post("/events")
    def propose(
        user: Operator,
        subject: Annotated[str, Form(max_length=64)],
        day: Annotated[str, Form(max_length=10)],
        first: Annotated[int, Form(ge=0, le=95)],
        last: Annotated[int, Form(ge=1, le=96)],
        account: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        today = places.today(pages.now(), parts.zone)
        chosen = places.day_asked(day, today, today + 7 * DAY)
        where = Where(Kind.TRANSFORMER, subject, *planning.instants(chosen, (first, last), parts.zone))
        made: list[int] = []

        def save(connection: Connection) -> None:
            made.append(responses.propose(connection, where, user.login, account or []))

        said = _saved(parts, save)
        return back(f"{HERE}/events/{made[0]}" if made else HERE, said)

    @routes.get("/events/{id}")
    def event(request: Request, user: Operator, id: RowId) -> Response:  # noqa: A002
        words = pages.words(request)
        with parts.database.read() as connection:
            found = store.event(connection, id)
            names = registry.area_names(connection)
            invited = store.invitations(connection, event=id)
            lines = store.payments(connection, [each.id for each in invited]) if invited else {}
            taken = store.steps(connection, id)
        result = found.result or {}
        return show(
            request,
            user,
            "response_event.html",
            event=found,
            name=names.get(found.subject, found.subject),
            when=views.when(found.times.start, found.times.end, words),
            state=(views.STATES[found.state][0], words.text(views.STATES[found.state][1])),
            need=views.between(found.need_p50_kw or 0.0, found.need_p90_kw or 0.0, words),
            result=result,
            kwh=views.kwh,
            span=views.span,
            effect=views.effect_said(found, words) if found.result else "",
            error=views.error_said(result, words),
            chart=views.chart(result, words) if found.result else None,
            rows=[views.invitation_row(each, lines.get(each.id, []), words) for each in invited],
            taken=[(each, words.text(views.TAKEN[each.step])) for each in taken],
            next=[
                (each.value, words.text(views.STEPS[each]))
                for each in EVENT.events(found.state)
                if each in views.STEPS
            ],
            own=found.proposed_by == user.login,
        )

    @routes.post("/events/{id}/step")
    def step(
        user: Operator,
        id: RowId,  # noqa: A002
        step: Annotated[Step, Form()],
        note: Annotated[str, Form(max_length=500)] = "",
    ) -> Response:
        said = "response_moved"
        try:
            responses.step(id, step, user.login, note)
        except CloudError:
            said = "response_refused"
        return back(f"{HERE}/events/{id}", said)

    return routes


def _saved(parts: Parts, save: Callable[[Connection], None]) -> str:
    try:
        with parts.database.write() as connection:
            save(connection)
    except CloudError:
        return "response_refused"
    return "response_moved"
