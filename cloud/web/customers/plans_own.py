"""A customer's own payment plans: what was offered, a yes or a no to it, and which part is due when."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.customers import store as customers
from cloud.kit.auth import User
from cloud.kit.errors import CloudError, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.entitlements import plans
from cloud.tiers.entitlements.instalments import Instalment, PlanState
from cloud.tiers.entitlements.plans import Plan
from cloud.web.customers.promise_words import PLANS
from cloud.web.language import Words
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.web.portal_reader import customer_of

SHOWN = (PlanState.OFFERED, PlanState.AGREED, PlanState.RUNNING, PlanState.BROKEN)
"""Others are over: nothing is to be done about them."""


@dataclass(frozen=True, slots=True)
class PartView:
    due: str
    amount: str
    paid: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """`said` what it is about, in a sentence; `open` while it waits for a yes or a no."""

    id: int
    said: str
    state: tuple[str, str]
    parts: tuple[PartView, ...]
    open: bool


def own(connection: Connection, account: str, words: Words) -> list[PlanView]:
    """Of one account, which must be the reader's own; what waits for an answer comes first."""
    found = [each for each in plans.plans_of(connection, account) if each.state in SHOWN]
    return [_view(each, words) for each in sorted(found, key=lambda each: each.state != PlanState.OFFERED)]


def router(parts: Parts, _: Pages) -> Routes:
    routes = Routes(prefix="/service/plans")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    keeping = parts.tiers.entitling.plans

    @routes.post("/{id}")
    def answer(
        user: Customer,
        id: RowId,  # noqa: A002
        account: Annotated[str, Form(max_length=32)],
        answer: Annotated[str, Form(max_length=8)],
    ) -> Response:
        address = f"/portal/service?{urlencode({'account': account})}#plans"
        try:
            with parts.database.write() as connection:
                customers.account(connection, account, user.customer)
                if plans.plan(connection, id).row.account != account:
                    raise Invalid("the plan is of another account")
                if answer == "yes":
                    keeping.agree(connection, id, user.login)
                else:
                    keeping.withdraw(connection, id, user.login, "")
        except CloudError:
            return back(address, "plan_refused")
        return back(address, "plan_agreed" if answer == "yes" else "plan_declined")

    return routes


def _view(found: Plan, words: Words) -> PlanView:
    kind, word = PLANS[found.state]
    said = words.text(
        "The bill of %(months)s, %(amount)s CNY, in %(number)s parts.",
        months=words.listed([words.month(each) for each in found.months]),
        amount=_money(found.row.amount, words),
        number=words.number(len(found.instalments)),
    )
    return PlanView(
        found.row.id,
        said,
        (kind, words.text(word)),
        tuple(_part(each, words) for each in found.instalments),
        found.state is PlanState.OFFERED,
    )


def _part(part: Instalment, words: Words) -> PartView:
    paid = "" if part.paid_on is None else words.dated(part.paid_on)
    return PartView(words.dated(part.due_on), _money(part.amount, words), paid)


def _money(amount: Decimal, words: Words) -> str:
    return words.number(float(amount), 2)
