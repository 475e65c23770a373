"""Line loss on the console: the day's areas, and one area with its days and missing meters."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from cloud.fleet import registry, topology
from cloud.insight.loss import store
from cloud.insight.loss.store import AreaLoss
from cloud.insight.loss.tables import loss_table
from cloud.kit.auth import User
from cloud.kit.days import bounds
from cloud.metering.vee import days as vee_days
from cloud.metering.vee.point_day import ESTIMATES, Method
from cloud.web.load import inspection_views, places
from cloud.web.load import loss_views as views
from cloud.web.load.quality import percent
from cloud.web.pages import Pages
from cloud.web.parts import Parts

DAY = timedelta(days=1)
TREND = 30
_MEASURED = [int(each) for each in Method if each not in ESTIMATES and each is not Method.MISSING]


def router(parts: Parts, pages: Pages) -> APIRouter:
    routes = APIRouter(prefix="/loss")
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
            trends = _trends(connection, chosen)
        return show(
            request,
            user,
            "losses.html",
            day=chosen,
            latest=latest,
            rows=views.rows(found, names, words, trends),
            feeders=views.rows(feeders, {}, words, {}),
            counts=views.counts(found, words),
            said=views.said(found, words),
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
            missing = _missing(parts, connection, newest) if newest else []
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
            to_do=views.to_do(newest, words) if newest else "",
            charts=views.charts(found, [first + n * DAY for n in range(span)], words) if found else [],
            missing=missing,
            inspections=[inspection_views.item(each, {id: area.name}, words) for each in listed],
        )

    return routes


def _trends(connection: Connection, day: date) -> dict[str, list[AreaLoss]]:
    """The last days of every area, in order."""
    table = loss_table.c
    query = (
        select(loss_table)
        .where(table.kind == store.AREA, table.day.between(day - (TREND - 1) * DAY, day))
        .order_by(table.day)
    )
    found: dict[str, list[AreaLoss]] = defaultdict(list)
    for row in connection.execute(query):
        values = {name: value for name, value in row._mapping.items() if name != "at"}
        found[row.key].append(AreaLoss(**values))
    return found


def _missing(parts: Parts, connection: Connection, newest: AreaLoss) -> list[tuple[str, str]]:
    """(point, meter) of the customers without a wholly measured day: who decides what the loss is."""
    if not newest.unmeasured:
        return []
    start, end = bounds(newest.day, parts.zone)
    standing = topology.in_service(connection, start, end, areas=[newest.key])
    hung = {each.point: each.installations[-1].meter for each in standing if each.role == "customer"}
    kept = vee_days.newest(connection, newest.day, newest.day, points=sorted(hung))
    whole = {each.point for each in kept if np.isin(each.method, _MEASURED).all()}
    return sorted((point, meter) for point, meter in hung.items() if point not in whole)
