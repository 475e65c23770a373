"""Rows of the ledger as a sheet of bits, and back: only what differs is written."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from cloud.metering.ledger.counting import NOBODY, REASONS, Figures, Sheet
from cloud.metering.ledger.days import DaySlots, blobs, matrix
from cloud.metering.ledger.exclusions import Windows
from cloud.metering.ledger.reasons import Freeze
from cloud.metering.ledger.serving import Served
from cloud.metering.ledger.tables import meter_day_table, total_table
from cloud.metering.store import instant, ms

Rows = Mapping[str, Row[Any]]
_KEY = ("day", "meter")
_VALUES = tuple(column.name for column in meter_day_table.c if column.name not in _KEY)


def rows(connection: Connection, day: date, meters: Sequence[str]) -> dict[str, Row[Any]]:
    """What is known of these meters' day, by meter."""
    query = select(meter_day_table).where(meter_day_table.c.day == day, meter_day_table.c.meter.in_(meters))
    return {row.meter: row for row in connection.execute(query)}


def sheet(slots: DaySlots, meters: Sequence[Served], known: Rows, windows: Windows) -> Sheet:
    """The bits of these meters' day as the rows have them, and who is in service and left out when."""
    before = [known.get(each.meter) for each in meters]
    same = [row if row is not None and row.slot_s == slots.slot_s else None for row in before]
    freeze = [NOBODY if row is None or row.freeze_at is None else ms(row.freeze_at) for row in before]
    made = Sheet(
        slots,
        np.array([each.service(slots) for each in meters]).reshape(len(meters), slots.count),
        matrix([None if row is None else row.heard for row in same], slots.count),
        matrix([None if row is None else row.on_time for row in same], slots.count),
        np.zeros((len(meters), slots.count), np.uint8),
        np.array(freeze, np.int64),
        np.array([0 if row is None else row.sources for row in same], np.int64),
    )
    for number, each in enumerate(meters):
        leave_out(made, number, each, windows)
    return made


def leave_out(made: Sheet, row: int, each: Served, windows: Windows) -> None:
    """Of several reasons for a slot the first of the list counts."""
    mine = windows.of(each.meter, each.area, each.feeder, each.gateway)
    for window in sorted(mine, key=lambda window: REASONS.index(window.reason), reverse=True):
        made.left_out[row, made.slots.touched(window.start, window.end)] = 1 + REASONS.index(window.reason)


def filled(
    made: Sheet, meters: Sequence[Served], found: Figures, freezes: Sequence[Freeze]
) -> list[dict[str, Any]]:
    """The rows of a counted sheet."""
    left_out = [blob if any(blob) else None for blob in blobs(made.left_out > 0)]
    freeze_at = [None if at == NOBODY else instant(at) for at in made.freeze_ms.tolist()]
    columns: dict[str, Sequence[Any]] = {
        "day": [made.slots.day] * len(meters),
        "meter": [each.meter for each in meters],
        "point": [each.point for each in meters],
        "area": [each.area for each in meters],
        "gateway": [each.gateway for each in meters],
        "slot_s": [each.slot_s for each in meters],
        "expected": found.expected.tolist(),
        "received": found.received.tolist(),
        "late": found.late.tolist(),
        "excluded": found.reasons.sum(axis=1).tolist(),
        "reasons": [_named(each) for each in found.reasons.tolist()],
        "freeze": [each.value for each in freezes],
        "freeze_at": freeze_at,
        "sources": made.sources.tolist(),
        "heard": blobs(made.heard),
        "on_time": blobs(made.on_time),
        "left_out": left_out,
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _named(reasons: Sequence[int]) -> dict[str, int] | None:
    return {reason.value: count for reason, count in zip(REASONS, reasons, strict=True) if count} or None


def save(connection: Connection, known: Rows, made: Iterable[Mapping[str, Any]]) -> int:
    """Write the rows that are new or differ; how many that were."""
    new, changed = [], []
    for row in made:
        before = known.get(row["meter"])
        if before is None:
            new.append(row)
        elif any(row[name] != value for name, value in zip(_VALUES, _values(before), strict=True)):
            changed.append(
                {f"new_{name}": row[name] for name in _VALUES} | {f"of_{name}": row[name] for name in _KEY}
            )
    if new:
        connection.execute(insert(meter_day_table), new)
    if changed:
        connection.execute(_UPDATE, changed)
    return len(new) + len(changed)


def _values(row: Row[Any]) -> Sequence[Any]:
    return row[len(_KEY) :]


_UPDATE = (
    update(meter_day_table)
    .where(*(meter_day_table.c[name] == bindparam(f"of_{name}") for name in _KEY))
    .values({name: bindparam(f"new_{name}") for name in _VALUES})
)


def forget_others(connection: Connection, day: date, areas: Iterable[str], meters: Iterable[str]) -> None:
    """Rows of meters that, by what is known now, were not in these areas that day."""
    table = meter_day_table.c
    here = table.day == day, table.area.in_(sorted(set(areas)))
    gone = set(connection.scalars(select(table.meter).where(*here))) - set(meters)
    if gone:
        connection.execute(delete(meter_day_table).where(*here, table.meter.in_(sorted(gone))))


def forget_areas(connection: Connection, day: date, kept: Iterable[str]) -> None:
    """Rows and totals of areas that, by what is known now, had no meter that day."""
    for table in (meter_day_table, total_table):
        known = set(connection.scalars(select(table.c.area).distinct().where(table.c.day == day)))
        if gone := known - set(kept):
            connection.execute(delete(table).where(table.c.day == day, table.c.area.in_(sorted(gone))))


def points(connection: Connection, day: date, areas: Collection[str]) -> set[str]:
    """The metering points that were counted in these areas."""
    table = meter_day_table.c
    query = select(table.point).distinct().where(table.day == day, table.area.in_(sorted(areas)))
    return set(connection.scalars(query))


def areas_of(connection: Connection, day: date, meters: Collection[str]) -> set[str]:
    """Where these meters were counted that day; those that were not counted are nowhere."""
    table, found, names = meter_day_table.c, set(), sorted(meters)
    for first in range(0, len(names), 5000):
        some = table.meter.in_(names[first : first + 5000])
        found |= set(connection.scalars(select(table.area).distinct().where(table.day == day, some)))
    return found


def ever_heard(connection: Connection, day: date, meters: Iterable[str]) -> set[str]:
    """Those of these meters of which something was received before that day."""
    table = meter_day_table.c
    query = (
        select(table.meter)
        .distinct()
        .where(table.meter.in_(sorted(meters)), table.day < day, table.sources > 0)
    )
    return set(connection.scalars(query))


def keep_until(connection: Connection, before: date) -> int:
    """Forget the rows of single meters from before a day; how many those were."""
    return connection.execute(delete(meter_day_table).where(meter_day_table.c.day < before)).rowcount


def seen_at(at: datetime, made: Sheet, row: int) -> int:
    """What leaves a meter out at an instant of the day: 0, or 1 + the index into `REASONS`."""
    slot = min(made.slots.count - 1, max(0, (at - made.slots.start) // made.slots.width))
    return int(made.left_out[row, slot])
