"""Load profiles of the console: who uses how much in which shape, and one point's whole picture."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.customers.points import view as points_view
from cloud.fleet import registry, topology
from cloud.insight.indicators import months
from cloud.insight.indicators import store as indicators
from cloud.insight.profile import store as profiles
from cloud.kit.auth import User
from cloud.kit.days import DAY
from cloud.kit.routes import Routes
from cloud.web.language import Words
from cloud.web.load import places, profile_list, profile_views
from cloud.web.load.quality import percent
from cloud.web.pages import Pages
from cloud.web.parts import Parts

YEAR = timedelta(days=365)
MOST_FOUND = 400
"""So many points a search gives at most."""


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/load")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def list_page(
        request: Request,
        user: Operator,
        q: Annotated[str, Query(max_length=64)] = "",
        area: Annotated[str, Query(max_length=64)] = "",
        month: Annotated[str, Query(max_length=10)] = "",
        group: Annotated[str, Query(max_length=8)] = "",
        sort: Annotated[str, Query(max_length=16)] = "energy",
    ) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            values = _list(connection, words, q.strip(), area, month, group, sort)
        return pages.page(
            request, "console/load/profiles.html", user=user, section="load", load_tab="profiles", **values
        )

    @routes.get("/points/{id}")
    def point_page(request: Request, user: Operator, id: str, days: int = 30) -> Response:  # noqa: A002
        words = pages.words(request)
        with parts.database.read() as connection:
            values = _point(parts, pages, connection, words, id, places.span_asked(days))
        return pages.page(
            request, "console/load/point.html", user=user, section="load", load_tab="profiles", **values
        )

    return routes


def _list(
    connection: Connection, words: Words, q: str, area: str, month: str, group: str, sort: str
) -> dict[str, Any]:
    months = profile_list.months(connection)
    chosen = next((each for each in months if each.strftime("%Y-%m") == month), months[0] if months else None)
    names = registry.area_names(connection)
    code = int(group) if group.isdecimal() else None
    points = points_view.found(connection, q, MOST_FOUND) if q else None
    rows: list[profile_list.Listed] = []
    groups: list[tuple[int, str, int]] = []
    total = 0
    if chosen is not None:
        groups = profile_list.groups(connection, chosen, words)
        rows, total = profile_list.listed(
            connection, chosen, words, points=points, area=area or None, group=code, sort=sort
        )
    return {
        "q": q,
        "chosen": {"area": area, "group": code, "sort": sort if sort in profile_list.SORTS else "energy"},
        "months": months,
        "month": chosen,
        "areas": names,
        "groups": groups,
        "rows": rows,
        "total": total,
        "percent": lambda share, digits=0: percent(share, words, digits),
    }


def _point(
    parts: Parts, pages: Pages, connection: Connection, words: Words, point: str, span: int
) -> dict[str, Any]:
    name = places.require_point(connection, point)
    last = places.today(pages.now(), parts.zone) - DAY
    first = last - (span - 1) * DAY
    series = indicators.days_of(connection, point, first, last)
    found = profiles.profile(connection, point)
    standing = topology.points_named(connection, [point])
    area = standing[0].area if standing else None
    groups = found.groups if found else ()
    return {
        "point": point,
        "name": name,
        "area": area,
        "area_name": registry.area_names(connection, [area]).get(area, area) if area else None,
        "meter": standing[0].meter if standing else None,
        "span": span,
        "spans": places.SPANS,
        "first": first,
        "last": last,
        "sum": profile_views.summary(series, span, words),
        "charts": profile_views.charts(series, words),
        "months": profile_views.months(months.months_of(connection, point, last - YEAR, last)),
        "profile": found,
        "rests": profile_views.profile_quality(found) if found else None,
        "typical": profile_views.typical(found, words) if found else None,
        "group": profile_views.group_said(found.group if found else None, words),
        "groups": [(each, profile_views.group_said(each, words)) for each in groups],
        "variability": profile_views.variability(found.group if found else None, words),
        "temperature": profile_views.temperature(found.temperature, words) if found else [],
        "percent": lambda share, digits=0: percent(share, words, digits),
    }
