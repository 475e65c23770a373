"""What alerts know of the past, for whoever asks why readings are missing: outages, ways that were cut."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from cloud.alerts.policy import AlertKind
from cloud.alerts.store import alert_table, out_meter_table
from cloud.metering.ledger.causes import STATION, Disturbance
from cloud.metering.ledger.exclusions import LeftOut, Place
from cloud.metering.ledger.reasons import Cause, Excluded

CAUSES = {
    AlertKind.BROKER_DOWN: Cause.BROKER,
    AlertKind.GATEWAY_DARK: Cause.GATEWAY,
    AlertKind.DATA_MISSING: Cause.GATEWAY,
    AlertKind.LINE_DOWN: Cause.LINE,
    AlertKind.LINE_SILENT: Cause.LINE,
    AlertKind.METER_SILENT: Cause.METER,
}


def outages(connection: Connection, start: datetime, end: datetime) -> Sequence[LeftOut]:
    """When each meter was without supply, by an outage alert, in [start, end).

    A meter that stayed dark when its outage was closed is left out no longer: it is a fault of its own.
    """
    table = out_meter_table.c
    query = select(out_meter_table, alert_table.c.closed_at).join(alert_table)
    query = query.where(table.dark_at < end, table.restored_at.is_(None) | (table.restored_at > start))
    found = []
    for row in connection.execute(query):
        until = row.closed_at if row.restored_at is None else row.back_at or row.restored_at
        if until is None or until > max(start, row.dark_at):
            found.append(LeftOut(Excluded.CONFIRMED_OUTAGE, Place.METER, row.meter, row.dark_at, until))
    return found


def disturbances(connection: Connection, start: datetime, end: datetime) -> Sequence[Disturbance]:
    """The alerts on the way of the readings that were open in [start, end)."""
    table = alert_table.c
    kinds = [kind.value for kind in CAUSES]
    query = select(alert_table).where(
        table.kind.in_(kinds), table.opened_at < end, table.closed_at.is_(None) | (table.closed_at > start)
    )
    found = []
    for row in connection.execute(query):
        kind = AlertKind(row.kind)
        place = {
            Cause.BROKER: STATION,
            Cause.GATEWAY: ("gateway", row.gateway or ""),
            Cause.LINE: ("line", f"{row.gateway}/{row.line}"),
            Cause.METER: ("meter", row.meter or ""),
        }[CAUSES[kind]]
        told = {"what": kind.value, "alert": row.id}
        found.append(Disturbance(CAUSES[kind], place, row.opened_at, row.closed_at, told))
    return found
