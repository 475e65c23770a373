"""What alerts, orders and their stages are called on a page: one table each, words from the catalogues."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from cloud.alerts.policy import AlertKind, Severity
from cloud.web.language import Words, mark
from cloud.workorders.progress import Progress
from cloud.workorders.rules import OrderEvent, OrderState, Origin

ALERTS = {
    AlertKind.AREA_OUTAGE: mark("Area without supply"),
    AlertKind.LINE_SILENT: mark("Line silent"),
    AlertKind.LINE_DOWN: mark("Line not connected"),
    AlertKind.GATEWAY_DARK: mark("Gateway not heard"),
    AlertKind.BROKER_DOWN: mark("Own link to the broker is down"),
    AlertKind.METER_SILENT: mark("Meter silent"),
    AlertKind.UNUSUAL_USAGE: mark("Unusual usage"),
    AlertKind.DELIVERY_FAILED: mark("Notices cannot be delivered"),
    AlertKind.DATA_MISSING: mark("Readings do not come though the gateway is heard"),
    AlertKind.POLICY_REFUSED: mark("A changed policy file is wrong"),
    AlertKind.VOLTAGE_LIMIT: mark("Voltage beyond the promised limits"),
    AlertKind.POWER_FACTOR_LIMIT: mark("Power factor below the promised limit"),
    AlertKind.DEMAND_LIMIT: mark("Demand above the promised limit"),
    AlertKind.CURTAILMENT: mark("A curtailment list concerns today or tomorrow"),
}
NEXT_STEPS = {
    AlertKind.AREA_OUTAGE: mark("Customers are told. Send a crew by its work order."),
    AlertKind.LINE_SILENT: mark(
        "No meter of this line answers and nothing proves an outage: check the line and its converter."
    ),
    AlertKind.LINE_DOWN: mark(
        "The gateway cannot open this line: check the cable and the converter's power."
    ),
    AlertKind.GATEWAY_DARK: mark("Its readings wait in the gateway. Check its supply and its radio link."),
    AlertKind.BROKER_DOWN: mark("No gateway can be heard meanwhile. See that the broker runs."),
    AlertKind.METER_SILENT: mark("Its neighbours answer: check this meter and its wiring."),
    AlertKind.UNUSUAL_USAGE: mark("The customer is told, without figures."),
    AlertKind.DELIVERY_FAILED: mark("The inbox has them; check the channel's address and password."),
    AlertKind.DATA_MISSING: mark(
        "The gateway keeps them; our subscription was renewed already. Check the broker's access list, "
        "the store of readings and the gateway's disk."
    ),
    AlertKind.POLICY_REFUSED: mark(
        "The policy before it keeps running. Mend the file; wattpost cloud policy check tells what is wrong."
    ),
    AlertKind.VOLTAGE_LIMIT: mark(
        "The customer is told. See whether the area's transformer tap, its load or the service line is why."
    ),
    AlertKind.POWER_FACTOR_LIMIT: mark("The customer is told. Advice on compensation is in their file."),
    AlertKind.DEMAND_LIMIT: mark("The customer is told. See whether contract and load still fit."),
    AlertKind.CURTAILMENT: mark(
        "Nothing is switched by itself. See that each account on the list was told, and who is protected."
    ),
}
SEVERITIES = {
    Severity.SEVERE: ("bad", mark("severe")),
    Severity.WARNING: ("warn", mark("warning")),
    Severity.INFO: ("none", mark("for information")),
}
ORDER_STATES = {
    OrderState.NEW: mark("new"),
    OrderState.ACCEPTED: mark("confirmed"),
    OrderState.CREW_SENT: mark("crew sent"),
    OrderState.ON_SITE: mark("on site"),
    OrderState.REPAIRING: mark("repairing"),
    OrderState.RESTORED: mark("restored"),
    OrderState.CLOSED: mark("closed"),
    OrderState.CANCELLED: mark("cancelled"),
}
STILL_DARK = mark("restored for the area, not yet at your meter")
EVENTS = {
    OrderEvent.ACCEPT: mark("Confirm"),
    OrderEvent.SEND_CREW: mark("Crew sent"),
    OrderEvent.ARRIVE: mark("Crew on site"),
    OrderEvent.START_REPAIR: mark("Repair begun"),
    OrderEvent.FINISH_REPAIR: mark("Repair done"),
    OrderEvent.CLOSE: mark("Close"),
    OrderEvent.CANCEL: mark("Cancel"),
}
HISTORY = {
    "open": mark("opened"),
    "report": mark("fault report from a customer"),
    "estimate": mark("estimate given"),
    "accept": mark("confirmed"),
    "send_crew": mark("crew sent"),
    "arrive": mark("crew on site"),
    "start_repair": mark("repair begun"),
    "finish_repair": mark("repair done"),
    "supply_returned": mark("meters show voltage again"),
    "close": mark("closed"),
    "cancel": mark("cancelled"),
}
KINDS = {"outage": mark("Outage"), "customer_report": mark("Customer's fault report")}
ORIGINS = {
    Origin.COMPUTED: mark("Estimate computed from the service promise"),
    Origin.CREW: mark("Estimate from the crew"),
    Origin.OPERATOR: mark("Estimate from the control room"),
}


def place(alert: Row[Any], areas: dict[str, str]) -> str:
    """Where an alert is: its area by name, or its gateway, line or meter; of a policy, file and line."""
    if alert.kind == AlertKind.POLICY_REFUSED:
        return str(alert.evidence["refused"])
    parts = [areas.get(alert.area, alert.area) if alert.area else None, alert.meter, alert.line]
    if not alert.area:
        parts.append(alert.gateway)
    return " · ".join(part for part in parts if part)


def estimate(order: Row[Any] | Progress, words: Words, now: datetime) -> str:
    """A range with where it comes from, or nothing when there is none."""
    if order.latest is None or order.estimate_origin is None:
        return ""
    return words.text(
        "%(start)s to %(end)s (%(origin)s)",
        start=words.moment(order.earliest or order.latest, now),
        end=words.moment(order.latest, now),
        origin=words.text(ORIGINS[Origin(order.estimate_origin)]),
    )
