"""Advice over HTTP: a customer's own with both bills, what they decide, and what another plan would cost.

Operators see everybody's, what was refused, and the sums by kind.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from cloud.customers import store as customers
from cloud.kit.auth import User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.paging import RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from cloud.tariffs.bill import as_json
from cloud.tiers.advice import lifecycle, store
from cloud.tiers.advice.actions import Advising
from cloud.tiers.advice.store import AdviceRow, State
from cloud.tiers.advice.whatif import Compared

Identity = Annotated[str, Query(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]


class AdviceOut(BaseModel):
    """`saving`: CNY of the months priced, the difference of the totals of `now` and `then`; never scaled.

    `partial`: "basic" where only the basic charge could be priced. `measured`: what came of it when taken.
    """

    id: int
    account: str
    kind: str
    state: State
    made_at: datetime
    valid_until: date
    saving: Decimal | None
    formula: str
    confidence: str
    needs: Sequence[str]
    evidence: Mapping[str, Any]
    first: date | None
    last: date | None
    partial: str | None
    now: Mapping[str, Any] | None
    then: Mapping[str, Any] | None
    why: str | None
    measured: Mapping[str, Any] | None


class RefusalOut(BaseModel):
    """Why a rule that would have spoken does not: `reason` with what its words need."""

    kind: str
    reason: str
    params: Mapping[str, Any]
    at: datetime


class AccountAdvice(BaseModel):
    account: str
    advice: list[AdviceOut]
    refused: list[RefusalOut]


class KindOut(BaseModel):
    kind: str
    state: State
    number: int
    saving: Decimal


class ReasonOut(BaseModel):
    kind: str
    reason: str
    accounts: int


class SummaryOut(BaseModel):
    """Sums by kind and state; savings of different kinds of one account do not always add up."""

    kinds: list[KindOut]
    refused: list[ReasonOut]


class DeclineIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: Annotated[str, Field(max_length=lifecycle.WHY_MAX)] = ""


class WhatIfOut(BaseModel):
    """Both bills of the same months; `now` null where the contract's own cannot be priced, and `why`."""

    account: str
    tariff: str
    plan: str
    first: date
    last: date
    months: int
    coverage: float
    estimated: float
    saving: Decimal | None
    now: Mapping[str, Any] | None
    why: str | None
    then: Mapping[str, Any]
    remarks: Sequence[str]


def router(database: Database, guard: Guard, advising: Advising, clock: Clock) -> Routes:
    routes = Routes(tags=["advice"], responses=RESPONSES)
    _reading(routes, database, guard, advising)
    _deciding(routes, database, guard, clock)
    return routes


def _reading(routes: Routes, database: Database, guard: Guard, advising: Advising) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/accounts/{no}/advice")
    def advice(user: Reader, no: str) -> AccountAdvice:
        """What stands for an account, the dearest first, and what was refused; a customer's own only."""
        with database.read() as connection:
            customers.account(connection, no, user.customer)
            found = store.of_account(connection, no)
            refused = store.refusals(connection, no)
        return AccountAdvice(
            account=no,
            advice=[advice_out(each) for each in found],
            refused=[RefusalOut(kind=r.kind, reason=r.reason, params=r.params, at=r.at) for r in refused],
        )

    @routes.get("/accounts/{no}/what-if", responses=explained(422))
    def what_if(user: Reader, no: str, tariff: Identity, plan: Identity) -> WhatIfOut:
        """The last whole months, at most 12, under another tariff or plan; a customer's own only."""
        with database.read() as connection:
            customers.account(connection, no, user.customer)
        return what_if_out(advising.what_if(no, tariff, plan))

    @routes.get("/advice/summary")
    def summary(_: Operator) -> SummaryOut:
        """By kind: how many, what they would save, and what was refused why."""
        with database.read() as connection:
            kinds, reasons = store.sums(connection), store.reasons(connection)
        return SummaryOut(
            kinds=[KindOut(kind=k.kind, state=k.state, number=k.number, saving=k.saving) for k in kinds],
            refused=[ReasonOut(kind=kind, reason=why, accounts=n) for kind, why, n in reasons],
        )


def _deciding(routes: Routes, database: Database, guard: Guard, clock: Clock) -> None:
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/advice/{id}")
    def one(user: Reader, id: RowId) -> AdviceOut:  # noqa: A002
        """One with both bills; a customer's own only."""
        with database.read() as connection:
            return advice_out(store.one(connection, id, user.customer))

    @routes.post("/advice/{id}/take", responses=explained(409))
    def take(user: Reader, id: RowId) -> AdviceOut:  # noqa: A002
        """The customer means to do it; it changes nothing by itself, and is measured afterwards."""
        with database.write() as connection:
            found = store.one(connection, id, user.customer)
            return advice_out(lifecycle.take(connection, found, user.login, clock.now()))

    @routes.post("/advice/{id}/decline", responses=explained(409))
    def decline(user: Reader, id: RowId, body: DeclineIn) -> AdviceOut:  # noqa: A002
        """Not wanted; it is not said again for a while."""
        with database.write() as connection:
            found = store.one(connection, id, user.customer)
            return advice_out(lifecycle.decline(connection, found, body.why, user.login, clock.now()))


def advice_out(row: AdviceRow) -> AdviceOut:
    bills = row.bills or {}
    return AdviceOut(
        id=row.id,
        account=row.account,
        kind=row.kind,
        state=row.state,
        made_at=row.made_at,
        valid_until=row.valid_until,
        saving=row.saving,
        formula=row.formula,
        confidence=row.confidence,
        needs=row.needs,
        evidence=row.evidence,
        first=bills.get("first"),
        last=bills.get("last"),
        partial=bills.get("partial"),
        now=bills.get("now"),
        then=bills.get("then"),
        why=row.why,
        measured=row.measured,
    )


def what_if_out(found: Compared) -> WhatIfOut:
    return WhatIfOut(
        account=found.account,
        tariff=found.tariff,
        plan=found.plan,
        first=found.first,
        last=found.last,
        months=found.months,
        coverage=found.coverage,
        estimated=found.estimated,
        saving=found.saving,
        now=None if found.now is None else as_json(found.now),
        why=found.why,
        then=as_json(found.then),
        remarks=found.remarks,
    )
