"""Advice on the portal, each with its money and both bills; on the console by kind, with what was refused."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Form, Query, Request
from starlette.responses import Response

from cloud.kit.auth import User
from cloud.kit.errors import CloudError
from cloud.kit.routes import Routes
from cloud.tiers.advice import lifecycle, registry, store
from cloud.tiers.advice.store import State
from cloud.web.customers import advice_views as views
from cloud.web.customers import advice_words as say
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.web.portal_reader import Frame, customer_of, reader_of

OWN = "/portal/advice"
SHOWN = 100
"""So many of the dearest are listed on the console."""
Number = Annotated[str, Form(max_length=32)]
Why = Annotated[str, Form(max_length=lifecycle.WHY_MAX, pattern=r"^[^\x00]*$")]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/customers/advice")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "customers", "customer_tab": "advice"}
        return pages.page(request, f"console/customers/{template}", user=user, **values)

    @routes.get("")
    def by_kind(
        request: Request, user: Operator, kind: Annotated[str, Query(max_length=32)] = ""
    ) -> Response:
        words, now = pages.words(request), pages.now()
        with parts.database.read() as connection:
            sums, reasons = store.sums(connection), store.reasons(connection)
            dearest = store.dearest(connection, kind or None, SHOWN)
            apart = registry.apart(store.savings(connection))
            measured = store.measured(connection)
        kinds = views.kinds(sums, reasons, words)
        return show(
            request,
            user,
            "advice.html",
            kinds=kinds,
            standing=sum(each.standing for each in kinds),
            taken=sum(each.taken for each in kinds),
            refused=sum(each.refused for each in kinds),
            saving=views.money(apart, words),
            measured=views.money(measured, words),
            reasons=[(say.title(k, words), say.reason(why, words), n) for k, why, n in reasons[:20]],
            items=[views.view(each, words, now) for each in dearest],
            kind=kind,
            title=say.title(kind, words) if kind else "",
            most=SHOWN,
        )

    @routes.get("/{id:int}")
    def one(request: Request, user: Operator, id: int) -> Response:  # noqa: A002
        words = pages.words(request)
        with parts.database.read() as connection:
            row = store.one(connection, id)
        return show(request, user, "advice_one.html", each=views.view(row, words, pages.now()))

    return routes


def portal(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/advice")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    show = Frame(parts, pages).show

    @routes.get("")
    def own(request: Request, user: Customer, account: Annotated[str, Query(max_length=32)] = "") -> Response:
        words, now = pages.words(request), pages.now()
        values: dict[str, Any] = {"items": [], "past": [], "refused": [], "lacking": ""}
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            if reader.account is not None:
                found = store.of_account(connection, reader.account.no)
                past = store.of_account(connection, reader.account.no, (State.TAKEN, State.DECLINED))
                refused = store.refusals(connection, reader.account.no)
                values = {
                    "items": views.own(found, words, now),
                    "past": [views.view(each, words, now) for each in past],
                    "refused": views.refused(refused, words),
                    "lacking": views.lacking(refused, words, now.astimezone(parts.zone).date()),
                }
        if reader.account is not None and any(each.state is State.OPEN for each in found):
            with parts.database.write() as connection:
                lifecycle.show(connection, found, now)
        return show(request, "portal/advice.html", "service", reader, service_tab="advice", **values)

    @routes.post("/{id:int}/take")
    def take(user: Customer, id: int, account: Number = "") -> Response:  # noqa: A002
        try:
            with parts.database.write() as connection:
                found = store.one(connection, id, str(user.customer))
                lifecycle.take(connection, found, user.login, parts.clock.now())
        except CloudError:
            return back(f"{OWN}?account={quote(account)}", "advice_refused")
        return back(f"{OWN}?account={quote(found.account)}", "advice_taken")

    @routes.post("/{id:int}/decline")
    def decline(user: Customer, id: int, why: Why = "", account: Number = "") -> Response:  # noqa: A002
        try:
            with parts.database.write() as connection:
                found = store.one(connection, id, str(user.customer))
                lifecycle.decline(connection, found, why, user.login, parts.clock.now())
        except CloudError:
            return back(f"{OWN}?account={quote(account)}", "advice_refused")
        return back(f"{OWN}?account={quote(found.account)}", "advice_declined")

    return routes
