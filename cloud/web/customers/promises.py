"""The ledger of promises on the console: a month's misses first, and one account's promises and plans."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from cloud.customers import store as customers
from cloud.fleet import history as registry
from cloud.kit.auth import User
from cloud.kit.days import local_day
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.entitlements import book, plans, polling, records, reminding
from cloud.tiers.entitlements.instalments import PLAN, SUPPRESSING, PlanEvent
from cloud.tiers.entitlements.records import How
from cloud.tiers.entitlements.store import of
from cloud.tiers.entitlements.terms import Manager
from cloud.tiers.entitlements.verdicts import Part, State
from cloud.web.customers import limit_views
from cloud.web.customers import promise_views as views
from cloud.web.customers import promise_words as named
from cloud.web.language import Words
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

SHOWN = 200
HOME = "/console/customers/promises"
Month = Annotated[str, Query(pattern=r"^([0-9]{4}-[0-9]{2})?$")]
Key = Annotated[str, Query(max_length=32, pattern=r"^[^\x00-\x1f]*$")]
Text = Annotated[str, Form(max_length=500)]
Say = Callable[[Connection], object]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/customers/promises")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "customers", "customer_tab": "promises"}
        return pages.page(request, f"console/customers/{template}", user=user, **values)

    @routes.get("")
    def list_page(
        request: Request, user: Operator, month: Month = "", part: Key = "", state: Key = "", q: Key = ""
    ) -> Response:
        words = pages.words(request)
        chosen_part, chosen_state = _known(Part, part), _known(State, state)
        with parts.database.read() as connection:
            months = book.months(connection)
            shown = next((each for each in months if f"{each:%Y-%m}" == month), next(iter(months), None))
            waiting = chosen_state or tuple(each for each in State if each is not State.NOT_DUE)
            found: Sequence[Row[Any]] = ()
            counts: dict[tuple[str, str], int] = {}
            if shown is not None:
                found = book.worst_first(
                    connection, shown, states=waiting, parts=chosen_part, account=q.strip(), limit=SHOWN
                )
                counts = book.totals(connection, shown)
            gateways = [views.gateway(each, words) for each in polling.states(connection)]
        grounds = named.grounds(parts.tiers.promises.policy.value, words)
        return show(
            request,
            user,
            "promises.html",
            rows=[(views.row(each, words, grounds), each.customer) for each in found],
            totals=views.totals(counts),
            months=months,
            month=shown,
            parts_=_choices(named.PARTS, words),
            states=[(key, sign, words.text(text)) for key, (sign, text) in named.STATES.items()],
            chosen={"part": part, "state": state, "q": q},
            part_names={key: words.text(text) for key, text in named.PARTS.items()},
            most=SHOWN,
            gateways=gateways,
        )

    @routes.get("/{no}")
    def account_page(request: Request, user: Operator, no: str) -> Response:
        words, now = pages.words(request), pages.now()
        with parts.database.read() as connection:
            account = customers.account(connection, no)
            entitled = of(connection, parts.tiers.promises, no, now)
            if entitled is None:
                raise NotFound(f"there is no account {no!r}")
            today = local_day(now, parts.zone)
            values = {
                "manager": _manager(connection, no, entitled.manager, now, parts),
                "rows": [
                    views.row(each, words, named.grounds(parts.tiers.promises.policy.value, words))
                    for each in book.rows_of(connection, no)
                ],
                "plans": [_plan(each, words) for each in plans.plans_of(connection, no)],
                "unpaid": plans.unpaid(connection, no, today),
                "recorded": records.of_account(connection, no),
                "limits": limit_views.limits(connection, no, entitled.terms, today, words),
                "reminders": reminding.of_account(connection, no),
            }
        return show(
            request,
            user,
            "promises_account.html",
            account=account,
            entitled=entitled,
            terms=views.terms(entitled, words),
            hows=_choices(named.HOWS, words),
            how_names={key: words.text(text) for key, text in named.HOWS.items()},
            today=today,
            **values,
        )

    _acts(routes, parts)
    return routes


def _acts(routes: Routes, parts: Parts) -> None:
    """What an operator writes down about an account's promises."""
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.post("/{no}/records")
    def record(
        user: Operator,
        no: str,
        how: Annotated[How, Form()],
        at: Annotated[str, Form(max_length=32)],
        note: Text = "",
    ) -> Response:
        def say(connection: Connection) -> None:
            now = parts.clock.now()
            records.record(connection, no, how, at=_instant(parts, at), note=note, by=user.login, now=now)

        return _done(parts, no, say)

    @routes.post("/{no}/plans")
    def offer(
        user: Operator,
        no: str,
        month: Annotated[list[date], Form()],
        count: Annotated[int, Form(ge=1, le=24)],
        first_due: Annotated[date, Form()],
    ) -> Response:
        offered = parts.tiers.entitling.plans.offer
        return _done(
            parts, no, lambda connection: offered(connection, no, month, count, first_due, user.login)
        )

    @routes.post("/{no}/plans/{id}/move")
    def move(
        user: Operator,
        no: str,
        id: RowId,  # noqa: A002
        event: Annotated[PlanEvent, Form()],
        note: Text = "",
    ) -> Response:
        house = parts.tiers.entitling.plans
        act = house.agree if event is PlanEvent.AGREE else house.withdraw
        return _done(parts, no, lambda connection: act(connection, id, user.login, note))

    @routes.post("/{no}/plans/{id}/pay")
    def pay(
        user: Operator,
        no: str,
        id: RowId,  # noqa: A002
        number: Annotated[int, Form(ge=1, le=24)],
        paid_on: Annotated[date, Form()],
    ) -> Response:
        house = parts.tiers.entitling.plans
        return _done(parts, no, lambda connection: house.pay(connection, id, number, paid_on, user.login))


def _done(parts: Parts, no: str, say: Say) -> Response:
    """Save it and go back to the account; what does not fit is said there."""
    said = "file_saved"
    try:
        with parts.database.write() as connection:
            say(connection)
    except (Conflict, Invalid, NotFound):
        said = "file_refused"
    return back(f"{HOME}/{no}", said)


def _known(kind: Any, word: str) -> tuple[Any, ...]:
    """The one that was chosen; nothing where the word is none."""
    return tuple(each for each in kind if each.value == word)


def _choices(table: Any, words: Words) -> list[tuple[str, str]]:
    return [(key.value, words.text(text)) for key, text in table.items()]


def _plan(found: plans.Plan, words: Words) -> dict[str, Any]:
    sign, text = named.PLANS[found.state]
    events = [each for each in PLAN.events(found.state) if each in named.PLAN_EVENTS]
    may = [(each.value, words.text(named.PLAN_EVENTS[each])) for each in events]
    unpaid = [each for each in found.instalments if each.paid_on is None]
    return {
        "row": found.row,
        "state": (sign, words.text(text)),
        "months": [f"{each:%Y-%m}" for each in found.months],
        "instalments": found.instalments,
        "owed": found.owed,
        "may": may,
        "next": unpaid[0] if unpaid and found.state in SUPPRESSING else None,
    }


def _manager(connection: Connection, no: str, manager: Manager, now: datetime, parts: Parts) -> str:
    """The role or staff id that answers for the account; never a name."""
    desks = parts.tiers.promises.policy.value.desks
    if manager is Manager.KEY_ACCOUNT_DESK:
        return desks.key_account or desks.station
    if manager is Manager.AREA_MANAGER:
        areas = [each.area for each in customers.meters_of_account(connection, no, now)]
        for spans in registry.load(connection, registry.area_facts, areas).values():
            for span in spans:
                if span.start <= now and (span.end is None or now < span.end) and span.values["manager"]:
                    return str(span.values["manager"])
    return desks.station


def _instant(parts: Parts, text: str) -> datetime:
    """A wall-clock time of the station, as a browser's datetime field writes it."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=parts.zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{text!r} is no time: write it like 2026-11-23T18:30") from None
