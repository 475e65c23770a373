"""Stored energies of months: kWh by point, plan and band, exact as summed, with demand and reactive energy.

A row is a point's unbroken span of days within a month: the whole month mostly, cut where a document begins
or the account at the point changes. What is missing is counted, and adds nothing.
"""

import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    delete,
    insert,
    select,
)

from cloud.insight.pricing import NAMES, MonthEnergies, part
from cloud.kit.db import Instant, metadata
from cloud.tariffs.usage import Part

FLAT = "flat"
"""The key of every plan that has no bands."""
HEAD = (
    "first", "last", "slots", "known", "estimated", "max_kw", "max_at_ms", "max_measured",
    "reactive_import_kvarh", "reactive_export_kvarh",
)  # fmt: skip
"""Columns before the energies: days as ordinals, numbers of slots, NaN where there is no such value."""
BANDS = len(NAMES)

energy_table = Table(
    "energy_month",
    metadata,
    Column("month", Date, primary_key=True),
    Column("area", String(64), primary_key=True),
    Column("plans", JSON, nullable=False),
    Column("points", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("inputs", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "area", "month"),
)
"""`plans`: keys in order; `points`: one for each row; `content` float64: HEAD, then five bands a key."""


@dataclass(frozen=True, slots=True)
class Block:
    """An area's month: `content` float64 (rows, 10 + 5 * plans), rows in order of point and first day."""

    month: date
    area: str
    plans: tuple[str, ...]
    points: tuple[str, ...]
    content: NDArray[np.float64]
    inputs: str = ""
    version: int = 0

    def column(self, name: str) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.content[:, HEAD.index(name)]
        return found

    def kwh(self, plan: str) -> NDArray[np.float64]:
        """(rows, 5) by `Band`. KeyError: this area has none of that plan."""
        if plan not in self.plans:
            raise KeyError(plan)
        at = len(HEAD) + BANDS * self.plans.index(plan)
        found: NDArray[np.float64] = self.content[:, at : at + BANDS]
        return found

    def part(self, row: int, plan: str) -> Part:
        """For pricing: what `insight.pricing.part` makes of the same curve."""
        head = self.content[row]
        first, last = (date.fromordinal(int(head[at])) for at in (0, 1))
        kwh = self.kwh(plan)[row : row + 1]
        missing = np.array([head[2] - head[3]]).astype(np.int64)
        return part(MonthEnergies(first, last, kwh, missing), 0)


def replace(connection: Connection, made: Sequence[Block], at: datetime) -> None:
    """Each in place of what the area had of the month."""
    table = energy_table.c
    for each in made:
        connection.execute(delete(energy_table).where(table.month == each.month, table.area == each.area))
    rows = [
        {
            "month": each.month,
            "area": each.area,
            "plans": list(each.plans),
            "points": zlib.compress(json.dumps(list(each.points), ensure_ascii=False).encode(), 1),
            "content": _packed(each.content),
            "inputs": each.inputs,
            "version": each.version,
            "at": at,
        }
        for each in made
    ]
    if rows:
        connection.execute(insert(energy_table), rows)


def inputs(connection: Connection, first: date, last: date) -> Mapping[tuple[date, str], tuple[str, int]]:
    """(inputs, version) of each (month, area) that is there."""
    table = energy_table.c
    query = select(table.month, table.area, table.inputs, table.version)
    rows = connection.execute(query.where(table.month.between(first, last)))
    return {(row.month, row.area): (row.inputs, row.version) for row in rows}


def blocks(
    connection: Connection, first: date, last: date, areas: Collection[str] | None = None
) -> Iterator[Block]:
    """The months from `first` to `last` (their first days) in order, of all areas or of a few."""
    table = energy_table.c
    query = select(energy_table).where(table.month.between(first, last))
    if areas is not None:
        query = query.where(table.area.in_(sorted(areas)))
    for row in connection.execute(query.order_by(table.month, table.area).execution_options(yield_per=100)):
        points = tuple(json.loads(zlib.decompress(row.points)))
        content = _unpacked(row.content, len(points))
        yield Block(row.month, row.area, tuple(row.plans), points, content, row.inputs, row.version)


def _packed(values: NDArray[np.float64]) -> bytes:
    """Column by column, the bytes sorted by significance: so like lies beside like."""
    little = np.ascontiguousarray(values.T, "<f8").view(np.uint8).reshape(-1, 8)
    return zlib.compress(little.T.tobytes(), 1)


def _unpacked(content: bytes, rows: int) -> NDArray[np.float64]:
    raw = np.frombuffer(zlib.decompress(content), np.uint8).reshape(8, -1)
    columns = np.ascontiguousarray(raw.T).view("<f8").reshape(-1, rows)
    return np.ascontiguousarray(columns.T, np.float64)
