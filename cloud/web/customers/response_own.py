"""A customer's own part in load response: invitations with kW and money, answers, what came of it, consent.

`own` gives what `portal/response_part.html` shows; the page of offers includes that part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Form, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.customers.file import consents
from cloud.customers.file.consents import Purpose
from cloud.kit.auth import User
from cloud.kit.errors import CloudError, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.response import settlement, store
from cloud.tiers.response.kept import hours_of
from cloud.tiers.response.rules import Answer, Reply, State
from cloud.tiers.response.settlement import Line
from cloud.tiers.response.store import Event, Invitation
from cloud.web.customers import agreeing
from cloud.web.customers import response_views as views
from cloud.web.language import Words, mark
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.web.portal_reader import Frame, customer_of, reader_of

SHOWN = 12
Account = Annotated[str, Form(max_length=32)]
ANSWERS = {
    Answer.INVITED: ("warn", mark("your answer is awaited")),
    Answer.ACCEPTED: ("good", mark("you take part")),
    Answer.DECLINED: ("none", mark("you said no")),
    Answer.WITHDRAWN: ("none", mark("you pulled out")),
    Answer.NO_ANSWER: ("none", mark("no answer was given")),
}
ANSWERED_LATE = mark("answers are closed")


@dataclass(frozen=True, slots=True)
class OwnInvitation:
    """`most` the money at best, `terms` how it is reckoned; `open` while it may be accepted, `leaving` while
    it may be withdrawn; `came` once it was measured."""

    id: int
    account: str
    when: str
    state: tuple[str, str]
    ask: str
    most: str
    terms: str
    until: str
    asked_kw: str
    open: bool
    leaving: bool
    came: str


@dataclass(frozen=True, slots=True)
class Own:
    """`offered` by account what its customer said that it can move, kW."""

    agreed: bool
    invitations: tuple[OwnInvitation, ...]
    offered: dict[str, Decimal]
    accounts: tuple[str, ...]


def own(connection: Connection, customer: str, accounts: Sequence[str], words: Words, now: datetime) -> Own:
    """What the part shows; the same for a page of its own and for the page of offers."""
    found = store.invitations(connection, customer=customer, went_out=True, limit=SHOWN)
    lines = store.payments(connection, [each.id for each in found]) if found else {}
    events = {each.event: store.event(connection, each.event) for each in found}
    shown = tuple(_one(each, events[each.event], lines.get(each.id, []), words, now) for each in found)
    agreed = Purpose.RESPONSE in consents.purposes_of(connection, customer)
    return Own(agreed, shown, store.offered(connection, accounts), tuple(accounts))


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/offers/response")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    show, responses = Frame(parts, pages).show, parts.tiers.responses

    def saved(account: str, save: Callable[[], object]) -> Response:
        try:
            save()
        except (
            CloudError
        ):  # the account named may be another's: whose page it leads back to is not said by it
            return back("/portal/offers#response", "response_unsaved")
        return back(f"/portal/offers?{urlencode({'account': account})}#response", "response_saved")

    def written(account: str, save: Callable[[Connection], object]) -> Response:
        def save_it() -> None:
            with parts.database.write() as connection:
                save(connection)

        return saved(account, save_it)

    @routes.get("")
    def own_page(
        request: Request, user: Customer, account: Annotated[str, Query(max_length=32)] = ""
    ) -> Response:
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            numbers = [each.no for each in reader.accounts]
            found = own(connection, reader.id, numbers, pages.words(request), pages.now())
        return show(request, "portal/response.html", "service", reader, service_tab="offers", response=found)

    @routes.post("/{id}/reply")
    def reply(
        user: Customer,
        id: RowId,  # noqa: A002
        reply: Annotated[Reply, Form()],
        kw: Annotated[str, Form(max_length=16)] = "",
        account: Account = "",
    ) -> Response:
        customer = str(user.customer)
        return written(account, lambda connection: responses.reply(connection, id, customer, reply, _kw(kw)))

    @routes.post("/offered")
    def offered(
        user: Customer,
        account: Account,
        kw: Annotated[str, Form(max_length=16)] = "",
    ) -> Response:
        customer = str(user.customer)
        return written(account, lambda connection: responses.offer(connection, account, customer, _kw(kw)))

    @routes.post("/consent")
    def consent(user: Customer, agree: Annotated[bool, Form()], account: Account = "") -> Response:
        return saved(account, lambda: agreeing.own(parts.customer_file, user, Purpose.RESPONSE, agree=agree))

    return routes


def _kw(text: str) -> Decimal | None:
    """As a person writes it; None where nothing is written. Invalid for what is no number."""
    if not text.strip():
        return None
    try:
        found = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        raise Invalid("kw: write a number of kW") from None
    if not found.is_finite():
        raise Invalid("kw: write a number of kW")
    return found


def _one(
    found: Invitation, event: Event, lines: Sequence[Line], words: Words, now: datetime
) -> OwnInvitation:
    times, terms = event.times, found.terms
    assert terms is not None
    kw = found.accepted_kw if found.accepted_kw is not None else found.asked_kw
    most = settlement.most(terms, kw, hours_of(times))
    return OwnInvitation(
        found.id,
        found.account,
        views.when(times.start, times.end, words),
        _state(found, event, now, words),
        words.text("Draw %(kw)s kW less than usual then.", kw=words.number(float(kw), 1)),
        words.text("Up to %(most)s CNY for it.", most=words.number(float(most), 2)),
        words.text(
            "%(kwh)s CNY for each kWh and %(power)s CNY for each kW less. Below %(least)s of what you "
            "took on nothing is paid. It is no part of your bill.",
            kwh=words.number(float(terms.price_per_kwh), 2),
            power=words.number(float(terms.price_per_kw), 2),
            least=words.percent(float(terms.least_share)),
        ),
        words.moment(times.close_at, now),
        f"{found.asked_kw.normalize():f}",
        event.state is State.INVITED and now < times.close_at and found.state is not Answer.NO_ANSWER,
        event.state in (State.INVITED, State.CLOSED) and now < times.start and found.state is Answer.ACCEPTED,
        _came(found, lines, words),
    )


def _state(found: Invitation, event: Event, now: datetime, words: Words) -> tuple[str, str]:
    if event.state is State.CANCELLED:
        return "none", words.text("it does not take place")
    if found.state is Answer.INVITED and now >= event.times.close_at:
        return "none", words.text(ANSWERED_LATE)
    kind, word = ANSWERS[found.state]
    return kind, words.text(word)


def _came(found: Invitation, lines: Sequence[Line], words: Words) -> str:
    """What came of it, and what is paid; empty until it was measured."""
    if found.state is not Answer.ACCEPTED or found.result is None:
        return ""
    refused = found.result.get("refused")
    if refused in views.REFUSED:
        return words.text("It could not be measured: %(why)s.", why=words.text(views.REFUSED[refused]))
    reduction = (found.result.get("reduction") or {}).get("kwh")
    if reduction is not None and reduction <= 0:
        return words.text("You drew no less than usual, so nothing is paid.")
    measured = views.kwh(reduction, words)
    if not lines:
        return words.text("You shifted %(kwh)s. What you are paid is being settled.", kwh=measured)
    return words.text("You shifted %(kwh)s. Paid: %(paid)s.", kwh=measured, paid=views.paid(lines, words))
