"""The validated curves of one partition of the archive: what every analysis of this station starts from.

`sources` asks the manifest, in this process; `read` opens the files, in a thread or on a worker elsewhere.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.analysis.grid import DayGrid, day_grid
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.reader import Piece
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
    """Where the curves of some points lie: plain data, so that a worker needs no database."""

    folder: Path
    points: tuple[str, ...]
    first: date
    last: date
    zone: tzinfo
    interval_s: int
    final: tuple[Piece, ...]
    method: tuple[Piece, ...]

    @property
    def inputs(self) -> str:
        """Another value means that other files would be read now, or that other points are asked for."""
        told = hashlib.blake2b(digest_size=16)
        for piece in (*self.final, *self.method):
            told.update(f"{piece.entry.path} {piece.entry.sha256} {piece.spans}\n".encode())
        told.update("\0".join(self.points).encode())
        return told.hexdigest()


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
        found: NDArray[np.bool_] = _ESTIMATES[self.method]
        return found

    @property
    def outage(self) -> NDArray[np.bool_]:
        """(points, slots): zero because there was no supply."""
        return np.equal(self.method, Method.OUTAGE_ZERO)


def source(
    connection: Connection,
    folder: Path,
    points: Sequence[str],
    first: date,
    last: date,
    *,
    zone: tzinfo,
    interval_s: int = QUARTER_S,
    areas: Collection[str] | None = None,
) -> Source:
    """What to read; `areas` are those in which the points stood: without them the whole station is opened."""
    final, method = (
        tuple(reader.pieces(connection, layer, first, last, zone, areas))
        for layer in (Layer.FINAL, Layer.METHOD)
    )
    return Source(folder, tuple(points), first, last, zone, interval_s, final, method)


def read(asked: Source, channel: Channel = Channel.IMPORT) -> Curves:
    """Days that the archive does not have are missing. Conflict: a file is damaged or gone."""
    where = reader.index(asked.points, asked.first, asked.last, asked.zone, asked.interval_s)
    wh = reader.assembled(asked.folder, asked.final, where, channel.value, Layer.FINAL)
    method = reader.assembled(asked.folder, asked.method, where, channel.value, Layer.METHOD)
    grid = day_grid(where.starts_ms, asked.interval_s, asked.zone)
    return Curves(where.points, grid, where.starts_ms, asked.interval_s, wh, method)


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
    asked = source(connection, folder, points, first, last, zone=zone, interval_s=interval_s, areas=areas)
    return read(asked, channel)
