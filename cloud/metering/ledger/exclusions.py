"""What is left out of the denominator: declared by a person, or an outage that was proven; never guessed.

A relay that we opened does not take a meter out: it stands before the meter's own supply and still answers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.metering.ledger.reasons import Excluded
from cloud.metering.ledger.tables import exclusion_table

LONGEST = timedelta(days=400)


class Place(StrEnum):
    FEEDER = "feeder"
    AREA = "area"
    GATEWAY = "gateway"
    METER = "meter"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Everything at `key` from `start` up to and without `end` (None: still)."""

    reason: Excluded
    place: Place
    key: str
    start: datetime
    end: datetime | None


Source = Callable[[Connection, datetime, datetime], Sequence[LeftOut]]
"""(connection, start, end) → the outages that are proven, of single meters."""


class Windows:
    """All that is left out of some days, by place."""

    def __init__(self, windows: Iterable[LeftOut]) -> None:
        self._at: dict[tuple[Place, str], list[LeftOut]] = defaultdict(list)
        for each in windows:
            self._at[each.place, each.key].append(each)

    def of(self, meter: str, area: str, feeder: str, gateway: str) -> list[LeftOut]:
        if not self._at:
            return []
        places = ((Place.METER, meter), (Place.AREA, area), (Place.FEEDER, feeder), (Place.GATEWAY, gateway))
        return [each for place in places for each in self._at.get(place, ())]


def declared(connection: Connection, start: datetime, end: datetime) -> list[LeftOut]:
    """Those in force that touch [start, end)."""
    table = exclusion_table.c
    query = select(exclusion_table).where(
        table.withdrawn_at.is_(None), table.start < end, table.end.is_(None) | (table.end > start)
    )
    return [
        LeftOut(Excluded(row.reason), Place(row.place), row.key, row.start, row.end)
        for row in connection.execute(query)
    ]


def declare(connection: Connection, what: LeftOut, why: str, by: str, now: datetime) -> Row[Any]:
    """Leave something out, with the reason in a person's own words; Invalid when it cannot be."""
    if not why.strip():
        raise Invalid("a reason in words is required: it stays with the exclusion")
    if what.end is not None and what.end <= what.start:
        raise Invalid("an exclusion ends after it begins")
    if what.end is not None and what.end - what.start > LONGEST:
        raise Invalid(f"an exclusion lasts at most {LONGEST.days} days")
    if abs(what.start - now) > LONGEST:
        raise Invalid(f"an exclusion begins at most {LONGEST.days} days from now")
    values = {
        "reason": what.reason.value,
        "place": what.place.value,
        "key": what.key,
        "start": what.start,
        "end": what.end,
        "why": why.strip(),
        "by": by,
        "at": now,
    }
    added = insert(exclusion_table).values(values).returning(exclusion_table.c.id)
    return exclusion(connection, int(connection.execute(added).scalar_one()))


def withdraw(connection: Connection, id: int, by: str, now: datetime) -> Row[Any]:  # noqa: A002
    """Count what it left out again; it stays in the book."""
    if exclusion(connection, id).withdrawn_at is not None:
        raise Conflict(f"exclusion {id} is withdrawn already")
    mine = update(exclusion_table).where(exclusion_table.c.id == id)
    connection.execute(mine.values(withdrawn_at=now, withdrawn_by=by))
    return exclusion(connection, id)


def exclusion(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    row = connection.execute(select(exclusion_table).where(exclusion_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no exclusion {id}")
    return row


def exclusions(
    connection: Connection,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    before: int | None = None,
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Rows, withdrawn ones too, newest first; those that touch [start, end) when it is given."""
    table = exclusion_table.c
    query = select(exclusion_table).order_by(table.id.desc()).limit(limit)
    if start is not None:
        query = query.where(table.end.is_(None) | (table.end > start))
    if end is not None:
        query = query.where(table.start < end)
    if before is not None:
        query = query.where(table.id < before)
    return connection.execute(query).all()
