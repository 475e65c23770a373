"""Reading the archive: (points, slots) as one array out of memory-mapped files, and raw readings as tables.

Files are found through the manifest; where two cover a day, the later revision has it alone.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.kit.days import DAY, days
from cloud.metering.archive import files, manifest, raw, slots
from cloud.metering.archive.grid import Grid
from cloud.metering.archive.layout import Layer, span_ms
from cloud.metering.archive.manifest import Entry
from cloud.metering.archive.slots import Runs, missing

QUARTER_S = 900
Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Index:
    """What the rows and columns of a matrix are: `starts_ms` int64 of shape (slots,), Unix ms, UTC."""

    points: tuple[str, ...]
    starts_ms: NDArray[np.int64]
    interval_s: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A file and the spans [start, end) in Unix ms that it, and no later revision, speaks for."""

    entry: Entry
    spans: Spans


@dataclass(frozen=True, slots=True)
class Opened:
    """A file of a piece, and its runs."""

    path: Path
    file: files.Mapped
    runs: Runs
    spans: Spans

    def points(self) -> set[str]:
        """Those that have slots in its spans."""
        runs = self.runs
        end = runs.start_ms + runs.slots * runs.interval_s * 1000
        inside = [(runs.start_ms < end_ms) & (end > start_ms) for start_ms, end_ms in self.spans]
        return {runs.points[number] for each in inside for number in np.unique(runs.point[each])}


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
    areas: Collection[str] | None = None,
) -> NDArray[Any]:
    """(points, slots) of `channel`, slots as `index` has them: a step for each file, none for each row.

    `areas` are those whose files are opened; without them it is those of the whole station.

    FINAL and HOURLY (whose `interval_s` is 3600) float32, NaN where missing; FLAGS uint32; METHOD uint8.
    `points` are distinct. Of shorter intervals energies are added up, flags joined, and the method is the
    farthest from measured; what has longer ones is missing: ask with a longer `interval_s`. Conflict: a file
    is damaged.
    """
    found = pieces(connection, layer, first, last, zone, areas)
    return assembled(opened(folder, found), index(points, first, last, zone, interval_s), channel, layer)


def assembled(
    found: Iterable["Opened"], where: Index, channel: str, layer: Layer = Layer.FINAL
) -> NDArray[Any]:
    """`matrix` out of files that were opened before: it needs no database. Conflict: a file is damaged."""
    shape = (len(where.points), len(where.starts_ms))
    out = missing(layer, shape[0] * shape[1]).reshape(shape)
    if not out.size:
        return out
    grid = Grid(where.points, int(where.starts_ms[0]), where.interval_s, out, layer)
    for each in found:
        try:
            values = each.file.values(channel)
            if values is not None:
                grid.place(each.runs, values, each.spans)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise files.unreadable(each.path, error) from error
    return out


def opened(folder: Path, found: Iterable[Piece]) -> Iterator["Opened"]:
    """Each file as it lies on the disk, and which rows it has. Conflict: it is gone or damaged."""
    for piece in found:
        path = folder / piece.entry.path
        file = files.Mapped(folder, piece.entry.path)
        try:
            runs = slots.runs_of(file.metadata)
        except (ValueError, KeyError) as error:
            raise files.unreadable(path, error) from error
        yield Opened(path, file, runs, piece.spans)


def points_in(
    connection: Connection,
    folder: Path,
    first: date,
    last: date,
    *,
    zone: tzinfo,
    areas: Collection[str] | None = None,
    layer: Layer = Layer.FINAL,
) -> list[str]:
    """The points that the archive has validated slots of in these days, in order."""
    found: set[str] = set()
    for each in opened(folder, pieces(connection, layer, first, last, zone, areas)):
        found.update(each.points())
    return sorted(found)


def tables(
    connection: Connection,
    folder: Path,
    layer: Layer,
    first: date,
    last: date,
    zone: tzinfo,
    areas: Collection[str] | None = None,
) -> Iterator[tuple[str, pa.Table]]:
    """(area, its rows in these days), once for each file that has any."""
    for piece in pieces(connection, layer, first, last, zone, areas):
        found = raw.within(files.read(folder, piece.entry.path), piece.spans)
        if found.num_rows:
            yield piece.entry.area, found


def pieces(
    connection: Connection,
    layer: Layer,
    first: date,
    last: date,
    zone: tzinfo,
    areas: Collection[str] | None = None,
) -> Iterator[Piece]:
    """Every file that has a say in these days, and in which of them."""
    entries = manifest.live(connection, layer, first, last, areas)
    for _, of_area in groupby(entries, lambda entry: entry.area):
        taken: set[date] = set()
        found = []
        for entry in sorted(of_area, key=lambda entry: -entry.revision):
            own = set(days(max(first, entry.first), min(last, entry.last))) - taken
            taken |= own
            if own:
                found.append(Piece(entry, _spans(sorted(own), zone)))
        yield from reversed(found)


def _spans(own: Sequence[date], zone: tzinfo) -> Spans:
    """Days that follow one another are one span."""
    spans: list[tuple[date, date]] = []
    for day in own:
        if spans and spans[-1][1] + DAY == day:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return [span_ms(start, end, zone) for start, end in spans]
