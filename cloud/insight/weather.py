"""Hourly temperature at the station's place, as files said it; a newer file stands above."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Column, Connection, Float, Integer, String, Table, delete, insert, select

from cloud.kit.days import bounds, days
from cloud.kit.db import Instant, metadata

HOUR_S = 3600
LEAST_OF_DAY = 0.8
"""A day has a mean temperature where so much of its hours is known."""
_AT_ONCE = 500

weather_table = Table(
    "weather_hour",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("celsius", Float, nullable=False),
)
"""`hour`: whole hours since 1970 in UTC, of the hour that begins then."""

import_table = Table(
    "weather_import",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("file", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    Column("hours", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
)
"""Each file that came in: how many hours it said, and how many of them otherwise than before."""


@dataclass(frozen=True, slots=True)
class Kept:
    """`hours` were said, of which `new` were not known and `changed` known otherwise."""

    hours: int
    new: int
    changed: int


def keep(
    connection: Connection, celsius: Mapping[int, float], *, file: str, digest: str, now: datetime
) -> Kept:
    """Hours of this file in place of what there was of them; the same file again changes nothing."""
    known: dict[int, float] = {}
    for part in _parts(sorted(celsius)):
        query = select(weather_table).where(weather_table.c.hour.in_(part))
        known |= {row.hour: row.celsius for row in connection.execute(query)}
    changed = [hour for hour, value in known.items() if value != celsius[hour]]
    for part in _parts(changed):
        connection.execute(delete(weather_table).where(weather_table.c.hour.in_(part)))
    written = [hour for hour in celsius if hour not in known or known[hour] != celsius[hour]]
    if written:
        rows = [{"hour": hour, "celsius": celsius[hour]} for hour in written]
        connection.execute(insert(weather_table), rows)
    connection.execute(delete(import_table).where(import_table.c.digest == digest))
    row = {"digest": digest, "file": file[:200], "at": now, "hours": len(celsius), "changed": len(changed)}
    connection.execute(insert(import_table).values(row))
    return Kept(len(celsius), len(written) - len(changed), len(changed))


def daily(connection: Connection, first: date, last: date, zone: tzinfo) -> NDArray[np.float64]:
    """(days,) the mean temperature of each local day, both included, in °C; NaN where too little is known."""
    table = weather_table.c
    spans = [tuple(round(at.timestamp()) // HOUR_S for at in bounds(day, zone)) for day in days(first, last)]
    query = select(weather_table).where(table.hour >= spans[0][0], table.hour < spans[-1][1])
    known = {row.hour: row.celsius for row in connection.execute(query)}
    return np.array([_mean(known, *span) for span in spans])


def _parts(hours: Sequence[int]) -> Iterator[Sequence[int]]:
    return (hours[at : at + _AT_ONCE] for at in range(0, len(hours), _AT_ONCE))


def _mean(known: Mapping[int, float], start: int, end: int) -> float:
    found = [known[hour] for hour in range(start, end) if hour in known]
    return sum(found) / len(found) if len(found) >= LEAST_OF_DAY * (end - start) else float("nan")
