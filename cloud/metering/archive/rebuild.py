"""From the archive back into a store: raw readings under their original identity, conflicts too.

A list beside the new store says which files are in it; after an interruption it goes on from there. To write
a reading twice changes nothing, so the file that was cut off is simply begun again.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import date, tzinfo
from pathlib import Path

from sqlalchemy import Connection

from cloud.kit.days import days
from cloud.kit.errors import Conflict
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.archive import files, manifest, raw, reader
from cloud.metering.archive.layout import Layer, span_ms
from cloud.metering.archive.reader import Piece
from cloud.metering.store import BatchOfReadings, ReadingStore

AT_ONCE = 5000
"""Readings in one step of the store."""


def rebuild(
    connection: Connection,
    folder: Path,
    store: ReadingStore,
    done_list: Path,
    first: date,
    last: date,
    zone: tzinfo,
    progress: Callable[[int], object],
) -> int:
    """Write all raw readings of these days into `store`; how many values, conflicts included.

    Conflict: the store holds readings that `done_list` does not know to be ours. StoreFault: call again.
    """
    done = _done(done_list, store)
    count = 0
    for piece in reader.pieces(connection, Layer.RAW, first, last, zone):
        if piece.entry.path not in done:
            count += _write(folder, piece, store, zone)
            _note(done_list, piece.entry.path)
        progress(piece.entry.rows)
    return count


def size_of(connection: Connection, first: date, last: date) -> int:
    """The rows that `rebuild` will go through."""
    return manifest.rows_of(manifest.live(connection, Layer.RAW, first, last))


def _done(done_list: Path, store: ReadingStore) -> set[str]:
    if done_list.exists():
        return set(done_list.read_text(encoding="utf-8").split("\n")[:-1])  # the last may be cut off
    if store.latest(WHOLE_STATION):
        raise Conflict("the store holds readings already: rebuild into an empty one, with --into FOLDER")
    _note(done_list, "begun")
    return set()


def _note(done_list: Path, line: str) -> None:
    with done_list.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


def _write(folder: Path, piece: Piece, store: ReadingStore, zone: tzinfo) -> int:
    """Day by day: as rows a month is many times what it is as a table."""
    whole = raw.within(files.read(folder, piece.entry.path), piece.spans)
    count = 0
    for day in days(piece.entry.first, piece.entry.last):
        part = raw.within(whole, [span_ms(day, day, zone)])
        for step in _steps(raw.batches(raw.kept(part))):
            store.write_many(step)
        count += part.num_rows
    return count


def _steps(batches: Iterator[BatchOfReadings]) -> Iterator[Sequence[BatchOfReadings]]:
    step: list[BatchOfReadings] = []
    size = 0
    for batch in batches:
        step.append(batch)
        size += len(batch.readings)
        if size >= AT_ONCE:
            yield step
            step, size = [], 0
    if step:
        yield step
