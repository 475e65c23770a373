"""Reading the archive: (points, slots) as one array out of memory-mapped files, and raw readings as tables.

Files are found through the manifest; where two cover a day, the later revision has it alone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.metering.archive.layout import Layer, span_ms

QUARTER_S = 900


@dataclass(frozen=True, slots=True)
class Index:
    """What the rows and columns of a matrix are: `starts_ms` int64 of shape (slots,), Unix ms, UTC."""

    points: tuple[str, ...]
    starts_ms: NDArray[np.int64]
    interval_s: int


def index(points: Sequence[str], first: date, last: date, zone: tzinfo, interval_s: int = QUARTER_S) -> Index:
    """The slots of the local days from `first` to `last`, both included: 92, 96 or 100 a day at 15 min."""
    start, end = span_ms(first, last, zone)
    return Index(tuple(points), np.arange(start, end, interval_s * 1000, dtype=np.int64), interval_s)


def matrix(
    connection: Connection,
    folder: Path,
    points: Sequence[str],
    channel: str,
    first: date,
    last: date,
    *,
    zone: tzinfo,
    layer: Layer = Layer.FINAL,
    interval_s: int = QUARTER_S,
) -> NDArray[Any]:
    """(points, slots) of `channel`, float32, NaN where missing; slots as `index` has them."""
    raise NotImplementedError


def points_in(
    connection: Connection, folder: Path, first: date, last: date, areas: Collection[str] | None = None
) -> list[str]:
    """The points that the archive has final values of, in order."""
    raise NotImplementedError
