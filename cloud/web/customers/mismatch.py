"""Behaviour that contradicts the contract's class, on the console: a ranked list, one case with charts."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from cloud.customers.file import contracts
from cloud.customers.store import account_table, service_table
from cloud.insight.profile import store as profiles
from cloud.kit.auth import User
from cloud.kit.days import local_day
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.mismatch import store
from cloud.tiers.mismatch.rules import Event
from cloud.tiers.mismatch.store import Case
from cloud.web.customers import mismatch_views as views
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

SHOWN = 200
HOME = "/console/customers/mismatch"
Text = Annotated[str, Form(max_length=500)]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/customers/mismatch")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "customers", "customer_tab": "mismatch"}
        return pages.page(request, f"console/customers/{template}", user=user, **values)

    @routes.get("")
    def list_page(request: Request, user: Operator, ended: bool = False) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            found = store.cases(connection, waiting=not ended, limit=SHOWN)
            model, worth = store.newest_model(connection), store.worth(connection)
        return show(
            request,
            user,
            "mismatch.html",
            items=[views.item(each, words) for each in found],
            ended=ended,
            worth=views.worth(worth, words),
            model=views.model(model, words),
            most=SHOWN,
        )

    @routes.get("/{id}")
    def one(request: Request, user: Operator, id: RowId) -> Response:  # noqa: A002
        words = pages.words(request)
        with parts.database.read() as connection:
            case = store.case(connection, id)
            customer = connection.scalar(
                select(account_table.c.customer).where(account_table.c.no == case.account)
            )
            points = _points(connection, case)
            typical = [found for point in points if (found := profiles.profile(connection, point))]
            groups = store.groups(connection)
            happened = store.CASES.events(connection, id)
            day = local_day(pages.now(), parts.zone)
            contract = contracts.contracts_on(connection, day, [case.account]).get(case.account)
        known, named = parts.tiers.rules.tariffs.value, ""
        if contract is not None:
            named = views.named_plan(known, contract.tariff, contract.plan, words)
        family = parts.tiers.rules.mismatch.value.limits.family(case.class_)
        return show(
            request,
            user,
            "mismatch_case.html",
            one=views.item(case, words),
            customer=customer,
            points=points,
            contract=contract,
            plan=named,
            charts=views.charts(case, family, typical, groups, words),
            features=views.features(case, words),
            checks=views.checks(case, words),
            priced=views.priced(case, known, words),
            events=views.events(happened, words),
            may=views.actions(case, words),
        )

    @routes.post("/{id}/events")
    def say(user: Operator, id: RowId, event: Annotated[Event, Form()], note: Text = "") -> Response:  # noqa: A002
        try:
            with parts.database.write() as connection:
                parts.tiers.mismatches.act(connection, id, event, user.login, note)
        except Conflict:
            return back(f"{HOME}/{id}", "objected")
        except Invalid:
            return back(f"{HOME}/{id}", "mismatch_lacking")
        return back(f"{HOME}/{id}", "mismatch_saved")

    return routes


def _points(connection: Connection, case: Case) -> Sequence[str]:
    """Where the account is served now, or was last."""
    table = service_table.c
    query = select(table.point).where(table.account == case.account)
    query = query.order_by(table.end.is_(None).desc(), table.end.desc(), table.point)
    return connection.scalars(query.limit(1)).all()
