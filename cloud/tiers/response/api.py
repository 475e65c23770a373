"""Load response over HTTP: operators plan, approve and settle; customers answer their own invitations.

A customer is told the kW and the money of their own invitations and nothing of anybody else's.
"""

from typing import Annotated

from fastapi import Depends, Path

from cloud.kit.auth import Role, User
from cloud.kit.clock import Clock
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.kit.errors import Forbidden
from cloud.kit.guard import Guard
from cloud.kit.paging import AskedDay, RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from cloud.tiers.response import curtailment, planning, store
from cloud.tiers.response.actions import Responses
from cloud.tiers.response.bodies import (
    EventOut,
    InvitationOut,
    ListingOut,
    OfferIn,
    OutlookOut,
    PlanIn,
    PlanOut,
    ProposeIn,
    ReplyIn,
    StepIn,
    event_out,
    invitations_out,
    listing_out,
    overload_out,
    plan_out,
)
from cloud.tiers.response.rules import Step

No = Annotated[str, Path(max_length=32, pattern=r"^[^\x00]*$")]


def router(database: Database, guard: Guard, responses: Responses, clock: Clock) -> Routes:
    routes = Routes(tags=["response"], responses=RESPONSES)
    _planning(routes, database, guard, responses, clock)
    _events(routes, database, guard, responses)
    _answers(routes, database, guard, responses)
    _curtailment(routes, database, guard)
    return routes


def _planning(routes: Routes, database: Database, guard: Guard, responses: Responses, clock: Clock) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/response/outlook")
    def outlook(_: Operator, day: AskedDay = None) -> OutlookOut:
        """Transformers that may be overloaded on a day, by their forecast; today where no day is named."""
        asked = day or local_day(clock.now(), responses.zone)
        with database.read() as connection:
            found = planning.overloads(connection, asked, responses.policy.value)
            unknown = planning.unknown(connection, asked)
        return OutlookOut(
            day=asked, items=[overload_out(each, responses.zone) for each in found], unknown=unknown
        )

    @routes.post("/response/plan")
    def plan(_: Operator, body: PlanIn) -> PlanOut:
        """Who could move how many kW out of these hours, and whether that is enough; nothing is kept."""
        with database.read() as connection:
            return plan_out(responses.plan(connection, body.where))


def _events(routes: Routes, database: Database, guard: Guard, responses: Responses) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/response/events")
    def events(_: Operator) -> list[EventOut]:
        """The newest 200."""
        with database.read() as connection:
            return [event_out(connection, each) for each in store.events(connection, limit=200)]

    @routes.post("/response/events", status_code=201, responses=explained(409))
    def propose(user: Operator, body: ProposeIn) -> EventOut:
        """Propose an event; a second person approves it."""
        with database.write() as connection:
            number = responses.propose(connection, body.where, user.login, body.accounts)
            return event_out(connection, store.event(connection, number))

    @routes.get("/response/events/{id}")
    def event(_: Operator, id: RowId) -> EventOut:  # noqa: A002
        """One event: its hours, its terms, and what was measured."""
        with database.read() as connection:
            return event_out(connection, store.event(connection, id))

    @routes.get("/response/events/{id}/invitations")
    def invitations(_: Operator, id: RowId) -> list[InvitationOut]:  # noqa: A002
        """Who was chosen for an event, and what came of each."""
        with database.read() as connection:
            found = store.event(connection, id)
            return invitations_out(connection, store.invitations(connection, event=found.id))

    @routes.post("/response/events/{id}/steps", responses=explained(409))
    def step(user: Operator, id: RowId, body: StepIn) -> EventOut:  # noqa: A002
        """Approve, invite, measure, settle or cancel; the clock does the rest."""
        responses.step(id, Step(body.step), user.login, body.note)
        with database.read() as connection:
            return event_out(connection, store.event(connection, id))


def _answers(routes: Routes, database: Database, guard: Guard, responses: Responses) -> None:
    Anybody = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/response/invitations")
    def mine(user: Anybody) -> list[InvitationOut]:
        """A customer's own, newest first; an operator has none."""
        with database.read() as connection:
            if user.customer is None:
                return []
            return invitations_out(
                connection, store.invitations(connection, customer=user.customer, went_out=True, limit=200)
            )

    @routes.post("/response/invitations/{id}/reply", responses=explained(409))
    def reply(user: Anybody, id: RowId, body: ReplyIn) -> InvitationOut:  # noqa: A002
        """Accept, decline or withdraw: the customer who was invited, and nobody in their place."""
        customer = _customer(user)
        with database.write() as connection:
            responses.reply(connection, id, customer, body.reply, body.kw)
            return invitations_out(connection, [store.invitation(connection, id, customer)])[0]

    @routes.put("/response/offers/{account}", status_code=204)
    def offer(user: Anybody, account: No, body: OfferIn) -> None:
        """Say what an account can move: a customer of their own."""
        customer = _customer(user)
        with database.write() as connection:
            responses.offer(connection, account, customer, body.kw)


def _curtailment(routes: Routes, database: Database, guard: Guard) -> None:
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806

    @routes.get("/curtailment-lists")
    def lists(_: Operator, on: AskedDay = None) -> list[ListingOut]:
        """Approved lists as they were imported; with `on` those in force on that day."""
        with database.read() as connection:
            return [listing_out(connection, each) for each in curtailment.listings(connection, on=on)]


def _customer(user: User) -> str:
    if user.role != Role.CUSTOMER or user.customer is None:
        raise Forbidden("only the customer answers for their account")
    return user.customer
