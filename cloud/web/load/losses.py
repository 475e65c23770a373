"""Line loss on the console: the day's areas, and one area with its days and missing meters."""

from collections import Counter
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.analysis.loss.balance import CUSTOMER
from cloud.fleet import registry
from cloud.insight.loss import energies, store
from cloud.insight.loss.balances import limits_of
from cloud.insight.loss.store import AreaLoss
from cloud.kit.auth import User
from cloud.kit.days import DAY
from cloud.kit.routes import Routes
from cloud.web.load import inspection_views, places
from cloud.web.load import loss_views as views
from cloud.web.load.quality import percent
from cloud.web.pages import Pages
from cloud.web.parts import Parts

TREND = 30


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/load/loss")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        words = pages.words(request)
        values |= {"section": "load", "load_tab": "loss"}
        values["percent"] = lambda share, digits=0: percent(share, words, digits)
        return pages.page(request, f"console/load/{template}", user=user, **values)

    @routes.get("")
    def day_page(request: Request, user: Operator, day: str = "") -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            latest = store.newest_day(connection)
            today = places.today(pages.now(), parts.zone)
            chosen = places.day_asked(day, latest or today - DAY, latest or today)
            found = store.areas(connection, chosen)
            feeders = store.feeders(connection, chosen)
            names = registry.area_names(connection)
            trends = store.trends(connection, chosen - (TREND - 1) * DAY, chosen)
        return show(
            request,
            user,
            "losses.html",
            day=chosen,
            latest=latest,
            rows=views.rows(found, names, words, trends),
            feeders=views.rows(feeders, {}, words, {}),
            areas_of=Counter(each.feeder for each in found),
            counts=views.counts(found, words),
            lead=views.said(found, words),
        )

    @routes.get("/{id}")
    def one(request: Request, user: Operator, id: str, days: int = 30) -> Response:  # noqa: A002
        words, span = pages.words(request), places.span_asked(days)
        with parts.database.read() as connection:
            area = registry.area(connection, id)
            last = store.newest_day(connection) or places.today(pages.now(), parts.zone) - DAY
            first = last - (span - 1) * DAY
            found = store.history(connection, store.AREA, id, first, last)
            newest = found[-1] if found else None
            missing = _missing(connection, newest) if newest else []
            listed = store.inspections(connection, area=id)
        return show(
            request,
            user,
            "loss.html",
            area=area,
            span=span,
            spans=places.SPANS,
            newest=newest,
            row=views.row(newest, area.name, words) if newest else None,
            to_do=views.to_do(newest, words, len(listed)) if newest else "",
            steady=views.steady(words, limits_of(parts.loss.policy), parts.loss.policy.search.every_days),
            charts=views.charts(found, [first + n * DAY for n in range(span)], words) if found else [],
            missing=missing,
            inspections=[inspection_views.item(each, {id: area.name}, words) for each in listed],
        )

    return routes


def _missing(connection: Connection, newest: AreaLoss) -> list[str]:
    """The customers' points without a measured day, as the balance took them: they decide the loss."""
    if not newest.unmeasured:
        return []
    of = energies.histories(connection, [newest.key], newest.day, newest.day).get(newest.key)
    if of is None:
        return []
    lacking = (of.role[:, 0] == CUSTOMER) & ~of.imported.measured[:, 0]
    return [point for point, yes in zip(of.points, lacking, strict=True) if yes]
