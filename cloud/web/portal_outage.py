"""The outage at one account: how far the work is, when supply is expected and who says so, how many share it.

It is over for a customer when their own meters show voltage, not when the order says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from cloud.alerts import store as alerts
from cloud.alerts.restoration import OutMeter
from cloud.customers.store import Served, meters_of_account
from cloud.web.language import Words, mark
from cloud.web.names import ORIGINS
from cloud.workorders import store as orders
from cloud.workorders.rules import OrderState, Origin

STAGES = (
    mark("Reported by the meters"),
    mark("Confirmed by the control room"),
    mark("Crew sent"),
    mark("Crew on site"),
    mark("Repairing"),
    mark("Supply restored"),
)
_REACHED = {
    OrderState.NEW: 0,
    OrderState.ACCEPTED: 1,
    OrderState.CREW_SENT: 2,
    OrderState.ON_SITE: 3,
    OrderState.REPAIRING: 4,
    OrderState.RESTORED: 4,
    OrderState.CLOSED: 4,
    OrderState.CANCELLED: 0,
}
_EVENTS = {"accept": 1, "send_crew": 2, "arrive": 3, "start_repair": 4}
SMALLEST_GROUP = 10
"""Below this a number would point at neighbours."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`kind` is done, current or ahead."""

    name: str
    kind: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class OutageView:
    number: str | None
    opened_at: datetime
    own_restored: datetime | None
    stages: Sequence[Stage]
    earliest: datetime | None
    latest: datetime | None
    origin: str
    overdue: bool
    cause: str | None
    affected: str
    updated_at: datetime


def outage_of(connection: Connection, account: str, words: Words, now: datetime) -> OutageView | None:
    """The newest outage that one of the account's meters is in, while it is open or that meter still dark."""
    served = meters_of_account(connection, account, now)
    for alert in reversed(alerts.outages_with_dark(connection, {each.area for each in served})):
        own = _own(alerts.out_meters(connection, alert.id), served)
        if own and (alert.closed_at is None or any(each.restored_at is None for each in own)):
            order = orders.by_alert(connection, alert.id)
            times = _times(connection, alert, order)
            return _view(alert, order, times, _restored(own), words, now)
    return None


def _own(out: dict[str, OutMeter], served: Sequence[Served]) -> list[OutMeter]:
    return [out[each.meter] for each in served if each.meter in out]


def _restored(own: Sequence[OutMeter]) -> datetime | None:
    """When the last of the account's meters showed voltage; None while one does not."""
    ends = [each.restored_at for each in own]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _times(connection: Connection, alert: Row[Any], order: Row[Any] | None) -> dict[int, datetime]:
    found = {0: alert.opened_at}
    for each in orders.ORDERS.events(connection, order.id) if order is not None else ():
        if each.event in _EVENTS:
            found[_EVENTS[each.event]] = each.at
    return found


def _view(
    alert: Row[Any],
    order: Row[Any] | None,
    times: dict[int, datetime],
    restored: datetime | None,
    words: Words,
    now: datetime,
) -> OutageView:
    latest = order.latest if order is not None else None
    origin = ORIGINS[Origin(order.estimate_origin)] if order is not None and order.estimate_origin else ""
    updated = max(at for at in (alert.opened_at, order.changed_at if order else None, restored) if at)
    return OutageView(
        order.number if order is not None else None,
        alert.opened_at,
        restored,
        _stages(order, times, restored, words),
        (order.earliest or latest) if order is not None else None,
        latest,
        words.text(origin) if origin else "",
        latest is not None and latest < now,
        order.cause if order is not None else None,
        affected(order.customers if order is not None else None, words),
        updated,
    )


def _stages(
    order: Row[Any] | None, times: dict[int, datetime], restored: datetime | None, words: Words
) -> list[Stage]:
    last = len(STAGES) - 1
    reached = last if restored else _REACHED[OrderState(order.state)] if order is not None else 0
    stages = []
    for number, name in enumerate(STAGES):
        current = "current" if restored is None else "done"
        kind = "done" if number < reached else current if number == reached else "ahead"
        at = restored if number == last else times.get(number)
        stages.append(Stage(words.text(name), kind, at if kind != "ahead" else None))
    return stages


def affected(customers: int | None, words: Words) -> str:
    """How many customers are out, in words; a small group is not counted out."""
    if customers is None:
        return words.text("how many is not known yet")
    if customers < SMALLEST_GROUP:
        return words.text("a few customers near you")
    rounded = round(customers / SMALLEST_GROUP) * SMALLEST_GROUP
    return words.many("about %(num)s customer in your area", "about %(num)s customers in your area", rounded)
