"""The meters in service on a day, whole or in part, and where they hang: where every denominator begins."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from cloud.fleet.topology import BEGINNING, Installation, installations
from cloud.metering.ledger.days import Bits, DaySlots, slot_s_of
from protocols import models

REMEMBERS = "dlt645-2007"
"""Meters of this protocol make daily freezes and keep load records; others can be asked for neither."""


@dataclass(frozen=True, slots=True)
class Served:
    """A meter on a day; place and interval are the last of that day; `installed` None: long ago."""

    meter: str
    point: str
    area: str
    feeder: str
    gateway: str
    line: str
    slot_s: int
    remembers: bool
    installed: datetime | None
    spans: tuple[tuple[datetime, datetime | None], ...]

    def service(self, slots: DaySlots) -> Bits:
        """Which of the day's slots lie wholly within its service."""
        bits = np.zeros(slots.count, np.bool_)
        for start, end in _joined(self.spans):
            bits[slots.within(start, end)] = True
        return bits


def served(
    connection: Connection,
    start: datetime,
    end: datetime,
    areas: Collection[str] | None = None,
    points: Collection[str] | None = None,
) -> list[Served]:
    """Those of [start, end), by area and meter; of a few `points` much faster than of all."""
    found: dict[str, list[Installation]] = {}
    for each in installations(connection, start, end, areas=areas, points=points):
        found.setdefault(each.meter, []).append(each)
    served_ = [_served(parts) for parts in found.values()]
    return sorted(served_, key=lambda each: (each.area, each.meter))


def _served(parts: Sequence[Installation]) -> Served:
    parts = sorted(parts, key=lambda each: each.start)
    last = parts[-1]
    installed = parts[0].start
    return Served(
        last.meter,
        last.point,
        last.area,
        last.feeder,
        last.gateway,
        last.line,
        slot_s_of(last.interval_s),
        models.load(last.model).protocol == REMEMBERS,
        None if installed <= BEGINNING else installed,
        tuple((each.start, each.end) for each in parts),
    )


def _joined(
    spans: Sequence[tuple[datetime, datetime | None]],
) -> Iterator[tuple[datetime, datetime | None]]:
    """Spans that follow on one another as one: a slot over such a seam is whole."""
    start, end = spans[0]
    for first, until in spans[1:]:
        if end is not None and first <= end:
            end = until
        else:
            yield start, end
            start, end = first, until
    yield start, end


def chunks(meters: Sequence[Served], most: int) -> Iterator[list[Served]]:
    """Whole areas, about `most` meters at a time."""
    chunk: list[Served] = []
    for number, each in enumerate(meters):
        if len(chunk) >= most and each.area != meters[number - 1].area:
            yield chunk
            chunk = []
        chunk.append(each)
    if chunk:
        yield chunk
