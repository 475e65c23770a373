"""Remembers alerts, the meters of each outage, and what is suspected but does not stand long enough yet.

One open alert per cause is kept by the database itself, not only by the code that asks first.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    CompoundSelect,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from cloud.alerts.policy import AlertKind
from cloud.alerts.restoration import OutMeter
from cloud.fleet.registry import meter_table
from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound

alert_table = Table(
    "alert",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("cause", String(200), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("area", String(64)),
    Column("gateway", String(64)),
    Column("line", String(64)),
    Column("meter", String(64)),
    Column("customer", String(64)),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("gone_since", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", String(64)),
    Column("order_number", String(32)),
    Column("trace", String(16), nullable=False),
    Column("evidence", JSON, nullable=False),
    Index(None, "area"),
    Index(None, "customer"),
)
Index(
    "uq_alert_open_cause",
    alert_table.c.cause,
    unique=True,
    sqlite_where=alert_table.c.closed_at.is_(None),
    postgresql_where=alert_table.c.closed_at.is_(None),
)
out_meter_table = Table(
    "alert_meter",
    metadata,
    Column("alert", ForeignKey("alert.id"), primary_key=True),
    Column("meter", String(64), primary_key=True),
    Column("dark_at", Instant, nullable=False),
    Column("back_at", Instant),
    Column("restored_at", Instant),
    Index(None, "meter"),
)
Index(
    "ix_alert_meter_dark",
    out_meter_table.c.meter,
    sqlite_where=out_meter_table.c.restored_at.is_(None),
    postgresql_where=out_meter_table.c.restored_at.is_(None),
)
suspicion_table = Table(
    "alert_suspicion",
    metadata,
    Column("cause", String(200), primary_key=True),
    Column("gateway", String(64)),
    Column("since", Instant, nullable=False),
)
silence_table = Table(
    "meter_silence",
    metadata,
    Column("meter", String(64), primary_key=True),
    Column("since", Instant, nullable=False),
)


usage_hour_table = Table(
    "usage_hour",
    metadata,
    Column("hour", Instant, primary_key=True),
)


def add(connection: Connection, row: dict[str, Any]) -> int:
    """Save a new alert; its id comes back."""
    added = insert(alert_table).values(row).returning(alert_table.c.id)
    return int(connection.execute(added).scalar_one())


def change(connection: Connection, id: int, **values: Any) -> None:  # noqa: A002
    connection.execute(update(alert_table).where(alert_table.c.id == id).values(values))


def alert(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    """One alert; NotFound when there is none."""
    row = connection.execute(select(alert_table).where(alert_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no alert {id}")
    return row


def alerts(
    connection: Connection,
    *,
    only_open: bool = False,
    kind: AlertKind | None = None,
    area: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Alerts, newest first, from behind the id `before`."""
    query = select(alert_table).order_by(alert_table.c.id.desc()).limit(limit)
    if only_open:
        query = query.where(alert_table.c.closed_at.is_(None))
    if kind is not None:
        query = query.where(alert_table.c.kind == kind.value)
    if area is not None:
        query = query.where(alert_table.c.area == area)
    if before is not None:
        query = query.where(alert_table.c.id < before)
    return connection.execute(query).all()


def open_by_cause(connection: Connection, causes: Iterable[str]) -> dict[str, Row[Any]]:
    """The open alerts under these causes."""
    query = select(alert_table).where(
        alert_table.c.closed_at.is_(None), alert_table.c.cause.in_(sorted(set(causes)))
    )
    return {row.cause: row for row in connection.execute(query)}


def had_cause(connection: Connection, cause: str) -> bool:
    """Whether there ever was an alert under this cause."""
    query = select(alert_table.c.id).where(alert_table.c.cause == cause).limit(1)
    return connection.scalar(query) is not None


def open_outage(connection: Connection, area: str) -> Row[Any] | None:
    """The outage that is open in an area."""
    query = select(alert_table).where(
        alert_table.c.kind == AlertKind.AREA_OUTAGE.value,
        alert_table.c.area == area,
        alert_table.c.closed_at.is_(None),
    )
    return connection.execute(query).one_or_none()


def outages_with_dark(connection: Connection, areas: Collection[str]) -> Sequence[Row[Any]]:
    """The outages of these areas that are open, or that ended with a meter left dark; oldest first."""
    dark = select(out_meter_table.c.alert).where(out_meter_table.c.restored_at.is_(None))
    query = select(alert_table).where(
        alert_table.c.kind == AlertKind.AREA_OUTAGE.value,
        alert_table.c.area.in_(sorted(areas)),
        alert_table.c.closed_at.is_(None) | alert_table.c.id.in_(dark),
    )
    return connection.execute(query.order_by(alert_table.c.id)).all()


def out_meters(connection: Connection, alert: int) -> dict[str, OutMeter]:
    """The meters of an outage, restored ones too."""
    query = select(out_meter_table).where(out_meter_table.c.alert == alert).order_by(out_meter_table.c.meter)
    return {
        row.meter: OutMeter(row.meter, row.dark_at, row.back_at, row.restored_at)
        for row in connection.execute(query)
    }


def save_out_meters(connection: Connection, alert: int, rows: Iterable[OutMeter]) -> None:
    for row in rows:
        values = {"dark_at": row.dark_at, "back_at": row.back_at, "restored_at": row.restored_at}
        mine = (out_meter_table.c.alert == alert, out_meter_table.c.meter == row.meter)
        if not connection.execute(update(out_meter_table).where(*mine).values(values)).rowcount:
            connection.execute(insert(out_meter_table).values(alert=alert, meter=row.meter, **values))


def dark_meters(connection: Connection, meters: Iterable[str]) -> frozenset[str]:
    """Those of these meters that are still dark in an open outage."""
    query = (
        select(out_meter_table.c.meter)
        .join(alert_table)
        .where(
            out_meter_table.c.meter.in_(sorted(meters)),
            alert_table.c.closed_at.is_(None),
            out_meter_table.c.restored_at.is_(None),
        )
    )
    return frozenset(connection.scalars(query))


def given_up(connection: Connection, meters: Iterable[str]) -> frozenset[str]:
    """Those of these meters that have an open alert of their own."""
    causes = [f"{AlertKind.METER_SILENT.value}:{meter}" for meter in meters]
    query = select(alert_table.c.meter).where(
        alert_table.c.closed_at.is_(None), alert_table.c.cause.in_(sorted(causes))
    )
    return frozenset(connection.scalars(query))


def suspicions(connection: Connection, causes: Iterable[str]) -> dict[str, datetime]:
    """Since when each of these causes has stood without being an alert."""
    query = select(suspicion_table).where(suspicion_table.c.cause.in_(sorted(set(causes))))
    return {row.cause: row.since for row in connection.execute(query)}


def suspect(connection: Connection, cause: str, gateway: str | None, since: datetime) -> None:
    connection.execute(insert(suspicion_table).values(cause=cause, gateway=gateway, since=since))


def trust(connection: Connection, causes: Iterable[str]) -> None:
    """Forget suspicions."""
    connection.execute(delete(suspicion_table).where(suspicion_table.c.cause.in_(sorted(set(causes)))))


def silences(connection: Connection, meters: Iterable[str]) -> dict[str, datetime]:
    """Since when, in its gateway's time, each of these meters has been silent."""
    query = select(silence_table).where(silence_table.c.meter.in_(sorted(set(meters))))
    return {row.meter: row.since for row in connection.execute(query)}


def all_silences(connection: Connection) -> dict[str, datetime]:
    """Since when, in its gateway's time, each meter is silent that is."""
    return {row.meter: row.since for row in connection.execute(select(silence_table))}


def save_silence(connection: Connection, meter: str, since: datetime | None) -> None:
    connection.execute(delete(silence_table).where(silence_table.c.meter == meter))
    if since is not None:
        connection.execute(insert(silence_table).values(meter=meter, since=since))


def watched_gateways(connection: Connection) -> set[str]:
    """The gateways with anything open, suspected, silent or still dark behind them."""
    return set(connection.scalars(_watched()))


@cache
def _watched() -> CompoundSelect[tuple[str]]:
    """Put together once: it is asked whenever something is stored."""
    dark = select(out_meter_table.c.meter).where(out_meter_table.c.restored_at.is_(None))
    still_open = alert_table.c.closed_at.is_(None)
    meters = dark.union(
        select(silence_table.c.meter),
        select(alert_table.c.meter).where(still_open, alert_table.c.meter.is_not(None)),
    )
    behind = select(meter_table.c.gateway).where(meter_table.c.id.in_(meters))
    return behind.union(
        select(suspicion_table.c.gateway).where(suspicion_table.c.gateway.is_not(None)),
        select(alert_table.c.gateway).where(still_open, alert_table.c.gateway.is_not(None)),
    )


def dark_gateways(connection: Connection) -> set[str]:
    """The gateways with an open alert that they are not heard."""
    query = select(alert_table.c.gateway).where(
        alert_table.c.closed_at.is_(None), alert_table.c.kind == AlertKind.GATEWAY_DARK.value
    )
    return set(connection.scalars(query))


def gateways_of_outages(connection: Connection) -> set[str]:
    """The gateways of the meters that an outage left dark."""
    dark = select(out_meter_table.c.meter).where(out_meter_table.c.restored_at.is_(None))
    return set(connection.scalars(select(meter_table.c.gateway).where(meter_table.c.id.in_(dark)).distinct()))


def newest_usage_hour(connection: Connection) -> datetime | None:
    """The newest hour whose usage has been looked at."""
    query = select(usage_hour_table.c.hour).order_by(usage_hour_table.c.hour.desc()).limit(1)
    return connection.execute(query).scalar()


def save_usage_hour(connection: Connection, hour: datetime) -> None:
    """Only the newest is kept."""
    connection.execute(delete(usage_hour_table))
    connection.execute(insert(usage_hour_table).values(hour=hour))


def close_older(connection: Connection, kind: AlertKind, opened_before: datetime, now: datetime) -> None:
    """End alerts of a kind that end by age alone."""
    old = (
        alert_table.c.kind == kind.value,
        alert_table.c.closed_at.is_(None),
        alert_table.c.opened_at < opened_before,
    )
    connection.execute(update(alert_table).where(*old).values(closed_at=now))
