"""Promises over HTTP: operators see the whole ledger and keep payment plans, a customer sees their own."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from cloud.customers import store as customers
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Invalid, NotFound
from cloud.kit.guard import Guard
from cloud.kit.paging import After, AskedDay, Limit, Page, RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from cloud.tiers.entitlements import book, plans, polling, records
from cloud.tiers.entitlements.actions import Entitling
from cloud.tiers.entitlements.instalments import PlanState
from cloud.tiers.entitlements.polling import Outcome
from cloud.tiers.entitlements.records import How
from cloud.tiers.entitlements.rules import Entitlements
from cloud.tiers.entitlements.store import of
from cloud.tiers.entitlements.terms import plain
from cloud.tiers.entitlements.verdicts import Part, State

Note = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]
Soon = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 1, 1))]


class Term(BaseModel):
    """`rule` gave it, because of `when`, both for operators; minutes, shares of the nominal voltage, yuan."""

    name: str
    value: Any
    rule: str | None
    when: Mapping[str, str]


class Promised(BaseModel):
    account: str
    day: date
    version: str
    terms: list[Term]
    instalments_allowed: int
    dunned: bool


class PromiseRow(BaseModel):
    """`sources` says of each figure where it comes from; `before`: what stood until late facts came."""

    account: str
    month: date
    part: Part
    state: State
    reason: str | None
    promised: dict[str, Any]
    figures: dict[str, Any]
    sources: dict[str, str]
    rule: str
    made_at: datetime
    closed_at: datetime | None
    reopened: int
    before: dict[str, Any] | None


class InstalmentOut(BaseModel):
    number: int
    due_on: date
    amount: Decimal
    paid_on: date | None


class PlanOut(BaseModel):
    id: int
    account: str
    state: PlanState
    amount: Decimal
    owed: Decimal
    months: list[date]
    rule: str
    offered_at: datetime
    instalments: list[InstalmentOut]


class GatewayPolling(BaseModel):
    """`detail`: why, or which lines have not the time; `version` of the settings that were written."""

    gateway: str
    state: Outcome
    detail: str
    version: int | None
    at: datetime


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecordIn(_In):
    """What a person did for the account: a visit, a call, a message, a report or a training."""

    how: How
    at: AwareDatetime
    note: Note = ""


class OfferIn(_In):
    """`months`: first days of the bills it covers."""

    months: Annotated[list[Soon], Field(min_length=1, max_length=36)]
    parts: Annotated[int, Field(ge=2, le=24)]
    first_due: Soon


class SaidIn(_In):
    note: Note = ""


class PaidIn(_In):
    number: Annotated[int, Field(ge=1, le=24)]
    paid_on: Soon


class Recorded(BaseModel):
    id: int


def router(database: Database, guard: Guard, entitling: Entitling, clock: Clock) -> Routes:
    routes = Routes(tags=["promises"], responses=RESPONSES)
    _ledger(routes, database, guard, entitling, clock)
    _plans(routes, database, guard, entitling)
    return routes


def _ledger(routes: Routes, database: Database, guard: Guard, entitling: Entitling, clock: Clock) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/accounts/{no}/entitlements")
    def entitlements(user: Reader, no: str) -> Promised:
        """What an account is promised now, to operators with the rule that gave it; a customer's own only."""
        with database.read() as connection:
            customers.account(connection, no, user.customer)
            found = of(connection, entitling.promises, no, clock.now())
        if found is None:
            raise NotFound(f"there is no account {no!r}")
        return _promised(found, inside=user.customer is None)

    @routes.get("/accounts/{no}/promises")
    def own_promises(user: Reader, no: str) -> list[PromiseRow]:
        """A year of what was promised, delivered and missed; a customer's own only."""
        with database.read() as connection:
            customers.account(connection, no, user.customer)
            return [_row(row) for row in book.rows_of(connection, no)]

    @routes.get("/promises")
    def promises(
        _: Operator,
        month: AskedDay = None,
        state: Annotated[list[State] | None, Query()] = None,
        part: Annotated[list[Part] | None, Query()] = None,
        account: After = "",
        after: After = "",
        limit: Limit = 100,
    ) -> Page[PromiseRow]:
        """The ledger of one month (a day in it; the newest if none), by account and part."""
        with database.read() as connection:
            chosen = month or next(iter(book.months(connection)), None)
            if chosen is None:
                return Page(items=[])
            rows = book.listed(
                connection,
                chosen.replace(day=1),
                states=state or (),
                parts=part or (),
                account=account,
                after=_behind(after),
                limit=limit + 1,
            )
        more = f"{rows[limit - 1].account} {rows[limit - 1].part}" if len(rows) > limit else None
        return Page(items=[_row(row) for row in rows[:limit]], next=more)

    @routes.post("/accounts/{no}/records", status_code=201)
    def record(user: Operator, no: str, body: RecordIn) -> Recorded:
        """Write down what a person did for the account."""
        with database.write() as connection:
            made = records.record(
                connection, no, body.how, at=body.at, note=body.note, by=user.login, now=clock.now()
            )
        return Recorded(id=made)

    @routes.get("/polling")
    def gateways(_: Operator) -> list[GatewayPolling]:
        """What became of promised intervals at each gateway."""
        with database.read() as connection:
            return [GatewayPolling(**row._mapping) for row in polling.states(connection)]


def _plans(routes: Routes, database: Database, guard: Guard, entitling: Entitling) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/accounts/{no}/payment-plans")
    def payment_plans(user: Reader, no: str) -> list[PlanOut]:
        """An account's payment plans, the newest first; a customer's own only."""
        with database.read() as connection:
            customers.account(connection, no, user.customer)
            return [_plan(each) for each in plans.plans_of(connection, no)]

    @routes.post("/accounts/{no}/payment-plans", status_code=201, responses=explained(409))
    def offer(user: Operator, no: str, body: OfferIn) -> PlanOut:
        """Offer to pay bills that are there in parts."""
        with database.write() as connection:
            customers.account(connection, no)
            found = entitling.plans.offer(connection, no, body.months, body.parts, body.first_due, user.login)
            return _plan(found)

    @routes.post("/payment-plans/{id}/agree", responses=explained(409))
    def agree(user: Reader, id: RowId, body: SaidIn) -> PlanOut:  # noqa: A002
        """Say yes to an offer: the customer themselves, or an operator who writes down that they did."""
        with database.write() as connection:
            _own(connection, user, id)
            return _plan(entitling.plans.agree(connection, id, user.login, body.note))

    @routes.post("/payment-plans/{id}/withdraw", responses=explained(409))
    def withdraw(user: Reader, id: RowId, body: SaidIn) -> PlanOut:  # noqa: A002
        """Decline an offer, or take it back before anything is paid."""
        with database.write() as connection:
            _own(connection, user, id)
            return _plan(entitling.plans.withdraw(connection, id, user.login, body.note))

    @routes.post("/payment-plans/{id}/payments", responses=explained(409))
    def pay(user: Operator, id: RowId, body: PaidIn) -> PlanOut:  # noqa: A002
        """Write down that a part was paid."""
        with database.write() as connection:
            return _plan(entitling.plans.pay(connection, id, body.number, body.paid_on, user.login))


def _own(connection: Connection, user: User, plan_id: int) -> None:
    found = plans.plan(connection, plan_id)
    if user.customer is not None:
        row = customers.account(connection, found.row.account)
        if row.customer != user.customer:
            raise NotFound(f"there is no payment plan {plan_id}")


def _behind(after: str) -> tuple[str, str] | None:
    if not after:
        return None
    account, _, part = after.partition(" ")
    if part not in set(Part):
        raise Invalid("after: give the `next` of the page before this one")
    return account, part


def _promised(found: Entitlements, *, inside: bool) -> Promised:
    return Promised(
        account=found.account,
        day=found.day,
        version=found.version,
        terms=[
            Term(
                name=name,
                value=plain(each.value),
                rule=each.rule if inside else None,
                when=each.when if inside else {},
            )
            for name, each in found.terms.items()
        ],
        instalments_allowed=found.instalments,
        dunned=found.dunned,
    )


def _row(row: Row[Any]) -> PromiseRow:
    return PromiseRow(**row._mapping)


def _plan(found: plans.Plan) -> PlanOut:
    row = found.row
    return PlanOut(
        id=row.id,
        account=row.account,
        state=found.state,
        amount=row.amount,
        owed=found.owed,
        months=list(found.months),
        rule=row.rule,
        offered_at=row.offered_at,
        instalments=[
            InstalmentOut(number=each.number, due_on=each.due_on, amount=each.amount, paid_on=each.paid_on)
            for each in found.instalments
        ],
    )
