"""A customer's own page of their service: promises, payment plans, how they stand and why, consents."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Form, Query, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from cloud.kit.auth import User
from cloud.kit.errors import CloudError
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.policies.deadlines import Place
from cloud.tiers.axes import Axis
from cloud.tiers.entitlements import store as entitlements
from cloud.tiers.entitlements.rules import Entitlements
from cloud.tiers.rating import contests, store
from cloud.tiers.rating.contests import CONTESTABLE, State
from cloud.tiers.rating.store import Standing
from cloud.web.customers import agreeing, limit_views, plans_own
from cloud.web.customers import standing_words as say
from cloud.web.customers.axis_names import named, value_of
from cloud.web.customers.promise_words import REACH
from cloud.web.language import Words, mark
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts
from cloud.web.portal_reader import Frame, Reader, customer_of, reader_of

ORDER = (Axis.VALUE, Axis.CLASS, Axis.CREDIT, Axis.NEED, Axis.SHAPE, Axis.GRADE)
STATES = {
    State.OPEN: ("warn", mark("being looked at")),
    State.UPHELD: ("none", mark("looked at, it stays")),
    State.CHANGED: ("good", mark("changed")),
    State.REJECTED: ("none", mark("not accepted")),
    State.WITHDRAWN: ("none", mark("taken back")),
}


@dataclass(frozen=True, slots=True)
class AxisView:
    """One axis; `name: value` in a row, everything else below it."""

    axis: str
    name: str
    value: str
    meaning: str
    since: str
    provisional: bool
    locked_until: str
    reasons: list[str]
    change: list[str]
    contestable: bool


@dataclass(frozen=True, slots=True)
class ContestView:
    id: int
    axis: str
    value: str
    text: str
    at: str
    due: str
    state: tuple[str, str]
    open: bool
    answer: str
    became: str
    unread: bool


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/service")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    show, ratings = Frame(parts, pages).show, parts.tiers.ratings

    @routes.get("")
    def service(
        request: Request, user: Customer, account: Annotated[str, Query(max_length=32)] = ""
    ) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            values = _values(parts, connection, reader, words) if reader.account else {}
        return show(request, "portal/service.html", "service", reader, service_tab="tier", **values)

    @routes.post("/contest")
    def contest(
        user: Customer,
        account: Annotated[str, Form(max_length=32)],
        axis: Annotated[Axis, Form()],
        text: Annotated[str, Form(max_length=contests.MOST_TEXT)] = "",
    ) -> Response:
        try:
            ratings.contest(account, axis, text, by=user.login, customer=str(user.customer))
        except CloudError:
            return back(_page(account), "contest_refused")
        return back(_page(account), "contest_open")

    @routes.post("/contests/{id}/{what}")
    def settle(
        user: Customer,
        id: RowId,  # noqa: A002
        what: str,
        account: Annotated[str, Form(max_length=32)] = "",
    ) -> Response:
        try:
            if what == "withdraw":
                ratings.withdraw(id, by=user.login, customer=str(user.customer))
            else:
                ratings.seen(id, str(user.customer))
        except CloudError:
            return back(_page(account), "contest_refused")
        return back(_page(account), "contest_saved")

    return routes


def _page(account: str) -> str:
    return f"/portal/service?{urlencode({'account': account})}#contest"


def _values(parts: Parts, connection: Connection, reader: Reader, words: Words) -> dict[str, Any]:
    assert reader.account is not None
    tiers, no = parts.tiers, reader.account.no
    found = store.standing(connection, tiers.ratings.today(), no)
    asked = contests.of_account(connection, no)
    promised = entitlements.of(connection, tiers.promises, no, parts.clock.now())
    axes = [_axis(found[axis], tiers.ratings.policy.names(), words) for axis in ORDER if axis in found]
    busy = {row.axis for row in asked if row.state == State.OPEN}
    return {
        "axes": axes,
        "month": _month(found, words),
        "plans": plans_own.own(connection, no, words),
        "consents": agreeing.shown(connection, reader.id, words),
        "limits": []
        if promised is None
        else limit_views.limits(connection, no, promised.terms, tiers.ratings.today(), words),
        "promises": [] if promised is None else _promises(promised, words),
        "contests": [_contest(row, tiers.ratings.policy.names(), words) for row in asked],
        "open_to": [each for each in axes if each.contestable and each.axis not in busy],
        "days": tiers.ratings.policy.contest_days,
    }


def _axis(standing: Standing, names: Any, words: Words) -> AxisView:
    return AxisView(
        standing.axis.value,
        words.text(say.NAMES[standing.axis]),
        say.value(standing, names, words),
        say.meaning(standing, words),
        "" if standing.since is None else words.month(standing.since),
        standing.provisional and standing.axis is Axis.VALUE,
        "" if standing.locked_until is None else words.dated(standing.locked_until),
        say.reasons(replace(standing, reasons=store.unremarked(standing.reasons)), names, words),
        say.change(standing, words),
        standing.axis in CONTESTABLE,
    )


def _month(found: dict[Axis, Standing], words: Words) -> str:
    """The last month that was judged."""
    month = found[Axis.VALUE].month if Axis.VALUE in found else None
    return "" if month is None else words.month(month)


def _promises(promised: Entitlements, words: Words) -> list[tuple[str, str]]:
    """What a customer asks for first: name and what is promised."""
    found = [
        (words.text("A crew is with you"), _on_site(promised, words)),
        (words.text("You are told of news"), named(REACH, promised.reach.value, words)),
    ]
    if promised.interval_s is not None:
        minutes = words.number(promised.interval_s / 60)
        found.append((words.text("Your meter is read every"), words.text("%(minutes)s min", minutes=minutes)))
    if promised.instalments > 1:
        number = words.number(promised.instalments)
        found.append((words.text("A bill may be paid in"), words.text("%(number)s parts", number=number)))
    return found


def _on_site(promised: Entitlements, words: Words) -> str:
    town, country = (
        words.number(promised.on_site(place) / timedelta(minutes=1)) for place in (Place.CITY, Place.COUNTRY)
    )
    return words.text(
        "within %(town)s min in town, %(country)s min in the country", town=town, country=country
    )


def _contest(row: Row[Any], names: Any, words: Words) -> ContestView:
    state = State(row.state)
    kind, text = STATES[state]
    return ContestView(
        row.id,
        words.text(say.NAMES[Axis(row.axis)]),
        _said(row.axis, row.value, names, words),
        row.text,
        words.day(row.at.astimezone(words.zone).date()),
        words.day(row.due_on),
        (kind, words.text(text)),
        state is State.OPEN,
        row.answer or "",
        "" if row.became is None or row.became == row.value else _said(row.axis, row.became, names, words),
        state not in (State.OPEN, State.WITHDRAWN) and row.seen_at is None,
    )


def _said(axis: str, value: str, names: Any, words: Words) -> str:
    if axis == Axis.SHAPE:
        return say.shape(value, words)
    if value in names:
        return str(names[value].zh_CN if words.language == "zh_CN" else names[value].en)
    return value_of(axis, value, words)
