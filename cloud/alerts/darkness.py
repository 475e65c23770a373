"""When meters and areas were without supply, as the outages have it: for whoever validates their readings."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, Row, select

from cloud.alerts.policy import AlertKind
from cloud.alerts.store import alert_table, out_meter_table
from cloud.customers.supplied import supplied
from cloud.metering.archive import manifest
from cloud.metering.vee.surroundings import Surroundings, Times

_CHUNK = 500


def surroundings() -> Surroundings:
    """What validation is told: outages from here, accounts from the customers, days from the archive."""
    return Surroundings(dark, areas_out, supplied, manifest.let_go)


def dark(
    connection: Connection, meters: Collection[str], start: datetime, end: datetime
) -> dict[str, list[Times]]:
    """When each of these meters was dark in an outage that overlaps [start, end), in order.

    A meter that is still dark when its outage is closed was given up: from then on nobody knows.
    """
    found: dict[str, list[Times]] = {}
    names = sorted(meters)
    for at in range(0, len(names), _CHUNK):
        query = (
            select(out_meter_table, alert_table.c.closed_at)
            .join(alert_table, alert_table.c.id == out_meter_table.c.alert)
            .where(out_meter_table.c.meter.in_(names[at : at + _CHUNK]), out_meter_table.c.dark_at < end)
            .order_by(out_meter_table.c.dark_at)
        )
        for row in connection.execute(query):
            ended = row.back_at or row.restored_at or row.closed_at
            if ended is None or ended > start:
                found.setdefault(row.meter, []).append((row.dark_at, ended))
    return found


def areas_out(connection: Connection, start: datetime, end: datetime) -> dict[str, list[Times]]:
    """When each area had an outage that overlaps [start, end), in order."""
    table = alert_table.c
    query = (
        select(table.area, table.opened_at, table.closed_at)
        .where(
            table.kind == AlertKind.AREA_OUTAGE.value,
            table.area.is_not(None),
            table.opened_at < end,
            table.closed_at.is_(None) | (table.closed_at > start),
        )
        .order_by(table.opened_at)
    )
    return _by_area(connection.execute(query))


def _by_area(rows: Iterable[Row[tuple[str, datetime, datetime]]]) -> dict[str, list[Times]]:
    found: dict[str, list[Times]] = {}
    for row in rows:
        found.setdefault(row.area, []).append((row.opened_at, row.closed_at))
    return found
