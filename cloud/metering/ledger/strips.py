"""A meter's day slot by slot: heard, late, missing, left out, or nothing to be said yet."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, select

from cloud.kit.scope import Scope
from cloud.metering.ledger.counting import due
from cloud.metering.ledger.days import DaySlots, slots_of, unpacked
from cloud.metering.ledger.serving import Served, served
from cloud.metering.ledger.tables import meter_day_table


class Slot(StrEnum):
    """NONE: not in service, or not over yet."""

    NONE = "none"
    HEARD = "heard"
    LATE = "late"
    MISSING = "missing"
    EXCLUDED = "excluded"


_SLOTS = tuple(Slot)


@dataclass(frozen=True, slots=True)
class Strip:
    """`row` is of `collection_meter_day`; `runs` are (what, first slot, until), in order, without holes."""

    slots: DaySlots
    row: Row[Any]
    runs: tuple[tuple[Slot, int, int], ...]


def strips(
    connection: Connection,
    scope: Scope,
    zone: tzinfo,
    now: datetime,
    close_after: timedelta,
    rows: Iterable[Row[Any]],
) -> list[Strip]:
    """The strips of these rows, those of a meter that `scope` does not show at all that day left out."""
    found = []
    known: dict[date, dict[str, Served]] = {}
    rows = list(rows)
    areas = {row.area for row in rows}
    for row in rows:
        slots = slots_of(row.day, zone, row.slot_s)
        if not scope.clip(row.meter, slots.start, slots.end):
            continue
        if row.day not in known:
            there = served(connection, slots.start, slots.end, areas)
            known[row.day] = {each.meter: each for each in there}
        found.append(_strip(slots, row, known[row.day].get(row.meter), now, close_after))
    return found


def _strip(
    slots: DaySlots, row: Row[Any], each: Served | None, now: datetime, close_after: timedelta
) -> Strip:
    over = due(slots, now, close_after)
    service = over if each is None else over & each.service(slots)
    heard, on_time = unpacked(row.heard, slots.count), unpacked(row.on_time, slots.count)
    kinds = np.zeros(slots.count, np.int8)
    kinds[service] = _SLOTS.index(Slot.MISSING)
    kinds[heard] = _SLOTS.index(Slot.LATE)
    kinds[heard & on_time] = _SLOTS.index(Slot.HEARD)
    kinds[unpacked(row.left_out, slots.count) & service] = _SLOTS.index(Slot.EXCLUDED)
    ends = [*(np.flatnonzero(np.diff(kinds)) + 1).tolist(), slots.count]
    begins = [0, *ends[:-1]]
    runs = tuple((_SLOTS[kinds[first]], first, until) for first, until in zip(begins, ends, strict=True))
    return Strip(slots, row, runs)


def meter_days(
    connection: Connection,
    first: date,
    last: date,
    *,
    meters: Collection[str] | None = None,
    area: str | None = None,
    gateway: str | None = None,
    after: str = "",
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Rows of single meters from `first` to `last`, in order of meter and day."""
    table = meter_day_table.c
    query = select(meter_day_table).where(table.day.between(first, last), table.meter > after)
    if meters is not None:
        query = query.where(table.meter.in_(sorted(meters)))
    if area is not None:
        query = query.where(table.area == area)
    if gateway is not None:
        query = query.where(table.gateway == gateway)
    return connection.execute(query.order_by(table.meter, table.day).limit(limit)).all()
