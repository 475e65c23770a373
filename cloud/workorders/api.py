"""Work orders over HTTP: operators move them; a customer reports a fault and follows their own orders."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from cloud.kit.auth import Role, User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Forbidden
from cloud.kit.guard import Guard
from cloud.kit.paging import After, AfterId, Limit, Page
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from cloud.workorders import progress, store
from cloud.workorders.actions import Moved, Orders
from cloud.workorders.rules import OrderEvent, OrderState, Origin, events

Word = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f]*$")]
Note = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


class OrderProgress(BaseModel):
    """An order as its customer sees it; `stage` is a state or `still_dark`: theirs is not back yet."""

    number: str
    kind: str
    stage: str
    area: str | None
    customers: int
    cause: str | None
    crew_sent: bool
    opened_at: datetime
    changed_at: datetime
    on_site_by: datetime
    earliest: datetime | None
    latest: datetime | None
    estimate_origin: Origin | None
    supply_back_at: datetime | None


class Owed(BaseModel):
    """To whom the priority and the times are owed, by which rule; minutes from opening and from arrival."""

    account: str
    rule: str
    when: dict[str, str]
    grade: str | None
    on_site_min: int
    on_site_rule: str
    on_site_account: str
    restore_min: int
    restore_rule: str
    restore_account: str


class Order(BaseModel):
    """`backfeed_risk` yes, unknown: assume back-feed (反送电). No order says that a line is dead or safe.

    `priority`: 1 is mended first; null of orders from before there were any.
    """

    number: str
    kind: str
    state: OrderState
    area: str | None
    alert: int | None
    account: str | None
    customers: int
    backfeed_risk: str
    cause: str | None
    crew: str | None
    opened_at: datetime
    changed_at: datetime
    on_site_by: datetime
    restore_by: datetime
    arrived_at: datetime | None
    restored_at: datetime | None
    ended_at: datetime | None
    earliest: datetime | None
    latest: datetime | None
    estimate_origin: Origin | None
    priority: int | None
    promised: Owed | None


class OrderStep(BaseModel):
    at: datetime
    who: str
    event: str
    state: OrderState
    note: str


class Report(BaseModel):
    customer: str
    account: str
    text: str
    phone_ok: bool
    at: datetime


class OrderDetail(Order):
    """`possible` are the events that fit now."""

    possible: list[OrderEvent]
    history: list[OrderStep]
    reports: list[Report]


class MoveIn(BaseModel):
    """What was done; `crew` and `cause` are kept when they are given."""

    model_config = ConfigDict(extra="forbid")

    event: OrderEvent
    note: Note = ""
    crew: Word | None = None
    cause: Word | None = None


class EstimateIn(BaseModel):
    """When supply is expected; `origin` is who says so: crew or operator."""

    model_config = ConfigDict(extra="forbid")

    earliest: AwareDatetime
    latest: AwareDatetime
    origin: Literal[Origin.CREW, Origin.OPERATOR] = Origin.OPERATOR


class ReportIn(BaseModel):
    """`phone_ok`: may we call you about it."""

    model_config = ConfigDict(extra="forbid")

    account: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\x00-\x1f]*$")]
    text: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
    phone_ok: bool = False


class ReportTaken(BaseModel):
    number: str


def router(database: Database, guard: Guard, orders: Orders, clock: Clock) -> Routes:
    routes = Routes(tags=["work orders"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/work-orders")
    def list_orders(
        user: Reader,
        state: Annotated[list[OrderState] | None, Query()] = None,
        area: After = "",
        after: AfterId = None,
        limit: Limit = 100,
    ) -> Page[Order | OrderProgress]:
        """Orders, newest first; a customer sees those they reported to or were told of, unfiltered."""
        with database.read() as connection:
            if user.role == Role.OPERATOR:
                rows = store.orders(
                    connection, states=state, area=area or None, before=after, limit=limit + 1
                )
            else:
                rows = progress.orders_of(connection, own(user), before=after, limit=limit + 1)
            items = [_seen(connection, row, user) for row in rows[:limit]]
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=items, next=more)

    @routes.get("/work-orders/{number}")
    def one_order(user: Reader, number: str) -> OrderDetail | OrderProgress:
        """One order, for an operator with its history and reports."""
        with database.read() as connection:
            if user.role == Role.OPERATOR:
                return _detail(connection, store.order(connection, number))
            return _progress(connection, progress.order_of(connection, own(user), number), user)

    @routes.post("/work-orders/{number}/events", responses=explained(409))
    def move(user: Operator, number: str, body: MoveIn) -> OrderDetail:
        """Say what was done. An outage's order is restored by the meters' own voltage, not by hand."""
        moved = Moved(body.event, user.login, body.note, body.crew, body.cause)
        with database.write() as connection:
            return _detail(connection, orders.move(connection, number, moved, clock.now()))

    @routes.put("/work-orders/{number}/estimate", responses=explained(409))
    def estimate(user: Operator, number: str, body: EstimateIn) -> OrderDetail:
        """Say when supply is expected, as a range."""
        with database.write() as connection:
            order = orders.set_estimate(
                connection, number, body.earliest, body.latest, body.origin, user.login, clock.now()
            )
            return _detail(connection, order)

    @routes.post("/reports", status_code=201, responses=explained(429))
    def report(user: Reader, body: ReportIn) -> ReportTaken:
        """Report a fault at one of your accounts; the number of the order that answers it comes back."""
        if user.role == Role.OPERATOR:
            raise Forbidden("this is for customers")
        with database.write() as connection:
            number = orders.create_report(
                connection, own(user), body.account, body.text, body.phone_ok, clock.now()
            )
        return ReportTaken(number=number)

    return routes


def own(user: User) -> str:
    """The customer a login speaks for."""
    assert user.customer is not None, "a customer's login names its customer"
    return user.customer


def _seen(connection: Connection, row: Row[Any], user: User) -> Order | OrderProgress:
    if user.role == Role.OPERATOR:
        return Order(**row._mapping)
    return _progress(connection, row, user)


def _progress(connection: Connection, row: Row[Any], user: User) -> OrderProgress:
    return OrderProgress(**asdict(progress.progress(connection, row, own(user))))


def _detail(connection: Connection, row: Row[Any]) -> OrderDetail:
    return OrderDetail(
        **row._mapping,
        possible=list(events(OrderState(row.state), by_meters=row.alert is not None)),
        history=[OrderStep(**step._mapping) for step in store.ORDERS.events(connection, row.id)],
        reports=[Report(**each._mapping) for each in store.reports(connection, row.id)],
    )
