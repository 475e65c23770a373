"""The validated days of metering points: flags and final values of their slots, revision after revision.

Raw readings are never here and never changed; a revision says who made it and why; none is overwritten.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    LargeBinary,
    Row,
    Select,
    String,
    Table,
    func,
    insert,
    select,
    tuple_,
)

from cloud.fleet import topology
from cloud.kit.db import Instant, metadata
from cloud.metering.vee import blobs
from cloud.metering.vee.point_day import ESTIMATES, Channel, Flag, Known, Method, PointDay

__all__ = [
    "ESTIMATES", "Channel", "Flag", "Method", "PointDay", "Revision", "newest", "put", "revisions", "same",
]  # fmt: skip
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Revision:
    """Who made a state of a day, when and why."""

    content: PointDay
    by: str
    why: str
    at: datetime


day_table = Table(
    "validated_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("channel", String(40), primary_key=True),
    Column("point", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("start", Instant, nullable=False),
    Column("interval_s", Integer, nullable=False),
    Column("final", LargeBinary, nullable=False),
    Column("flags", LargeBinary, nullable=False),
    Column("method", LargeBinary, nullable=False),
    Column("register_start_wh", BigInteger),
    Column("register_end_wh", BigInteger),
    Column("first_known", Integer),
    Column("first_known_wh", BigInteger),
    Column("last_known", Integer),
    Column("last_known_wh", BigInteger),
    Column("references", String(500), nullable=False),
    Column("by", String(64), nullable=False),
    Column("why", String(500), nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "point", "channel", "day"),
)
Key = tuple[date, str, str]
_CHUNK = 400
"""Keys in one question: four variables each, well under any engine's limit."""
_MANY_POINTS = 500
"""Beyond it the points are sorted out here and not by the database."""


def put(connection: Connection, days: Iterable[PointDay], *, by: str, why: str, at: datetime) -> None:
    """Save each as the next revision of its (point, channel, day); what was there stays as it was."""
    for chunk in chunks(days, _CHUNK):
        last = _last_revisions(connection, [_key(each) for each in chunk])
        rows = []
        for each in chunk:
            number = last[_key(each)] = last.get(_key(each), 0) + 1
            rows.append(_row(each, number) | {"by": by[:64], "why": why[:500], "at": at})
        connection.execute(insert(day_table), rows)


def newest(
    connection: Connection,
    first: date,
    last: date,
    *,
    points: Collection[str] | None = None,
    areas: Collection[str] | None = None,
    channel: Channel = Channel.IMPORT,
) -> Iterator[PointDay]:
    """The newest revision of each day from `first` to `last`, both included, by day and then point.

    `areas` are those in which a point stood when its day ended. Read in steps: a year of a station fits.
    """
    inside = None if areas is None else _Standing(connection, first, last, areas)
    wanted = None if points is None else set(points)
    if inside is not None:
        wanted = inside.points() if wanted is None else wanted & inside.points()
    query = _newest(first, last, channel)
    if wanted is not None and len(wanted) <= _MANY_POINTS:
        query = query.where(day_table.c.point.in_(sorted(wanted)))
    with connection.execute(query.execution_options(yield_per=1000)) as rows:
        for row in rows:
            if wanted is not None and row.point not in wanted:
                continue
            found = _point_day(row)
            if inside is None or inside.holds(found):
                yield found


def of_day(connection: Connection, day: date, points: Collection[str]) -> dict[tuple[str, Channel], PointDay]:
    """The newest revision of every channel that these points have on a day."""
    found: dict[tuple[str, Channel], PointDay] = {}
    for part in chunks(sorted(points), _MANY_POINTS):
        query = select(day_table).where(day_table.c.day == day, day_table.c.point.in_(part))
        for row in connection.execute(query.order_by(day_table.c.revision)):
            content = _point_day(row)
            found[content.point, content.channel] = content
    return found


def had(connection: Connection, day: date, points: Collection[str]) -> frozenset[tuple[str, Channel]]:
    """The channels that these points have on a day."""
    table = day_table.c
    query = select(table.point, table.channel).where(table.day == day).distinct()
    return frozenset(
        (row.point, Channel(row.channel))
        for part in chunks(sorted(points), _MANY_POINTS)
        for row in connection.execute(query.where(table.point.in_(part)))
    )


def revisions(connection: Connection, point: str, channel: Channel, day: date) -> list[Revision]:
    """Every state of one day, oldest first."""
    table = day_table.c
    query = select(day_table).where(table.point == point, table.channel == channel.value, table.day == day)
    found = connection.execute(query.order_by(table.revision))
    return [Revision(_point_day(row), row.by, row.why, row.at) for row in found]


def same(one: PointDay, other: PointDay) -> bool:
    """Whether the two say the same of their day, whatever their revisions."""
    return (
        (one.point, one.channel, one.day, one.start, one.interval_s)
        == (other.point, other.channel, other.day, other.start, other.interval_s)
        and one.register_start_wh == other.register_start_wh
        and one.register_end_wh == other.register_end_wh
        and one.references == other.references
        and (one.first_known, one.last_known) == (other.first_known, other.last_known)
        and np.array_equal(one.final_wh, other.final_wh, equal_nan=True)
        and np.array_equal(one.flags, other.flags)
        and np.array_equal(one.method, other.method)
    )


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of at most `size` items, in order."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _newest(first: date, last: date, channel: Channel) -> Select[Any]:
    table, later = day_table.c, day_table.alias("later")
    beaten = select(later.c.revision).where(
        later.c.day == table.day,
        later.c.channel == table.channel,
        later.c.point == table.point,
        later.c.revision > table.revision,
    )
    return (
        select(day_table)
        .where(table.day.between(first, last), table.channel == channel.value, ~beaten.exists())
        .order_by(table.day, table.point)
    )


def _last_revisions(connection: Connection, keys: Sequence[Key]) -> dict[Key, int]:
    table = day_table.c
    query = select(table.day, table.channel, table.point, func.max(table.revision))
    if len({key[:2] for key in keys}) == 1:
        day, channel, _ = keys[0]
        points = [point for _, _, point in keys]
        query = query.where(table.day == day, table.channel == channel, table.point.in_(points))
    else:
        query = query.where(tuple_(table.day, table.channel, table.point).in_(keys))
    found = connection.execute(query.group_by(table.day, table.channel, table.point))
    return {(day, channel, point): number for day, channel, point, number in found}


def _key(each: PointDay) -> Key:
    return each.day, each.channel.value, each.point


def _row(each: PointDay, revision: int) -> dict[str, Any]:
    return {
        "day": each.day,
        "channel": each.channel.value,
        "point": each.point,
        "revision": revision,
        "start": each.start,
        "interval_s": each.interval_s,
        "final": blobs.of_final(each.final_wh),
        "flags": blobs.of_marks(each.flags),
        "method": blobs.of_marks(each.method),
        "register_start_wh": each.register_start_wh,
        "register_end_wh": each.register_end_wh,
        **_known("first_known", each.first_known),
        **_known("last_known", each.last_known),
        "references": ",".join(day.isoformat() for day in each.references),
    }


def _known(name: str, known: Known | None) -> dict[str, int | None]:
    boundary, wh = known or (None, None)
    return {name: boundary, f"{name}_wh": wh}


def _point_day(row: Row[Any]) -> PointDay:
    final = blobs.final(row.final)
    return PointDay(
        row.point,
        Channel(row.channel),
        row.day,
        row.start,
        row.interval_s,
        final,
        blobs.marks(row.flags, np.dtype("<u4"), len(final)),
        blobs.marks(row.method, np.dtype("u1"), len(final)),
        row.register_start_wh,
        row.register_end_wh,
        row.revision,
        tuple(date.fromisoformat(day) for day in row.references.split(",") if day),
        None if row.first_known is None else (row.first_known, row.first_known_wh),
        None if row.last_known is None else (row.last_known, row.last_known_wh),
    )


class _Standing:
    """Which points stood in certain areas, and when."""

    def __init__(self, connection: Connection, first: date, last: date, areas: Collection[str]) -> None:
        margin = timedelta(days=2)  # a local day begins and ends within a day of the same day of UTC
        start = datetime.combine(first, time(), UTC) - margin
        self._stood: dict[str, list[tuple[datetime, datetime | None]]] = {}
        end = datetime.combine(last, time(), UTC) + margin
        for each in topology.installations(connection, start, end, areas=areas):
            self._stood.setdefault(each.point, []).append((each.start, each.end))

    def points(self) -> set[str]:
        return set(self._stood)

    def holds(self, day: PointDay) -> bool:
        last = day.end - timedelta(microseconds=1)
        return any(
            start <= last and (end is None or last < end) for start, end in self._stood.get(day.point, ())
        )
