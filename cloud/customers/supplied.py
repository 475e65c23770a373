"""Which accounts a metering point has served, of which class and when: no names, for whoever validates."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from cloud.customers.store import account_table, service_table
from cloud.metering.vee.surroundings import Supplied

_CHUNK = 500


def supplied(connection: Connection, points: Collection[str]) -> dict[str, list[Supplied]]:
    """Every service that each of these points ever had, in order."""
    found: dict[str, list[Supplied]] = {}
    names = sorted(points)
    for at in range(0, len(names), _CHUNK):
        query = (
            select(
                service_table.c.point, service_table.c.start, service_table.c.end, account_table.c["class"]
            )
            .join(account_table, account_table.c.no == service_table.c.account)
            .where(service_table.c.point.in_(names[at : at + _CHUNK]))
            .order_by(service_table.c.point, service_table.c.start)
        )
        for row in connection.execute(query).mappings():
            served = Supplied(row["class"], (row["start"], row["end"]))
            found.setdefault(row["point"], []).append(served)
    return found
