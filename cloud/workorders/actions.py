"""Opens orders, moves them and keeps their estimate; an order never says that a line is dead or safe.

Everything happens in the caller's transaction, so an alert and its order are there together or not at all.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Row

from cloud.alerts import store as alerts
from cloud.alerts.outages import Opened, Promise
from cloud.customers import store as customers
from cloud.fleet import registry
from cloud.kit.errors import Conflict, Invalid, NotFound, TooMany
from cloud.tiers.entitlements.orders import Served
from cloud.workorders import store
from cloud.workorders.deadlines import DeadlinePolicy, Sooner, deadlines, place_of
from cloud.workorders.rules import (
    NEEDS_NOTE,
    UNDER_WAY,
    OrderEvent,
    OrderState,
    Origin,
    check_estimate,
    events,
    may_replace,
    move,
)
from cloud.workorders.store import ORDERS

SYSTEM = "system"
OUTAGE = "outage"
CUSTOMER_REPORT = "customer_report"
BACKFEED = {None: "unknown", True: "yes", False: "none_recorded"}
"""Whether PV or generators may feed back (反送电) in the area; unknown: nobody recorded it, so assume."""
OPENED = "open"
REPORTED = "report"
ESTIMATED = "estimate"


Serve = Callable[[Connection, Collection[str], datetime], Served | None]
"""What is owed to these accounts at an instant; None: nothing but the station's own deadlines."""


def to_nobody(_: Connection, __: Collection[str], ___: datetime) -> Served | None:
    """Where nobody has entitlements."""
    return None


@dataclass(frozen=True, slots=True)
class Moved:
    """What somebody did to an order, and what they know of it; None leaves as it is."""

    event: OrderEvent
    who: str
    note: str = ""
    crew: str | None = None
    cause: str | None = None


class Orders:
    """The station's work orders under one deadline policy; `zone` names the day in their numbers.

    `serve` says what is owed to whom an order serves: it comes sooner for that, and never later.
    """

    def __init__(self, policy: DeadlinePolicy, zone: tzinfo, serve: Serve = to_nobody) -> None:
        self._policy = policy
        self._zone = zone
        self._serve = serve

    def open_for_alert(self, connection: Connection, opened: Opened) -> Promise:
        """The one order of an alert, made when it is first asked for; asked again it counts who joined."""
        order = store.by_alert(connection, opened.alert)
        if order is None:
            fields = {"kind": OUTAGE, "area": opened.area, "alert": opened.alert}
            order = self._open(connection, fields | {"customers": opened.customers}, opened.at)
            self._gather_reports(connection, order)
        elif order.customers != opened.customers:
            ORDERS.change(connection, order.id, customers=opened.customers)
        return Promise(order.number, order.earliest, order.latest)

    @staticmethod
    def _gather_reports(connection: Connection, outage: Row[Any]) -> None:
        """Reports that came before the outage was known, and that nobody works on, name its order."""
        for report in store.orders(connection, states=(OrderState.NEW,), area=outage.area):
            if report.kind == CUSTOMER_REPORT:
                ORDERS.change(connection, report.id, outage_order=outage.id)

    def supply_returned(self, connection: Connection, alert: int, at: datetime) -> None:
        """The meters show voltage again: the alert's order is restored; an operator closes it."""
        order = store.by_alert(connection, alert)
        if order is not None and order.state in UNDER_WAY:
            self._move(connection, order, Moved(OrderEvent.SUPPLY_RETURNED, SYSTEM), at)

    def move(self, connection: Connection, number: str, moved: Moved, now: datetime) -> Row[Any]:
        """Do what a person says was done; Conflict when it does not fit."""
        order = store.order(connection, number)
        state = OrderState(order.state)
        fitting = events(state, by_meters=order.alert is not None)
        if moved.event not in fitting:
            wanted = ", ".join(each.value for each in fitting) or "nothing"
            raise Conflict(f"{moved.event.value} does not fit {number}, now {state.value}; {wanted} does")
        if moved.event in NEEDS_NOTE and not moved.note.strip():
            raise Invalid(f"{moved.event.value} needs a note that says why")
        self._move(connection, order, moved, now)
        return store.order(connection, number)

    def _move(self, connection: Connection, order: Row[Any], moved: Moved, now: datetime) -> None:
        before, note = OrderState(order.state), moved.note.strip()
        state, values = move(before, moved.event), dict[str, Any]()
        if moved.crew is not None:
            values["crew"] = moved.crew
        if moved.cause is not None:
            values["cause"] = moved.cause
        if state is OrderState.ON_SITE:
            values |= {"arrived_at": now, **self._computed(order, order.opened_at, now)}
        if state is OrderState.RESTORED:
            values["restored_at"] = now
        if state in (OrderState.CLOSED, OrderState.CANCELLED):
            values["ended_at"] = now
        ORDERS.move(connection, order.id, before, moved.event, who=moved.who, at=now, note=note, **values)

    def set_estimate(
        self,
        connection: Connection,
        number: str,
        earliest: datetime,
        latest: datetime,
        origin: Origin,
        who: str,
        now: datetime,
    ) -> Row[Any]:
        """Say when supply is expected; what a person said is never overwritten by a computed estimate."""
        order = store.order(connection, number)
        if order.state not in UNDER_WAY:
            raise Conflict(f"order {number} is {order.state}: there is nothing left to estimate")
        check_estimate(earliest, latest, now)
        old = Origin(order.estimate_origin) if order.estimate_origin else None
        if not may_replace(old, origin):
            raise Conflict(f"order {number} has an estimate from {order.estimate_origin}: it stands")
        values = {"earliest": earliest, "latest": latest, "estimate_origin": origin.value}
        ORDERS.change(connection, order.id, **values, changed_at=now)
        said = f"{origin.value} {earliest.isoformat()} {latest.isoformat()}"
        ORDERS.note(connection, order.id, now, who=who, event=ESTIMATED, state=order.state, note=said)
        return store.order(connection, number)

    def create_report(
        self,
        connection: Connection,
        customer: str,
        account: str,
        text: str,
        phone_ok: bool,
        now: datetime,
    ) -> str:
        """Take a customer's fault report; the number of the order that answers it comes back.

        An open outage of their area answers it, or their own order still under way; else there is a new one.
        """
        customers.account(connection, account, customer)
        served = customers.meters_of_account(connection, account, now)
        if not served:
            raise NotFound(f"account {account!r} is not served by any meter now")
        limit = self._policy.reports.per_hour
        if store.reports_since(connection, customer, now - timedelta(hours=1)) >= limit:
            raise TooMany(f"at most {limit} reports an hour; in danger call the station", 3600)
        area = served[0].area
        order = self._answering(connection, account, [each.area for each in served])
        if order is None:
            fields = {"kind": CUSTOMER_REPORT, "area": area, "account": account, "customers": 1}
            order = self._open(connection, fields, now)
        report = {"order": order.id, "customer": customer, "account": account, "text": text}
        store.add_report(connection, report | {"phone_ok": phone_ok, "at": now})
        note = f"account {account}"
        ORDERS.note(connection, order.id, now, who=SYSTEM, event=REPORTED, state=order.state, note=note)
        return str(order.number)

    @staticmethod
    def _answering(connection: Connection, account: str, areas: list[str]) -> Row[Any] | None:
        for area in dict.fromkeys(areas):
            outage = alerts.open_outage(connection, area)
            order = None if outage is None else store.by_alert(connection, outage.id)
            if order is not None and order.state in UNDER_WAY:
                return order
        return store.own_open_order(connection, account)

    def _open(self, connection: Connection, fields: dict[str, Any], at: datetime) -> Row[Any]:
        area = fields["area"]
        served = self._serve(connection, _served(connection, fields, at), at)
        promised = None if served is None else served.written(place_of(self._policy, area))
        times = deadlines(self._policy, area, at, sooner=_sooner(promised))
        number = store.next_number(connection, at.astimezone(self._zone).strftime("%Y%m%d"))
        row = fields | {
            "number": number,
            "state": OrderState.NEW.value,
            "backfeed_risk": BACKFEED[None if area is None else registry.area(connection, area).has_backfeed],
            "opened_at": at,
            "changed_at": at,
            "on_site_by": times.on_site_by,
            "restore_by": times.restore_by,
            "earliest": times.earliest,
            "latest": times.latest,
            "estimate_origin": Origin.COMPUTED.value,
            "priority": None if served is None else served.priority,
            "promised": promised,
        }
        id = ORDERS.add(connection, row)  # noqa: A001
        ORDERS.note(connection, id, at, who=SYSTEM, event=OPENED, state=OrderState.NEW)
        return store.order(connection, number)

    def _computed(self, order: Row[Any], opened_at: datetime, arrived_at: datetime) -> dict[str, Any]:
        """What the crew's arrival changes: the deadline, and the estimate unless a person gave one."""
        times = deadlines(self._policy, order.area, opened_at, arrived_at, _sooner(order.promised))
        values: dict[str, Any] = {"restore_by": times.restore_by}
        old = Origin(order.estimate_origin) if order.estimate_origin else None
        if may_replace(old, Origin.COMPUTED):
            values |= {"earliest": times.earliest, "latest": times.latest}
            values["estimate_origin"] = Origin.COMPUTED.value
        return values


def _served(connection: Connection, fields: dict[str, Any], at: datetime) -> list[str]:
    """The accounts an order is for: the one that reported, or everybody in the area."""
    if (account := fields.get("account")) is not None:
        return [account]
    return sorted({each.account for each in customers.customers_of_area(connection, fields["area"], at)})


def _sooner(promised: dict[str, Any] | None) -> Sooner:
    """What was owed when the order opened."""
    return Sooner() if promised is None else Sooner(promised["on_site_min"], promised["restore_min"])
