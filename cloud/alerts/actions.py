"""Opens, closes and acknowledges alerts; opening one tells the station in the same transaction."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from cloud.alerts import store
from cloud.alerts.notify import News, Notices
from cloud.alerts.policy import AlertKind, AlertPolicy, NoticeKind
from cloud.metering.store import ms
from protocols.readings import trace_id

STATION = "station"


@dataclass(frozen=True, slots=True)
class Cause:
    """What stands, where, and what shows it; `trace` leads back to the reading or health that told."""

    kind: AlertKind
    key: str
    trace: str
    area: str | None = None
    gateway: str | None = None
    line: str | None = None
    meter: str | None = None
    customer: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)

    def where(self) -> dict[str, str]:
        """The places it names."""
        names = ("area", "gateway", "line", "meter", "customer")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Alarms:
    """Writes alerts into the caller's transaction."""

    def __init__(self, policy: AlertPolicy, notices: Notices) -> None:
        self._policy = policy
        self._notices = notices

    def open(self, connection: Connection, cause: Cause, now: datetime) -> int:
        """A new alert, and the operators' notice of it; the database refuses a second open one."""
        severity = self._policy.kinds[cause.kind].severity
        row = {
            "kind": cause.kind.value,
            "cause": cause.key,
            "severity": severity.value,
            "opened_at": now,
            "trace": cause.trace,
            "evidence": cause.evidence,
        }
        alert = store.add(connection, row | cause.where())
        store.trust(connection, [cause.key])
        params = {"kind": cause.kind.value, **cause.where()}
        news = News(alert, NoticeKind.STATION_ALERT, severity, params, cause.trace, now)
        self._notices.tell_operators(connection, news)
        return alert

    def close(self, connection: Connection, alert: int, now: datetime) -> None:
        store.change(connection, alert, closed_at=now)


def acknowledge(connection: Connection, alert: int, who: str, now: datetime) -> Row[Any]:
    """Note who has seen an alert first; a second one changes nothing. NotFound when there is none."""
    if store.alert(connection, alert).acknowledged_at is None:
        store.change(connection, alert, acknowledged_at=now, acknowledged_by=who)
    return store.alert(connection, alert)


def health_trace(gateway: str, at: datetime) -> str:
    """The trace id of a gateway's health message of its own time `at`."""
    return trace_id(gateway, ms(at), "health")


def station_trace(what: str, at: datetime) -> str:
    """The trace id of what the station itself found at `at`."""
    return trace_id(f"{STATION}/{what}", ms(at), "alert")
