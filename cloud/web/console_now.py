"""The figures of the Now page: what a shift wants to know at one glance."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.web import desk_views
from cloud.web.command_views import waiting
from cloud.web.desk_views import AlertView, GatewayView, OrderView
from cloud.web.language import Words
from cloud.web.overview import AreaNow, areas_now
from cloud.web.parts import Parts
from cloud.web.station import Picture, Station

MOST_AREAS = 60
MOST_ITEMS = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """`areas_unknown` are silent or report 0 V with no outage proven; `spoken` is for screen readers."""

    areas: int
    areas_supplied: int
    areas_out: int
    areas_unknown: int
    meters: int
    heard: int
    silent: int
    gateways: int
    gateways_heard: int
    alerts: int
    alerts_new: int
    orders: int
    orders_late: int
    newest_at: datetime | None
    spoken: str


def safety(words: Words) -> str:
    return words.text(
        "A silent meter or 0 V says nothing about whether a line is live. Before any work: isolate, test, "
        "earth; mind back-feed from PV and generators."
    )


def now_values(parts: Parts, station: Station, words: Words) -> dict[str, Any]:
    picture = station.picture()
    areas = areas_now(picture.areas, picture.meters, desk_views.areas_out(parts))
    gateways = desk_views.gateways(parts)
    alerts, orders = desk_views.open_alerts(parts, words), desk_views.open_orders(parts, words)
    return {
        "figures": _figures(picture, areas, gateways, alerts, orders, words),
        "areas": areas[:MOST_AREAS],
        "gateways": gateways[:MOST_AREAS],
        "alerts": alerts[:MOST_ITEMS],
        "orders": orders[:MOST_ITEMS],
        "waiting": waiting(parts, words)[:MOST_ITEMS],
        "safety": safety(words),
    }


def _figures(
    picture: Picture,
    areas: list[AreaNow],
    gateways: list[GatewayView],
    alerts: list[AlertView],
    orders: list[OrderView],
    words: Words,
) -> Figures:
    states = [area.state for area in areas]
    heard = sum(meter.heard for meter in picture.meters)
    new = sum(alert.acknowledged_by is None for alert in alerts)
    return Figures(
        len(areas),
        states.count("supplied"),
        states.count("out"),
        states.count("unknown") + states.count("no_voltage"),
        len(picture.meters),
        heard,
        len(picture.meters) - heard,
        len(gateways),
        sum(gateway.heard for gateway in gateways),
        len(alerts),
        new,
        len(orders),
        sum(order.late for order in orders),
        max((meter.at for meter in picture.meters if meter.at), default=None),
        words.many("%(num)s alert not acknowledged", "%(num)s alerts not acknowledged", new),
    )
