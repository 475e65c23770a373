"""Transformers on the console: a day's list, and one of them over its days with spells and who drew most."""

from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from cloud.fleet import registry
from cloud.insight.areas import store
from cloud.kit.auth import User
from cloud.kit.days import DAY
from cloud.kit.routes import Routes
from cloud.web.load import places
from cloud.web.load import transformer_views as views
from cloud.web.load.quality import percent
from cloud.web.pages import Pages
from cloud.web.parts import Parts

SPELLS = 8


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/load/transformers")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        words = pages.words(request)
        values |= {"section": "load", "load_tab": "transformers"}
        values["percent"] = lambda share, digits=0: percent(share, words, digits)
        values["limits"] = parts.transformer
        return pages.page(request, f"console/load/{template}", user=user, **values)

    @routes.get("")
    def day_page(request: Request, user: Operator, day: str = "") -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            latest = store.newest_day(connection)
            today = places.today(pages.now(), parts.zone)
            chosen = places.day_asked(day, latest or today - DAY, latest or today)
            found = store.on_day(connection, store.Kind.AREA, chosen)
            names = registry.area_names(connection)
        return show(
            request,
            user,
            "transformers.html",
            day=chosen,
            latest=latest,
            rows=views.rows(found, names, words),
            lead=views.said(found, words),
        )

    @routes.get("/{id}")
    def one(request: Request, user: Operator, id: str, days: int = 30) -> Response:  # noqa: A002
        words, span = pages.words(request), places.span_asked(days)
        with parts.database.read() as connection:
            area = registry.area(connection, id)
            last = store.newest_day(connection) or places.today(pages.now(), parts.zone) - DAY
            first = last - (span - 1) * DAY
            found = store.of_area(connection, id, first, last)
        shown = [first + number * DAY for number in range(span)]
        newest = found[-1] if found else None
        spells = views.spells(found, words)
        return show(
            request,
            user,
            "transformer.html",
            area=area,
            span=span,
            spans=places.SPANS,
            newest=newest,
            row=views.row(newest, area.name, words) if newest else None,
            rates=views.rate_chart(found, shown, parts.transformer, words),
            rates_known=any(each.loading for each in found),
            voltage=views.voltage_chart(found, shown, words),
            imbalance=views.imbalance_chart(found, shown, words),
            spells=spells[:SPELLS],
            spell_count=len(spells),
            at_peak=views.contributions(newest.contributions, words) if newest else (),
            factor=views.factor_said(newest.loading, words) if newest and newest.loading else "",
        )

    return routes
