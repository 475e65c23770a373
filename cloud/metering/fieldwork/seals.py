"""Seals (封印) of meters: which number was fitted when and by whom, and which was taken off, and why."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from cloud.fleet.events import seal_table
from cloud.kit.errors import Conflict, Invalid, NotFound

PLACES = ("cover", "terminals", "box")


def fit(connection: Connection, meter: str, no: str, place: str, at: datetime, by: str, now: datetime) -> int:
    """A new seal; Conflict for a number that was ever used."""
    if place not in PLACES:
        raise Invalid(f"a seal is on {', '.join(PLACES)}")
    if connection.execute(select(seal_table.c.id).where(seal_table.c.no == no)).first() is not None:
        raise Conflict(f"seal {no!r} was used already: look at its number again")
    row = {"meter": meter, "no": no, "place": place, "fitted_at": at, "fitted_by": by, "recorded_at": now}
    made = connection.execute(insert(seal_table).values(row)).inserted_primary_key
    assert made is not None
    return int(made[0])


def take_off(connection: Connection, number: int, at: datetime, by: str, why: str) -> None:
    """It was cut or found broken; its row stays."""
    row = connection.execute(select(seal_table).where(seal_table.c.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"there is no seal {number}")
    if row.removed_at is not None:
        raise Conflict(f"seal {row.no!r} was taken off already")
    if at < row.fitted_at:
        raise Invalid("a seal cannot be taken off before it was fitted")
    if not why.strip():
        raise Invalid("say why: it stays with the seal")
    values = {"removed_at": at, "removed_by": by, "removed_why": why.strip()}
    connection.execute(update(seal_table).where(seal_table.c.id == number).values(values))


def of_exchange(
    connection: Connection, old: str, new: str, numbers: Iterable[str], at: datetime, by: str, now: datetime
) -> None:
    """The old meter's seals are cut with it, the new one's are fitted."""
    mine = (seal_table.c.meter == old, seal_table.c.removed_at.is_(None), seal_table.c.fitted_at <= at)
    values = {"removed_at": at, "removed_by": by, "removed_why": "exchange"}
    connection.execute(update(seal_table).where(*mine).values(values))
    for number in numbers:
        fit(connection, new, number, "cover", at, by, now)
