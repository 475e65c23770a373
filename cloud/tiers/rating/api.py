"""Where accounts stand over HTTP: a customer sees and contests their own; operators list, lock and answer.

Nothing here is of another customer: percentiles are among ten or more, and no value of anybody is told.
"""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from cloud.customers import store as customers
from cloud.kit.auth import Role, User
from cloud.kit.db import Database
from cloud.kit.errors import Forbidden
from cloud.kit.guard import Guard
from cloud.kit.paging import After, AfterId, Limit, Page, RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from cloud.tiers.axes import Axis
from cloud.tiers.rating import contests, listing, locks, runs, store
from cloud.tiers.rating.actions import Ratings
from cloud.tiers.rating.contests import Event, State
from cloud.tiers.rating.policy import Rule
from cloud.tiers.rating.store import Standing

Text = Annotated[str, Field(min_length=1, max_length=contests.MOST_TEXT, pattern=r"^[^\x00]*$")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Word = Annotated[str, Field(min_length=1, max_length=96, pattern=r"^[^\x00-\x1f]*$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StandingOut(BaseModel):
    """On one axis. `reasons` and `change` (the nearest that would move it) are codes and numbers."""

    account: str
    axis: Axis
    value: str
    sub: str | None
    since: date | None
    provisional: bool
    locked_until: date | None
    rule: str
    month: date | None
    reasons: list[dict[str, Any]]
    change: dict[str, Any] | None


class ContestOut(BaseModel):
    """`value` is what was contested, `became` what it is after the answer; an answer is due on `due_on`."""

    id: int
    account: str
    axis: Axis
    value: str
    text: str
    at: datetime
    due_on: date
    state: State
    answer: str | None
    became: str | None
    decided_at: datetime | None
    seen_at: datetime | None


class LockOut(BaseModel):
    id: int
    account: str
    axis: Axis
    value: str
    since: date
    until: date
    why: str
    by: str
    ended_on: date | None
    ended_by: str | None


class DecisionOut(BaseModel):
    """What the rule said of a month, with all that was judged."""

    month: date
    at: datetime
    rule: str
    inputs_hash: str
    provisional: bool
    score: float | None
    sub: str | None
    value: str
    credit: str
    shape: str | None
    inputs: dict[str, float | str | bool | None]
    coverage: float
    compared: int


class TiersOut(BaseModel):
    """An account on every axis on which it stands, its contests, and its last two years."""

    account: str
    standings: list[StandingOut]
    contests: list[ContestOut]
    history: list[DecisionOut]


class ContestIn(_In):
    axis: Axis
    text: Text


class DecideIn(_In):
    """`change` judges the account anew, or tells that another value was locked before."""

    event: Annotated[Event, Field(description="uphold, change or reject")]
    answer: Text


class LockIn(_In):
    axis: Axis
    value: Word
    until: date
    why: Why


class RunOut(BaseModel):
    month: date
    rule: str
    accounts: int
    started_at: datetime
    finished_at: datetime | None
    report: dict[str, Any]


def router(database: Database, guard: Guard, ratings: Ratings) -> Routes:
    routes = Routes(tags=["tiers"], responses=RESPONSES)
    _customers(routes, database, guard, ratings)
    _operators(routes, database, guard, ratings)
    _holding(routes, database, guard, ratings)
    return routes


def _customers(routes: Routes, database: Database, guard: Guard, ratings: Ratings) -> None:
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/accounts/{no}/tiers")
    def tiers(user: Reader, no: str) -> TiersOut:
        """How an account stands on every axis, why, what would change it; a customer's own only."""
        with database.read() as connection:
            customers.account(connection, no, user.customer)
            found = store.standing(connection, ratings.today(), no)
            asked = contests.of_account(connection, no)
            past = store.history(connection, no)[:24]
        return TiersOut(
            account=no,
            standings=[standing_out(each, inside=user.customer is None) for each in found.values()],
            contests=[contest_out(row) for row in asked],
            history=[_decision_out(each) for each in past],
        )

    @routes.post("/accounts/{no}/tiers/contests", status_code=201, responses=explained(409))
    def contest(user: Reader, no: str, body: ContestIn) -> ContestOut:
        """Contest how your account stands on an axis: somebody answers, by a day."""
        return contest_out(ratings.contest(no, body.axis, body.text, by=user.login, customer=_customer(user)))

    @routes.post("/tier-contests/{id}/withdraw", responses=explained(409))
    def withdraw(user: Reader, id: RowId) -> ContestOut:  # noqa: A002
        """Take back a contest of your own that is open."""
        return contest_out(ratings.withdraw(id, by=user.login, customer=_customer(user)))

    @routes.post("/tier-contests/{id}/seen", status_code=204, responses=explained(409))
    def seen(user: Reader, id: RowId) -> None:  # noqa: A002
        """Say that you have read the answer."""
        ratings.seen(id, _customer(user))


def _operators(routes: Routes, database: Database, guard: Guard, ratings: Ratings) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/tiers")
    def by_axis(
        _: Operator, axis: Axis, value: Word | None = None, after: After = "", limit: Limit = 100
    ) -> Page[StandingOut]:
        """Accounts by how they stand on an axis, at one value (of a class also "household.empty") or any."""
        with database.read() as connection:
            found, following = listing.listed(
                connection, ratings.today(), axis, value, after=after, limit=limit
            )
        return Page(items=[standing_out(each) for each in found], next=following)

    @routes.get("/tiers/policy")
    def policy(_: Operator) -> Rule:
        """The rule in force today."""
        return ratings.policy.on(ratings.today())

    @routes.get("/tiers/runs")
    def list_runs(_: Operator) -> list[RunOut]:
        """The monthly runs, newest first: how many moved, how many came back."""
        with database.read() as connection:
            return [RunOut(**row._mapping) for row in runs.listed(connection)]

    @routes.post("/tiers/run", responses=explained(409))
    async def run(_: Operator, month: date | None = None) -> dict[str, Any]:
        """Judge a month that is over now, the last one when none is named."""
        report = await run_in_threadpool(ratings.run, month)
        return report.plain()

    @routes.get("/tier-contests")
    def list_contests(
        _: Operator, state: State | None = State.OPEN, after: AfterId = None, limit: Limit = 100
    ) -> list[ContestOut]:
        """Contests in order of number."""
        with database.read() as connection:
            rows = contests.listed(connection, state, after=after or 0, limit=limit)
        return [contest_out(row) for row in rows]


def _holding(routes: Routes, database: Database, guard: Guard, ratings: Ratings) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.post("/tier-contests/{id}/decide", responses=explained(409))
    def decide(user: Operator, id: RowId, body: DecideIn) -> ContestOut:  # noqa: A002
        """Answer a contest: uphold the standing, change it, or reject."""
        if body.event is Event.WITHDRAW:
            raise Forbidden("only who wrote a contest takes it back")
        return contest_out(ratings.decide(id, body.event, body.answer, user.login))

    @routes.get("/accounts/{no}/tiers/locks")
    def list_locks(_: Operator, no: str) -> list[LockOut]:
        """The locks of an account, newest first."""
        with database.read() as connection:
            customers.account(connection, no)
            return [LockOut(**_plain(row, LockOut)) for row in locks.of_account(connection, no)]

    @routes.post("/accounts/{no}/tiers/locks", status_code=201)
    def lock(user: Operator, no: str, body: LockIn) -> LockOut:
        """Hold a value or a credit by hand until a day, with the reason."""
        row = ratings.lock(no, body.axis, body.value, body.until, body.why, user.login)
        return LockOut(**_plain(row, LockOut))

    @routes.post("/tier-locks/{id}/end", responses=explained(409))
    def unlock(user: Operator, id: RowId) -> LockOut:  # noqa: A002
        """End a lock before its day."""
        return LockOut(**_plain(ratings.unlock(id, user.login), LockOut))


def standing_out(each: Standing, *, inside: bool = True) -> StandingOut:
    """Not `inside`: to the customer, without what the staff remarked of a lock."""
    told = {name: getattr(each, name) for name in StandingOut.model_fields}
    return StandingOut(**told | ({} if inside else {"reasons": store.unremarked(each.reasons)}))


def contest_out(row: Row[Any]) -> ContestOut:
    return ContestOut(**_plain(row, ContestOut))


def _decision_out(each: store.Decision) -> DecisionOut:
    return DecisionOut(
        month=each.month,
        at=each.at,
        rule=each.rule,
        inputs_hash=each.inputs,
        provisional=each.provisional,
        score=each.score,
        sub=each.sub,
        value=each.value,
        credit=each.credit,
        shape=each.shape,
        inputs=each.detail.inputs,
        coverage=each.detail.coverage,
        compared=each.detail.compared,
    )


def _plain(row: Row[Any], of: type[BaseModel]) -> dict[str, Any]:
    return {name: row._mapping[name] for name in of.model_fields}


def _customer(user: User) -> str:
    if user.role != Role.CUSTOMER or user.customer is None:
        raise Forbidden("a customer contests how their own account stands")
    return user.customer
