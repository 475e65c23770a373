"""Guessing passwords slows down the guesser, and nobody else: delays grow per login *and* address.

The count is in the database, so a restart does not give a new set of guesses.
"""

import math
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from sqlalchemy import Column, Connection, Integer, String, Table, delete, insert, select, update

from cloud.kit.db import Instant, metadata
from cloud.kit.errors import TooMany

FREE_TRIES = 4
LONGEST_S = 900
KEPT = timedelta(days=1)

failure_table = Table(
    "login_failure",
    metadata,
    Column("login", String(64), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
)


def delay_s(failures: int) -> int:
    """Seconds to wait after so many failures in a row: 0 for the first tries, then 2, 4, 8 … 900."""
    over = failures - FREE_TRIES
    return 0 if over < 0 else min(2 ** (min(over, 10) + 1), LONGEST_S)


def attempt(connection: Connection, login: str, address: str, now: datetime) -> None:
    """Count one attempt before it is judged, so that a hundred at once are not judged by one count."""
    key = (failure_table.c.login == login) & (failure_table.c.address == _place(address))
    row = connection.execute(select(failure_table).where(key)).one_or_none()
    if row is None:
        connection.execute(
            insert(failure_table).values(login=login, address=_place(address), failures=1, last_at=now)
        )
        return
    wait_s = (row.last_at + timedelta(seconds=delay_s(row.failures)) - now).total_seconds()
    if wait_s > 0:
        raise TooMany("too many wrong passwords: wait and try again", math.ceil(wait_s))
    connection.execute(update(failure_table).where(key).values(failures=row.failures + 1, last_at=now))


def forget(connection: Connection, login: str, address: str) -> None:
    """A right password ends the count of that login at that address."""
    connection.execute(
        delete(failure_table).where(
            failure_table.c.login == login, failure_table.c.address == _place(address)
        )
    )


def sweep(connection: Connection, now: datetime) -> None:
    connection.execute(delete(failure_table).where(failure_table.c.last_at < now - KEPT))


def _place(address: str) -> str:
    """An IPv6 guesser has a whole /64 to come from: it counts as one place."""
    try:
        known = ip_address(address)
    except ValueError:
        return address[:64]
    return str(known if known.version == 4 else ip_network((known, 64), strict=False))
