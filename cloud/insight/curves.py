"""The validated curves of one partition of the archive: what every analysis of this station starts from.

`sources` asks the manifest, in this process; `read` opens the files, in a thread or on a worker elsewhere.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.analysis.grid import DayGrid, day_grid
from cloud.kit.days import days, midnight
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.reader import Piece
from cloud.metering.store import ms
from cloud.metering.vee.point_day import ESTIMATES, Channel, Method

QUARTER_S = 900
_ESTIMATES = np.zeros(256, np.bool_)
_ESTIMATES[[int(each) for each in ESTIMATES]] = True


@dataclass(frozen=True, slots=True)
class Partition:
    """What one task works on: an area's points on whole local days, both included; an area-month mostly."""

    area: str
    first: date
    last: date
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the curves of some days lie: plain data, so that a worker needs no database.

    `days` tells the inputs of each day: another value means that another file would be read for it now.
    """

    folder: Path
    first: date
    last: date
    zone: tzinfo
    final: tuple[Piece, ...]
    method: tuple[Piece, ...]

    @property
    def inputs(self) -> str:
        """Of all days together."""
        told = hashlib.blake2b(digest_size=16)
        for day, inputs in self.days().items():
            told.update(f"{day} {inputs}\n".encode())
        return told.hexdigest()

    def days(self) -> dict[date, str]:
        """The inputs of each day of which there is a file."""
        found: dict[date, list[str]] = {}
        start_of = {ms(midnight(day, self.zone)): day for day in days(self.first, self.last)}
        for piece in (*self.final, *self.method):
            told = f"{piece.entry.path} {piece.entry.sha256}"
            for start, day in start_of.items():
                if any(low <= start < high for low, high in piece.spans):
                    found.setdefault(day, []).append(told)
        return {day: _digest(each) for day, each in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class Curves:
    """`wh` float32 (points, slots): primary Wh of each slot, NaN where missing; `method` uint8 (`Method`)."""

    points: tuple[str, ...]
    grid: DayGrid
    starts_ms: NDArray[np.int64]
    interval_s: int
    wh: NDArray[np.float32]
    method: NDArray[np.uint8]

    @property
    def estimated(self) -> NDArray[np.bool_]:
        """(points, slots): neither measured nor said by a person; an outage's zero is no estimate."""
        return estimated(self.method)

    @property
    def outage(self) -> NDArray[np.bool_]:
        """(points, slots): zero because there was no supply."""
        return np.equal(self.method, Method.OUTAGE_ZERO)


def estimated(method: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Of the same shape: whether a slot's value was neither measured nor said by a person."""
    found: NDArray[np.bool_] = _ESTIMATES[method]
    return found


def source(
    connection: Connection,
    folder: Path,
    first: date,
    last: date,
    *,
    zone: tzinfo,
    areas: Collection[str] | None = None,
) -> Source:
    """What to read; `areas` are those in which the points stood: without them the whole station is opened."""
    final, method = (
        tuple(reader.pieces(connection, layer, first, last, zone, areas))
        for layer in (Layer.FINAL, Layer.METHOD)
    )
    return Source(folder, first, last, zone, final, method)


def sources(
    connection: Connection,
    folder: Path,
    first: date,
    last: date,
    *,
    zone: tzinfo,
    areas: Collection[str] | None = None,
) -> dict[str, Source]:
    """`source` of each area that the archive has, in order, with two questions to the manifest for all."""
    whole = source(connection, folder, first, last, zone=zone, areas=areas)
    final, method = _by_area(whole.final), _by_area(whole.method)
    return {
        area: replace(whole, final=tuple(final.get(area, ())), method=tuple(method.get(area, ())))
        for area in sorted({*final, *method})
    }


def read(
    asked: Source, points: Sequence[str], channel: Channel = Channel.IMPORT, interval_s: int = QUARTER_S
) -> Curves:
    """Days that the archive does not have are missing. Conflict: a file is damaged or gone."""
    where = reader.index(points, asked.first, asked.last, asked.zone, interval_s)
    wh = reader.assembled(reader.opened(asked.folder, asked.final), where, channel.value, Layer.FINAL)
    method = reader.assembled(reader.opened(asked.folder, asked.method), where, channel.value, Layer.METHOD)
    grid = day_grid(where.starts_ms, interval_s, asked.zone)
    return Curves(where.points, grid, where.starts_ms, interval_s, wh, method)


def curves(
    connection: Connection,
    folder: Path,
    points: Sequence[str],
    first: date,
    last: date,
    *,
    zone: tzinfo,
    channel: Channel = Channel.IMPORT,
    interval_s: int = QUARTER_S,
    areas: Collection[str] | None = None,
) -> Curves:
    """Both at once, for whoever holds a connection anyway."""
    asked = source(connection, folder, first, last, zone=zone, areas=areas)
    return read(asked, points, channel, interval_s)


def _by_area(pieces: Iterable[Piece]) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.entry.area, []).append(piece)
    return found


def _digest(told: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(told).encode(), digest_size=16).hexdigest()
