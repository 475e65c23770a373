"""In which months an account was looked at for advice: a refusal is replaced by the next, this is not."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import Column, Connection, Date, ForeignKey, Table, func, insert, select

from cloud.kit.db import metadata

CHUNK = 1000

look_table = Table(
    "advice_look",
    metadata,
    Column("account", ForeignKey("account.no"), primary_key=True),
    Column("month", Date, primary_key=True),
    Column("day", Date, nullable=False),
)
"""Of each account and month the first day on which it was told something, or refused it with a reason."""


def looked_at(connection: Connection, accounts: Collection[str], day: date) -> None:
    """In the caller's transaction; a later day of the same month says nothing new."""
    month = day.replace(day=1)
    known = set(connection.scalars(select(look_table.c.account).where(look_table.c.month == month)))
    new = [{"account": each, "month": month, "day": day} for each in sorted(set(accounts) - known)]
    for low in range(0, len(new), CHUNK):
        connection.execute(insert(look_table), new[low : low + CHUNK])


def last_looks(connection: Connection, accounts: Collection[str], before: date) -> dict[str, date]:
    """By account the newest day before that one; whoever was never looked at is not in it."""
    table, wanted = look_table.c, set(accounts)
    query = select(table.account, func.max(table.day)).where(table.day < before).group_by(table.account)
    return {account: day for account, day in connection.execute(query) if account in wanted}
