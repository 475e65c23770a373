"""My load: what customers see of their own use; every day shown was wholly theirs."""

from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.insight.forecast import store as forecasts
from cloud.insight.forecast.store import Kind
from cloud.insight.indicators import store as indicators
from cloud.insight.profile import store as profiles
from cloud.kit.auth import User
from cloud.kit.days import DAY
from cloud.kit.routes import Routes
from cloud.web.language import Words
from cloud.web.load import own_views as views
from cloud.web.load import places, profile_views
from cloud.web.load.served import Served, served
from cloud.web.pages import Pages
from cloud.web.parts import Parts
from cloud.web.portal_reader import Frame, customer_of, reader_of

SPAN = views.DAYS * DAY


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/load")
    Customer = Annotated[User, Depends(customer_of(parts.guard))]  # noqa: N806 - a type
    show = Frame(parts, pages).show

    @routes.get("")
    def own_page(
        request: Request, user: Customer, account: Annotated[str, Query(max_length=32)] = ""
    ) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            reader = reader_of(connection, user, account)
            mine = served(connection, reader.account.no, pages.now(), parts.zone) if reader.account else []
            newest = {each.point: each for each in mine if each.still}
            found = [_own(parts, pages, connection, words, each) for each in newest.values()]
        return show(request, "portal/load.html", "load", reader, points=found)

    return routes


def _own(parts: Parts, pages: Pages, connection: Connection, words: Words, mine: Served) -> views.Own:
    last = places.today(pages.now(), parts.zone) - DAY
    whole = views.cut(indicators.days_of(connection, mine.point, last - 2 * SPAN + DAY, last), mine)
    now = views.cut(whole, Served(mine.point, last - SPAN + DAY, last, mine.still))
    before = views.cut(whole, Served(mine.point, last - 2 * SPAN + DAY, last - SPAN, mine.still))
    profile = profiles.profile(connection, mine.point)
    days, group = views.own_days(profile, mine), views.own_group(profile, mine)
    forecast = _tomorrow(parts, pages, connection, mine)
    day = views.expected(forecast, words) if forecast else None
    asked = min(views.DAYS, max(1, (last - mine.first).days + 1))
    return views.Own(
        mine.point,
        mine.first,
        profile_views.summary(now, asked, words),
        views.lead(days, group, words),
        views.typical(days, words),
        views.compared(now, before, words),
        views.others(connection, mine.point, group, words),
        day,
        views.honest(forecast, words) if forecast else "",
    )


def _tomorrow(parts: Parts, pages: Pages, connection: Connection, mine: Served) -> forecasts.Forecast | None:
    """Tomorrow's forecast, else today's: what is newest and not past."""
    today = places.today(pages.now(), parts.zone)
    for day in (today + DAY, today):
        found = views.allowed(forecasts.newest(connection, Kind.POINT, mine.point, day), mine)
        if found is not None:
            return found
    return None
