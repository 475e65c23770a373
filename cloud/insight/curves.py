"""The validated curves of one partition of the archive: what every analysis of this station starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.analysis.grid import DayGrid, day_grid
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
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
) -> Curves:
    """Read from the archive: days that it does not have are missing. Conflict: a file is damaged."""
    where = reader.index(points, first, last, zone, interval_s)
    asked = (connection, folder, points, channel.value, first, last)
    wh = reader.matrix(*asked, zone=zone, layer=Layer.FINAL, interval_s=interval_s)
    method = reader.matrix(*asked, zone=zone, layer=Layer.METHOD, interval_s=interval_s)
    grid = day_grid(where.starts_ms, interval_s, zone)
    return Curves(where.points, grid, where.starts_ms, interval_s, wh, method)
