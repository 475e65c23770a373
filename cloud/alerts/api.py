"""Alerts for operators, and everybody's own inbox of notices."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel
from sqlalchemy import Row

from cloud.alerts import actions, notify, restoration, store
from cloud.alerts.notify import Notice
from cloud.alerts.policy import AlertKind, NoticeKind, Severity
from cloud.kit.auth import Role, User
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.paging import After, AfterId, Limit, Page, RowId
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes


class Alert(BaseModel):
    """`gone_since`: the cause is gone, and the alert ends when it stays away."""

    id: int
    kind: AlertKind
    severity: Severity
    area: str | None
    gateway: str | None
    line: str | None
    meter: str | None
    customer: str | None
    opened_at: datetime
    closed_at: datetime | None
    gone_since: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    order_number: str | None
    trace: str


class OutMeter(BaseModel):
    """`dark_at` and `back_at` (the first voltage since) are the gateway's time."""

    meter: str
    dark_at: datetime
    back_at: datetime | None
    restored_at: datetime | None


class AlertDetail(Alert):
    """`evidence` is what was known when it opened, and of each meter that joined."""

    evidence: dict[str, Any]
    meters: list[OutMeter]


class NoticeOut(BaseModel):
    """Its words are made from `kind` and `params` in the reader's language; it holds no usage.

    `alert` is null of what is none, as an offer.
    """

    id: int
    alert: int | None
    kind: NoticeKind
    severity: Severity
    params: dict[str, Any]
    trace: str
    created_at: datetime
    read_at: datetime | None


def router(database: Database, guard: Guard, clock: Clock) -> Routes:
    routes = Routes(tags=["alerts"], responses=RESPONSES)
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806
    Reader = Annotated[User, Depends(guard.user)]  # noqa: N806

    @routes.get("/alerts")
    def alerts(
        _: Operator,
        only_open: bool = False,
        kind: AlertKind | None = None,
        area: After = "",
        after: AfterId = None,
        limit: Limit = 100,
    ) -> Page[Alert]:
        """Alerts, newest first."""
        with database.read() as connection:
            rows = store.alerts(
                connection,
                only_open=only_open,
                kind=kind,
                area=area or None,
                before=after,
                limit=limit + 1,
            )
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=[_alert(row) for row in rows[:limit]], next=more)

    @routes.get("/alerts/{id}")
    def alert(_: Operator, id: RowId) -> AlertDetail:  # noqa: A002
        """One alert with its evidence and, of an outage, its meters."""
        with database.read() as connection:
            row = store.alert(connection, id)
            meters = store.out_meters(connection, id).values()
        return AlertDetail(**row._mapping, meters=[_out_meter(meter) for meter in meters])

    @routes.post("/alerts/{id}/acknowledge")
    def acknowledge(user: Operator, id: RowId) -> Alert:  # noqa: A002
        """Say that you have seen it and care for it."""
        with database.write() as connection:
            return _alert(actions.acknowledge(connection, id, user.login, clock.now()))

    @routes.get("/notices")
    def notices(user: Reader, after: AfterId = None, limit: Limit = 100) -> Page[NoticeOut]:
        """Your inbox, newest first; an operator's is the station's."""
        with database.read() as connection:
            found = notify.inbox(connection, reader(user), before=after, limit=limit + 1)
        more = str(found[limit - 1].id) if len(found) > limit else None
        return Page(items=[_notice(each) for each in found[:limit]], next=more)

    @routes.post("/notices/{id}/read", status_code=204)
    def read(user: Reader, id: RowId) -> None:  # noqa: A002
        """Say that you have read it."""
        with database.write() as connection:
            notify.mark_read(connection, id, reader(user), clock.now())

    return routes


def reader(user: User) -> str | None:
    """Whose inbox a user reads: their customer's; None is the station's, for operators only."""
    if user.role == Role.OPERATOR:
        return None
    assert user.customer is not None, "a customer's login names its customer"
    return user.customer


def _alert(row: Row[Any]) -> Alert:
    return Alert(**row._mapping)


def _out_meter(row: restoration.OutMeter) -> OutMeter:
    return OutMeter(meter=row.meter, dark_at=row.dark_at, back_at=row.back_at, restored_at=row.restored_at)


def _notice(each: Notice) -> NoticeOut:
    return NoticeOut(
        id=each.id,
        alert=each.alert,
        kind=each.kind,
        severity=each.severity,
        params=dict(each.params),
        trace=each.trace,
        created_at=each.created_at,
        read_at=each.read_at,
    )
