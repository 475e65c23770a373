"""The load to come, on the console: station, feeders, areas, transformers, points; what may be overloaded."""

from collections.abc import Collection
from datetime import date
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from cloud.fleet import registry
from cloud.fleet.history import feeder_table
from cloud.insight.forecast import store
from cloud.insight.forecast.store import Forecast, Kind
from cloud.kit.auth import User
from cloud.kit.errors import Conflict, NotFound
from cloud.kit.routes import Routes
from cloud.kit.scope import WHOLE_STATION
from cloud.web.language import Words
from cloud.web.load import forecast_views as views
from cloud.web.load import measured, places
from cloud.web.load.plot import Limit
from cloud.web.load.quality import percent
from cloud.web.pages import Pages
from cloud.web.parts import Parts

MOST_SUMMED = 80
"""Readings are summed over at most so many area meters: more would keep the page waiting."""


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/load/forecast")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    def show(request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "load", "load_tab": "forecast"}
        return pages.page(request, f"console/load/{template}", user=user, **values)

    @routes.get("")
    def overview(request: Request, user: Operator, day: str = "") -> Response:
        words = pages.words(request)
        today = places.today(pages.now(), parts.zone)
        with parts.database.read() as connection:
            latest = _latest(connection)
            wanted = places.day_asked(day, latest or today, latest or today)
            values = _overview(connection, words, wanted)
            days = _station_days(parts, pages, connection, words, (today, wanted))
        return show(
            request, user, "forecast.html", day=wanted, latest=latest, today=today, days=days, **values
        )

    @routes.get("/{kind}/{id}")
    def one(request: Request, user: Operator, kind: str, id: str, day: str = "") -> Response:  # noqa: A002
        words = pages.words(request)
        if kind not in set(Kind):
            raise NotFound(f"there is no forecast of a {kind!r}")
        with parts.database.read() as connection:
            values = _one(parts, pages, connection, words, Kind(kind), id, day)
        return show(request, user, "forecast_one.html", **values)

    return routes


def _latest(connection: Connection) -> date | None:
    spans = (store.days(connection, kind) for kind in (Kind.AREA, Kind.FEEDER, Kind.TRANSFORMER, Kind.POINT))
    return max((span[1] for span in spans if span), default=None)


def _overview(connection: Connection, words: Words, day: date) -> dict[str, Any]:
    areas = registry.area_names(connection)
    named = connection.execute(select(feeder_table.c.id, feeder_table.c.name))
    feeders = {row.id: row.name for row in named}
    transformers = store.of_kind(connection, Kind.TRANSFORMER, day)
    unknown = sum(each.outlook is not None and each.outlook.capacity_kva is None for each in transformers)
    return {
        "feeders": views.rows(store.of_kind(connection, Kind.FEEDER, day), feeders),
        "areas": views.rows(store.of_kind(connection, Kind.AREA, day), areas),
        "risks": views.risks(transformers, words),
        "transformers": len(transformers),
        "no_capacity": unknown,
        "area_names": areas,
        "percent": lambda share, digits=0: percent(share, words, digits),
    }


def _station_days(
    parts: Parts, pages: Pages, connection: Connection, words: Words, days: tuple[date, ...]
) -> list[tuple[views.Day, int, int]]:
    """(figure, how many areas are in it, of how many) of each day: the station's own forecast."""
    found = []
    for day in dict.fromkeys(days):
        whole = store.newest(connection, Kind.STATION, store.STATION, day)
        if whole is None or not np.isfinite(whole.p50).any():
            continue
        every = store.of_kind(connection, Kind.TRANSFORMER, day)
        names = [each.subject for each in every if np.isfinite(each.p50).any()]
        real, lacking = _came(parts, pages, connection, words, day, names)
        shown = views.day(day, views.curves(whole, real), words, lacking=lacking)
        found.append((shown, len(names), len(every)))
    return found


def _came(
    parts: Parts,
    pages: Pages,
    connection: Connection,
    words: Words,
    day: date,
    areas: Collection[str],
    point: str = "",
) -> tuple[views.Curve | None, str]:
    """What came of a day that has begun, of these areas or of the point, and what to say where it lacks.

    Of many areas it is in the archive, once the day is closed: readings of all their meters are too many.
    """
    today = places.today(pages.now(), parts.zone)
    if day > today:
        return None, ""
    if len(areas) <= MOST_SUMMED:
        return _by_readings(parts, pages, connection, day, areas, point), ""
    if day == today:
        return None, words.text(
            "What came is not added up while the day runs: these are more than %(most)s area meters. It "
            "shows once the day is archived.",
            most=MOST_SUMMED,
        )
    try:
        kw = measured.archived_kw(connection, parts.archive, day, parts.zone, areas)
    except Conflict:
        return None, words.text("What came is not known: a file of the archive is damaged.")
    if np.isfinite(kw).any():
        return kw, ""
    return None, words.text("What came is not known: not every area meter's day is in the archive.")


def _by_readings(
    parts: Parts, pages: Pages, connection: Connection, day: date, areas: Collection[str], point: str
) -> views.Curve | None:
    if point:
        meters = measured.point_meters(connection, day, parts.zone, point)
    else:
        meters = measured.area_meters(connection, day, parts.zone, areas)
    if not meters:
        return None
    return measured.kw_of_day(parts.store, WHOLE_STATION, meters, day, parts.zone, pages.now())


def _one(
    parts: Parts, pages: Pages, connection: Connection, words: Words, kind: Kind, subject: str, wanted: str
) -> dict[str, Any]:
    today = places.today(pages.now(), parts.zone)
    name, areas = _named(connection, kind, subject)
    span = store.days(connection, kind)
    latest = span[1] if span else today
    asked = places.day_asked(wanted, latest, latest)
    found = {day: store.newest(connection, kind, subject, day) for day in dict.fromkeys((today, asked))}
    days, newest = [], None
    for day, forecast in found.items():
        if forecast is None:
            continue
        newest = forecast
        point = subject if kind is Kind.POINT else ""
        real, lacking = _came(parts, pages, connection, words, day, areas, point)
        limits = _limits(forecast, words)
        days.append(views.day(day, views.curves(forecast, real), words, limits=limits, lacking=lacking))
    return {
        "kind": kind,
        "kind_name": words.text(views.KINDS[kind]),
        "subject": subject,
        "name": name,
        "area_names": registry.area_names(connection, areas) if kind is not Kind.FEEDER else {},
        "today": today,
        "asked": asked,
        "days": days,
        "forecast": newest,
        "made": views.made(newest, words) if newest else None,
        "worth": views.worth(newest, words) if newest else "",
        "errors": views.error_rows(newest.figures, words) if newest else [],
        "risks": views.risks([newest], words) if newest else [],
        "percent": lambda share, digits=0: percent(share, words, digits),
    }


def _limits(found: Forecast, words: Words) -> list[Limit]:
    """A transformer's capacity as active power, so that it can be held beside the load."""
    outlook = found.outlook
    if outlook is None or outlook.capacity_kva is None or outlook.power_factor is None:
        return []
    kw = outlook.capacity_kva * outlook.power_factor
    said = words.text("capacity %(kva)s kVA", kva=words.number(outlook.capacity_kva))
    return [Limit(said, kw)]


def _named(connection: Connection, kind: Kind, subject: str) -> tuple[str, list[str]]:
    """Its name and the areas that it is; NotFound when there is no such thing."""
    if kind is Kind.POINT:
        return places.require_point(connection, subject) or subject, []
    if kind is Kind.FEEDER:
        areas = [row.id for row in registry.areas(connection) if row.feeder == subject]
        if not areas:
            raise NotFound(f"there is no feeder {subject!r}")
        return subject, areas
    return str(registry.area(connection, subject).name), [subject]
