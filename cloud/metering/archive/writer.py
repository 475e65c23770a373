"""Writing the archive: a closed day by area, a closed month as one file, each step whole or not at all.

Files are written under names that no reader knows; one transaction makes them the archive. A lock on the
folder keeps a second writer out.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection

from cloud.fleet import topology
from cloud.fleet.topology import Installation
from cloud.kit.clock import Clock
from cloud.kit.days import bounds
from cloud.kit.db import Database
from cloud.kit.errors import Conflict
from cloud.kit.lock import ProcessLock
from cloud.metering.archive import due, files, gather, hourly, manifest, raw, reader, slots
from cloud.metering.archive.layout import SLOT_LAYERS, UNPLACED, Layer, month_of
from cloud.metering.archive.manifest import Entry, State, Written
from cloud.metering.points import PointSink
from cloud.metering.store import ReadingStore
from cloud.metering.vee import days as validated
from cloud.metering.vee.days import Channel, PointDay

GRACE = timedelta(hours=24)
"""So long a replaced file stays: no reader holds the manifest of yesterday."""
Key = tuple[Layer, str]
Made = Mapping[Key, pa.Table]


@dataclass(frozen=True, slots=True)
class Archive:
    """What the archive is made of and where it is kept."""

    database: Database
    store: ReadingStore
    folder: Path
    zone: tzinfo
    clock: Clock

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to write, and what an earlier writer left half done cleared away. Conflict: taken."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = ProcessLock(self.folder / ".lock", f"the archive {self.folder}")
        try:
            self._clear_unfinished()
            yield
        finally:
            lock.release()

    def is_begun(self) -> bool:
        """Whether there is any file, or was one."""
        with self.database.read() as connection:
            return bool(manifest.every(connection))

    def archive_day(self, day: date, areas: Collection[str] | None = None) -> list[Written]:
        """Write what changed since the day was archived, if it was; the files that were written.

        Within `turn`. StoreFault or Conflict: nothing changed, and it may be tried again.
        """
        start, end = bounds(day, self.zone)
        with self.database.read() as connection:
            times = due.marks(connection).get(day)
            number = due.revisions(connection, day, day).get(day, 0)
            placed = topology.installations(connection, start, end)
            of_channel = (validated.newest(connection, day, day, channel=channel) for channel in Channel)
            point_days = [each for found in of_channel for each in found]
            held = self._held(connection, day)
        old_raw = {area: table for (layer, area), table in held.items() if layer is Layer.RAW}
        new_raw = gather.settled(old_raw, gather.fresh(self.store, placed, start, end), placed)
        made = {(Layer.RAW, area): table for area, table in new_raw.items()}
        made |= _slots(point_days, placed)
        made |= _hours(point_days, placed, new_raw, (start, end))
        changed = {
            key: table
            for key, table in _with_emptied(made, held).items()
            if (areas is None or key[1] in areas) and not _same(key[0], table, held.get(key))
        }
        self._show({area: table for (layer, area), table in changed.items() if layer is Layer.HOURLY})
        archived = (day, times, number) if areas is None else None
        return self._write(changed, day, day, archived)

    def compact_month(self, layer: Layer, area: str, month: date) -> list[Written]:
        """One file of all that the month has, later revisions of its days included. Within `turn`."""
        first, last = month_of(month)
        with self.database.read() as connection:
            found = reader.tables(connection, self.folder, layer, first, last, self.zone, [area])
            parts = [table for _, table in found]
        whole = _joined(layer, parts)
        rows = sum(part.num_rows for part in parts)
        if whole.num_rows != rows:
            raise Conflict(f"{layer} of {area}, {first:%Y-%m}: {rows} rows became {whole.num_rows}")
        return self._write({(layer, area): whole}, first, last, None)

    def uncompacted(self, until: date) -> list[tuple[Layer, str, date]]:
        """Layer, area and first day of the months that ended by `until` and lie in files of days."""
        with self.database.read() as connection:
            entries = manifest.every(connection, State.LIVE)
        months = {
            (entry.layer, entry.area, month_of(entry.first)[0])
            for entry in entries
            if entry.first == entry.last and month_of(entry.first)[1] <= until
        }
        return sorted(months)

    def sweep(self) -> int:
        """Remove the files that were replaced longer than GRACE ago; how many. In `turn`."""
        before = self.clock.now() - GRACE
        with self.database.read() as connection:
            old = [each for each in manifest.every(connection, State.OLD) if each.changed_at <= before]
        return self._remove(old)

    def _clear_unfinished(self) -> None:
        """Files of a writer that died, known by their rows: nobody else's file is ever taken for one."""
        with self.database.read() as connection:
            unfinished = manifest.every(connection, State.WRITING)
        self._remove(unfinished)

    def _remove(self, entries: Collection[Entry]) -> int:
        for entry in entries:
            path = self.folder / entry.path
            path.unlink(missing_ok=True)
            path.with_name(path.name + files.PART).unlink(missing_ok=True)
        if entries:
            with self.database.write() as connection:
                manifest.drop(connection, [entry.path for entry in entries])
        return len(entries)

    def _held(self, connection: Connection, day: date) -> dict[Key, pa.Table]:
        """What the archive has of a day now."""
        return {
            (layer, area): table
            for layer in Layer
            for area, table in reader.tables(connection, self.folder, layer, day, day, self.zone)
        }

    def _show(self, hours: Mapping[str, pa.Table]) -> None:
        """To boards, before it is the archive: what fails here is made again as a whole."""
        if isinstance(self.store, PointSink):
            for table in hours.values():
                self.store.write_points(hourly.MEASUREMENT, hourly.points(table))

    def _write(
        self, tables: Made, first: date, last: date, archived: tuple[date, int | None, int] | None
    ) -> list[Written]:
        """Write the tables and make them the archive of these days, in place of all that lies within them."""
        now = self.clock.now()
        with self.database.write() as connection:
            allotted = [
                (manifest.allot(connection, layer, area, first, last, now), table)
                for (layer, area), table in sorted(tables.items(), key=lambda item: item[0])
                if table.num_rows or first == last
            ]
        written = [files.write(self.folder, entry.path, table, entry.layer) for entry, table in allotted]
        with self.database.write() as connection:
            replaced = [
                entry.path
                for layer, area in tables
                for entry in manifest.live(connection, layer, first, last, [area])
                if first <= entry.first and entry.last <= last
            ]
            manifest.switch(connection, written, replaced, now)
            if archived is not None:
                due.done(connection, *archived, now)
        return written


def _slots(point_days: Collection[PointDay], placed: Sequence[Installation]) -> Made:
    areas = _standing(placed)
    of_area: dict[str, list[PointDay]] = {}
    for each in point_days:
        of_area.setdefault(areas.get(each.point, UNPLACED), []).append(each)
    return {
        (layer, area): slots.table_of(layer, found)
        for layer in SLOT_LAYERS
        for area, found in of_area.items()
    }


def _hours(
    point_days: Collection[PointDay],
    placed: Sequence[Installation],
    raw_tables: Mapping[str, pa.Table],
    within: tuple[datetime, datetime],
) -> Made:
    gauges = hourly.gauges_of(raw_tables.values())
    of_area: dict[str, list[str]] = {}
    for point, area in _standing(placed).items():
        of_area.setdefault(area, []).append(point)
    made = {
        (Layer.HOURLY, area): hourly.table_of(point_days, gauges, placed, points, *within)
        for area, points in of_area.items()
    }
    return {key: table for key, table in made.items() if table.num_rows}


def _standing(placed: Sequence[Installation]) -> dict[str, str]:
    """Point: the area in which it stood last."""
    return {each.point: each.area for each in placed}  # in order of point and start


def _with_emptied(made: Made, held: Made) -> Made:
    """Also what was in the archive and is not there any more: an empty file overrules the older one."""
    return {key: _joined(key[0], []) for key in held if key not in made} | dict(made)


def _same(layer: Layer, one: pa.Table, other: pa.Table | None) -> bool:
    if other is None:
        return False
    return raw.same(one, raw.ordered(other)) if layer is Layer.RAW else slots.same(layer, one, other)


def _joined(layer: Layer, parts: list[pa.Table]) -> pa.Table:
    if layer is Layer.RAW:
        return raw.ordered(pa.concat_tables(parts)) if parts else raw.table_of((), ())
    return slots.joined(layer, parts) if parts else slots.table_of(layer, ())
