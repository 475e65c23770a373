"""Alerts, work orders and gateways as the console shows them: rows turned into words, the urgent first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from cloud.alerts import store as alerts
from cloud.alerts.policy import AlertKind, Severity, SupplyPolicy
from cloud.fleet import gateways as fleet
from cloud.fleet import registry
from cloud.tiers.entitlements.rules import LAST
from cloud.web import alert_words
from cloud.web.customers.promise_words import why_first
from cloud.web.language import Words
from cloud.web.names import ALERTS, EVENTS, KINDS, NEXT_STEPS, ORDER_STATES, SEVERITIES, estimate, place
from cloud.web.parts import Parts
from cloud.workorders import store as orders
from cloud.workorders.rules import UNDER_WAY, OrderState, events

OPEN_STATES = UNDER_WAY | {OrderState.RESTORED}
"""An order stands on the desk until somebody closes it."""


@dataclass(frozen=True, slots=True)
class AlertView:
    id: int
    kind: str
    title: str
    place: str
    step: str
    severity: tuple[str, str]
    opened_at: datetime
    closed_at: datetime | None
    acknowledged_by: str | None
    order: str | None
    area: str | None
    detail: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class OrderView:
    """`deadline` is the next promise that counts; `late` when it has passed; `why` it has its priority."""

    number: str
    kind: str
    state: str
    state_name: str
    place: str
    customers: int
    crew: str | None
    cause: str | None
    opened_at: datetime
    changed_at: datetime
    deadline: datetime
    deadline_name: str
    late: bool
    estimate: str
    events: Sequence[tuple[str, str]]
    open: bool
    priority: int | None
    why: str


@dataclass(frozen=True, slots=True)
class GatewayView:
    """`heard` when it said something itself lately; figures are of its last health message."""

    id: str
    name: str
    heard: bool
    heard_at: datetime | None
    backlog: int | None
    oldest_at: datetime | None
    clock: str
    supply: str


def gateways(parts: Parts) -> list[GatewayView]:
    """Every registered gateway, those not heard first."""
    now = parts.clock.now()
    with parts.database.read() as connection:
        states = {row.gateway: row for row in fleet.states(connection)}
        rows = registry.gateways(connection)
    found = [_gateway(row, states.get(row.id), now, parts.supply) for row in rows]
    return sorted(found, key=lambda gateway: (gateway.heard, gateway.id))


def _gateway(row: Row[Any], state: Row[Any] | None, now: datetime, policy: SupplyPolicy) -> GatewayView:
    health: Mapping[str, Any] = (state.health if state else None) or {}
    heard_at = state.heard_at if state else None
    lately = heard_at is not None and now - heard_at <= policy.heard_within(health.get("every_s", 30.0))
    oldest_ms = health.get("oldest_at_ms")
    return GatewayView(
        row.id,
        row.name,
        bool(lately and state and state.online),
        heard_at,
        health.get("backlog_readings"),
        None if oldest_ms is None else datetime.fromtimestamp(oldest_ms / 1000, tz=now.tzinfo),
        str(health.get("clock", "unknown")),
        str(health.get("supply", "unknown")),
    )


def areas_out(parts: Parts) -> set[str]:
    """The areas with an open outage."""
    with parts.database.read() as connection:
        rows = alerts.alerts(connection, only_open=True, kind=AlertKind.AREA_OUTAGE)
    return {row.area for row in rows}


def open_alerts(parts: Parts, words: Words, area: str | None = None) -> list[AlertView]:
    """Open alerts, the worst first, those not acknowledged before the others."""
    with parts.database.read() as connection:
        rows = alerts.alerts(connection, only_open=True, area=area)
        names = registry.area_names(connection)
    rank = {severity.value: place for place, severity in enumerate(SEVERITIES)}
    ordered = sorted(rows, key=lambda row: (row.acknowledged_at is not None, rank[row.severity], -row.id))
    return [alert_view(row, names, words) for row in ordered]


def open_orders(parts: Parts, words: Words) -> list[OrderView]:
    """Orders that are not closed: those of important customers and of first priority before the others, and
    of one priority the nearest deadline first."""
    now = parts.clock.now()
    with parts.database.read() as connection:
        rows = orders.orders(connection, states=OPEN_STATES)
        names = registry.area_names(connection)
    return sorted((order_view(row, names, words, now) for row in rows), key=_urgency)


def _urgency(order: "OrderView") -> tuple[int, datetime]:
    return (order.priority or LAST, order.deadline)


def alert_view(row: Row[Any], names: dict[str, str], words: Words) -> AlertView:
    kind = AlertKind(row.kind)
    sign, severity = SEVERITIES[Severity(row.severity)]
    named, href = alert_words.where(row)
    return AlertView(
        row.id,
        row.kind,
        words.text(ALERTS[kind]),
        named or place(row, names),
        words.text(NEXT_STEPS[kind]),
        (sign, words.text(severity)),
        row.opened_at,
        row.closed_at,
        row.acknowledged_by,
        row.order_number,
        row.area,
        alert_words.detail(row, words),
        href,
    )


def order_view(row: Row[Any], names: dict[str, str], words: Words, now: datetime) -> OrderView:
    state = OrderState(row.state)
    before_arrival = row.arrived_at is None and state in UNDER_WAY
    deadline = row.on_site_by if before_arrival else row.restore_by
    fitting = events(state, by_meters=row.alert is not None)
    return OrderView(
        row.number,
        words.text(KINDS[row.kind]) if row.kind in KINDS else row.kind,
        row.state,
        words.text(ORDER_STATES[state]),
        names.get(row.area, row.area or ""),
        row.customers,
        row.crew,
        row.cause,
        row.opened_at,
        row.changed_at,
        deadline,
        words.text("on site by") if before_arrival else words.text("supply back by"),
        state in UNDER_WAY and now > deadline,
        estimate(row, words, now) if state in UNDER_WAY else "",
        [(event.value, words.text(EVENTS[event])) for event in fitting],
        state in OPEN_STATES,
        row.priority,
        why_first(row.promised, words),
    )
