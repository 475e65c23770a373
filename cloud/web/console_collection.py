"""How completely meters are read: rates, areas and meters of a day, gaps and re-reads; for operators only."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Form, Query, Request
from sqlalchemy import Connection, Row
from starlette.responses import Response

from cloud.fleet import registry
from cloud.kit.auth import User
from cloud.kit.days import DAY
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.ledger import exclusions, gaps, rates, strips
from cloud.metering.ledger.exclusions import LeftOut, Place
from cloud.metering.ledger.rates import By
from cloud.metering.ledger.reasons import Cause, Excluded, GapState
from cloud.web import collection_views as views
from cloud.web.collection_chart import trend
from cloud.web.language import Words, mark
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

TREND_DAYS, METER_DAYS = 30, 14
SHOWN = 200
PLACES = {
    Place.AREA: mark("Area"),
    Place.FEEDER: mark("Feeder"),
    Place.GATEWAY: mark("Gateway"),
    Place.METER: mark("Meter"),
}
Text = Annotated[str, Form(max_length=500)]


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/data")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "data", "data_tab": "collection"}
        return pages.page(request, f"console/{template}", user=user, **values)

    @routes.get("")
    def overview_page(request: Request, user: Operator, day: str = "", sort: str = "curve") -> Response:
        words, chosen = pages.words(request), _day(parts, pages, day)
        sort = sort if sort in views.SORTS else "curve"
        with parts.database.read() as connection:
            values = _overview(parts, connection, words, chosen, sort)
            values |= _declared(parts, connection, words)
        return show(request, user, "collection.html", today=_today(parts, pages), sort=sort, **values)

    @routes.get("/areas/{id}")
    def area_page(request: Request, user: Operator, id: str, day: str = "") -> Response:  # noqa: A002
        words, chosen = pages.words(request), _day(parts, pages, day)
        with parts.database.read() as connection:
            area = registry.area(connection, id)
            found = rates.rates(connection, chosen, chosen, areas=[id])
            rows = strips.meter_days(connection, chosen, chosen, area=id)
            shown = _strips(parts, pages, connection, rows, words)
            listed = gaps.gaps(connection, chosen, area=id, limit=SHOWN)
            gap_views = _gaps(connection, listed, words, pages.now())
        return show(
            request,
            user,
            "collection_area.html",
            area=area,
            day=chosen,
            today=_today(parts, pages),
            rates=views.rate_views(found[0], words) if found else (),
            strips=sorted(shown, key=lambda each: (-each.missing, each.meter)),
            gaps=gap_views,
        )

    @routes.get("/meters/{id}")
    def meter_page(request: Request, user: Operator, id: str) -> Response:  # noqa: A002
        words, today = pages.words(request), _today(parts, pages)
        first = today - (METER_DAYS - 1) * DAY
        with parts.database.read() as connection:
            meter = registry.meter(connection, id)
            area = registry.area(connection, meter.area)
            rows = strips.meter_days(connection, first, today, meters=[id])
            shown = _strips(parts, pages, connection, rows, words)
            listed = sorted(gaps.gaps(connection, meter=id, limit=SHOWN), key=_start, reverse=True)
            gap_views = _gaps(connection, listed, words, pages.now())
        return show(
            request,
            user,
            "collection_meter.html",
            meter=meter,
            area=area,
            strips=shown[::-1],
            gaps=gap_views,
        )

    @routes.get("/gaps")
    def gaps_page(
        request: Request,
        user: Operator,
        day: str = "",
        cause: Annotated[str, Query(max_length=16)] = "",
        state: Annotated[str, Query(max_length=16)] = "",
    ) -> Response:
        words, chosen = pages.words(request), _day(parts, pages, day)
        wanted = Cause(cause) if cause in set(Cause) else None
        states = [GapState(state)] if state in set(GapState) else None
        with parts.database.read() as connection:
            rows = gaps.gaps(connection, chosen, cause=wanted, states=states, limit=SHOWN + 1)
            listed = _gaps(connection, rows[:SHOWN], words, pages.now())
            names = registry.area_names(connection, {row.area for row in rows})
        return show(
            request,
            user,
            "collection_gaps.html",
            day=chosen,
            today=_today(parts, pages),
            gaps=listed,
            more=len(rows) > SHOWN,
            area_names=names,
            causes={key.value: words.text(name) for key, name in views.CAUSES.items()},
            states={key.value: words.text(name) for key, (_, name) in views.STATES.items()},
            cause=cause,
            state=state,
        )

    routes.include_router(_declaring(parts))
    return routes


def _declaring(parts: Parts) -> Routes:
    """What a person leaves out of the denominator, and counts again."""
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.post("/exclusions")
    def leave_out(
        user: Operator,
        reason: Annotated[Excluded, Form()],
        place: Annotated[Place, Form()],
        key: Annotated[str, Form(max_length=64)],
        start: Annotated[str, Form(max_length=32)],
        end: Annotated[str, Form(max_length=32)] = "",
        why: Text = "",
    ) -> Response:
        try:
            what = LeftOut(
                reason, place, key.strip(), _instant(parts, start), _instant(parts, end) if end else None
            )
            with parts.database.write() as connection:
                parts.ledger.leave_out(connection, what, why, user.login)
        except (Invalid, ValueError):
            return back("/console/data#exclusions", "lacking")
        return back("/console/data#exclusions", "left_out")

    @routes.post("/exclusions/{id}/withdraw")
    def withdraw(user: Operator, id: RowId) -> Response:  # noqa: A002
        try:
            with parts.database.write() as connection:
                parts.ledger.count_again(connection, id, user.login)
        except Conflict:
            return back("/console/data#exclusions", "objected")
        return back("/console/data#exclusions", "counted_again")

    return routes


def _overview(parts: Parts, connection: Connection, words: Words, day: date, sort: str) -> dict[str, Any]:
    """Two days side by side, and of the chosen one its areas, gateways and gaps."""
    first = day - (TREND_DAYS - 1) * DAY
    by_day = {each.key: each for each in rates.rates(connection, first, day, By.DAY)}
    days = [first + number * DAY for number in range(TREND_DAYS)]
    shown = [
        (each, views.rate_views(by_day[each.isoformat()], words), rates.counted_at(connection, each))
        for each in (day, day - DAY)
        if each.isoformat() in by_day
    ]
    names = {row.id: row.name for row in registry.gateways(connection)}
    return {
        "day": day,
        "days": shown,
        "areas": views.places(
            rates.rates(connection, day, day, By.AREA), registry.area_names(connection), words, sort
        ),
        "gateways": views.places(rates.rates(connection, day, day, By.GATEWAY), names, words, sort),
        "causes": views.causes(gaps.counted(connection, day, day), words),
        "trend": _trend(words, days, by_day),
        "said_of_trend": _said(words, days, by_day),
        "share": lambda value: views.share(value, words),
        "freeze_by": parts.ledger.station.policy.freeze.by.strftime("%H:%M"),
    }


def _trend(words: Words, days: Sequence[date], by_day: dict[str, rates.Collected]) -> Any:
    known = [by_day.get(each.isoformat()) for each in days]
    curve = [None if each is None else each.curve.share for each in known]
    freeze = [None if each is None else each.freeze.share for each in known]
    return trend(days, ((words.text(views.CURVE), curve), (words.text(views.FREEZE), freeze)))


def _said(words: Words, days: Sequence[date], by_day: dict[str, rates.Collected]) -> str:
    """The trend in a sentence: for who does not see the lines, and for who does."""
    known = [(each, by_day[each.isoformat()].curve) for each in days if each.isoformat() in by_day]
    counted = [(each, rate) for each, rate in known if rate.share is not None]
    if not counted:
        return words.text("Nothing has been counted yet.")
    worst, rate = min(counted, key=lambda pair: pair[1].share or 0.0)
    whole = sum(each.received for _, each in counted) / sum(each.expected for _, each in counted)
    return words.text(
        "In %(days)s days %(share)s of the curve values came; the worst day was %(day)s with %(worst)s.",
        days=len(counted),
        share=views.share(whole, words),
        day=words.day(worst),
        worst=views.share(rate.share, words),
    )


def _declared(parts: Parts, connection: Connection, words: Words) -> dict[str, Any]:
    now = parts.clock.now()
    rows = exclusions.exclusions(connection, now - 3 * DAY, limit=50)
    return {
        "exclusions": [
            (row, words.text(views.EXCLUDED[Excluded(row.reason)]), words.text(PLACES[Place(row.place)]))
            for row in rows
        ],
        "reasons": {key.value: words.text(name) for key, name in views.EXCLUDED.items()},
        "kinds": {key.value: words.text(name) for key, name in PLACES.items()},
    }


def _strips(
    parts: Parts, pages: Pages, connection: Connection, rows: Any, words: Words
) -> list[views.StripView]:
    after = parts.ledger.station.policy.curve.close_after
    found = strips.strips(connection, WHOLE_STATION, parts.zone, pages.now(), after, rows)
    return [views.strip(each, words) for each in found]


def _gaps(connection: Connection, rows: Any, words: Words, now: datetime) -> list[views.GapView]:
    given = gaps.orders_of(connection, [row.id for row in rows])
    return [views.gap(row, given, words, now) for row in rows]


def _start(row: Row[Any]) -> datetime:
    started: datetime = row.start
    return started


def _today(parts: Parts, pages: Pages) -> date:
    return pages.now().astimezone(parts.zone).date()


def _day(parts: Parts, pages: Pages, wanted: str) -> date:
    """The day asked for, today for what is no day or is yet to come."""
    today = _today(parts, pages)
    try:
        return min(date.fromisoformat(wanted), today) if wanted else today
    except ValueError:
        return today


def _instant(parts: Parts, text: str) -> datetime:
    """A field's local time; ValueError when it is none."""
    return datetime.fromisoformat(text).replace(tzinfo=parts.zone)
