"""The operators' pages: what is going on now, areas, meters, gateways. Every route is for operators only."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.responses import JSONResponse, Response

from cloud.alerts import store as alerts
from cloud.fleet import history, registry
from cloud.kit.auth import User
from cloud.kit.errors import NotFound
from cloud.kit.routes import Routes
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.store import instant
from cloud.web import (
    command_views,
    console_collection,
    console_commands,
    console_dead_letters,
    console_desk,
    console_exceptions,
    console_gateway,
    console_live,
    console_registry,
    day,
    desk_views,
    store_view,
)
from cloud.web.console_now import now_values, safety
from cloud.web.customers import site as customer_pages
from cloud.web.load import site as load_pages
from cloud.web.overview import MeterNow, areas_now, meters_now
from cloud.web.pages import Pages
from cloud.web.parts import Parts
from cloud.web.quantities import in_order, name_of, source_of, value_of
from cloud.web.station import Station

MOST_METERS = 200


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/console")
    station = Station(parts)
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def now_page(request: Request, user: Operator) -> Response:
        values = now_values(parts, station, pages.words(request))
        return pages.page(request, "console/now.html", user=user, section="now", **values)

    @routes.get("/now")
    def now_part(request: Request, user: Operator) -> Response:
        """The moving part of the Now page alone, for the page that is open."""
        values = now_values(parts, station, pages.words(request))
        values["here"] = "/console"
        return pages.page(request, "console/now_live.html", user=user, **values)

    @routes.get("/areas")
    def areas_page(request: Request, user: Operator) -> Response:
        picture = station.picture()
        areas = areas_now(picture.areas, picture.meters, desk_views.areas_out(parts))
        words = pages.words(request)
        return pages.page(
            request, "console/areas.html", user=user, section="areas", areas=areas, safety=safety(words)
        )

    @routes.get("/areas/{id}")
    def area_page(request: Request, user: Operator, id: str) -> Response:  # noqa: A002
        picture = station.picture()
        row = next((each for each in picture.areas if each.id == id), None)
        if row is None:
            raise NotFound(f"there is no area {id!r}")
        meters = [meter for meter in picture.meters if meter.area == id]
        (area,) = areas_now([row], meters, desk_views.areas_out(parts))
        return pages.page(
            request,
            "console/area.html",
            user=user,
            section="areas",
            area=area,
            meters=sorted(meters, key=lambda meter: (meter.role != "area", meter.id)),
            area_names={},
            alerts=desk_views.open_alerts(parts, pages.words(request), area=id),
            safety=safety(pages.words(request)),
        )

    @routes.get("/meters")
    def meters_page(
        request: Request,
        user: Operator,
        q: Annotated[str, Query(max_length=64)] = "",
        only: Annotated[str, Query(max_length=16)] = "",
    ) -> Response:
        picture = station.picture()
        found = [meter for meter in picture.meters if _fits(meter, picture.area_names, q.strip(), only)]
        return pages.page(
            request,
            "console/meters.html",
            user=user,
            section="meters",
            q=q,
            only=only,
            meters=found[:MOST_METERS],
            total=len(found),
            area_names=picture.area_names,
        )

    @routes.get("/meters/{id}")
    def meter_page(request: Request, user: Operator, id: str, day: str = "") -> Response:  # noqa: A002
        return pages.page(
            request,
            "console/meter.html",
            user=user,
            section="meters",
            **_meter_values(parts, pages, request, id, day),
        )

    @routes.get("/meters/{id}/day.json")
    def meter_day(request: Request, _: Operator, id: str, day: str = "") -> JSONResponse:  # noqa: A002
        return JSONResponse(_chart(parts, pages, request, id, day))

    @routes.get("/gateways")
    def gateways_page(request: Request, user: Operator) -> Response:
        rows = desk_views.gateways(parts)
        return pages.page(
            request,
            "console/gateways.html",
            user=user,
            section="gateways",
            gateways=rows,
            engine=store_view.engine(parts),
        )

    routes.include_router(console_desk.router(parts, pages))
    routes.include_router(console_commands.router(parts, pages))
    routes.include_router(console_gateway.router(parts, pages))
    routes.include_router(console_live.router(parts, pages, station))
    routes.include_router(console_collection.router(parts, pages))
    routes.include_router(console_exceptions.router(parts, pages))
    routes.include_router(console_dead_letters.router(parts, pages))
    routes.include_router(console_registry.router(parts, pages))
    routes.include_router(load_pages.router(parts, pages))
    routes.include_router(customer_pages.router(parts, pages))
    return routes


def _fits(meter: MeterNow, area_names: dict[str, str], wanted: str, only: str) -> bool:
    if only and (only == "heard") != meter.heard:
        return False
    places = (meter.id, meter.address, area_names.get(meter.area, ""))
    return any(wanted.lower() in place.lower() for place in places)


def _day(parts: Parts, pages: Pages, meter: str, wanted: str) -> day.Day:
    today = pages.now().astimezone(parts.zone).date()
    return day.of(parts.store, WHOLE_STATION, meter, day.parse(wanted, today), today, parts.zone)


def _meter_values(parts: Parts, pages: Pages, request: Request, id: str, wanted: str) -> dict[str, Any]:  # noqa: A002
    words = pages.words(request)
    with parts.database.read() as connection:
        row = registry.meter(connection, id)
        (area,) = registry.areas(connection, [row.area])
        silences = alerts.silences(connection, [id])
        hung = history.at_points(connection, [id]).get(id)
        asks = command_views.meter_values(connection, row, parts.commands, words, pages.now())
    newest = parts.store.latest(WHOLE_STATION, [id])
    (meter,) = meters_now([row], newest, silences, pages.now(), parts.supply.dark_below_v)
    shown = _day(parts, pages, id, wanted)
    point = hung[-1].values["point"] if hung else None
    latest = [
        {
            "name": name_of(each.quantity, words),
            "value": value_of(each.quantity, each.value, words),
            "at": instant(each.at_ms),
            "source": source_of(each.source, words),
            "unsure": each.quality == "clock_unsure",
        }
        for each in sorted(newest, key=lambda each: in_order(each.quantity))
    ]
    return {
        "meter": meter,
        "area_name": area.name,
        "point": point,
        "latest": latest,
        "coarse": [name_of(each, words) for each in parts.store.not_billing_grade(WHOLE_STATION, row)],
        "day": _DayView(shown, day.rows(shown), day.sentence(shown, words)),
        **asks,
    }


class _DayView:
    """The day as the template reads it."""

    def __init__(self, shown: day.Day, rows: list[day.Row], sentence: str) -> None:
        self.day, self.before, self.after = shown.day, shown.before, shown.after
        self.points, self.voltage_names = shown.points, shown.voltage_names
        self.rows, self.sentence = rows, sentence


def _chart(parts: Parts, pages: Pages, request: Request, id: str, wanted: str) -> dict[str, Any]:  # noqa: A002
    words = pages.words(request)
    with parts.database.read() as connection:
        registry.meter(connection, id)
    shown = _day(parts, pages, id, wanted)
    voltage = words.text("Voltage")
    return {
        "zone": parts.zone.key,
        "from": shown.start.timestamp(),
        "to": shown.end.timestamp(),
        "time": words.text("Time"),
        "power": words.text("Power"),
        "voltages": [f"{voltage} {name}" for name in shown.voltage_names],
        "columns": day.columns(shown),
    }
