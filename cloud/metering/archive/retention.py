"""How long each layer is kept: raw readings leave the store only when the archive holds them, verified.

They go day by day, some meters at a time, and only if they are as many as were compared: a reading that
comes in between keeps them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select, update

from cloud.fleet import topology
from cloud.kit.days import bounds
from cloud.kit.errors import Conflict
from cloud.metering.archive import due, gather, manifest, raw, reader, verify
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.manifest import day_table
from cloud.metering.archive.writer import Archive
from cloud.settings import RetentionSettings

AT_ONCE = 50
"""Meters whose day goes in one transaction: ingest waits that long, and no longer."""
DAYS_A_RUN = 40
"""So many go in one run; those that have to stay are not counted, or they would stop all behind them."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """`kept` says, day by day, why its raw readings had to stay."""

    days: int = 0
    values: int = 0
    files: int = 0
    kept: Mapping[date, str] = field(default_factory=dict)


class Retention:
    """Lets go of what is older than the settings say; 0 days is for ever."""

    def __init__(self, archive: Archive, settings: RetentionSettings) -> None:
        self._archive, self._settings = archive, settings

    def run(self) -> Forgotten:
        """One turn of the job. Conflict: somebody else writes the archive now."""
        if not self._archive.is_begun():
            return Forgotten()
        with self._archive.turn():
            today = self._archive.clock.now().astimezone(self._archive.zone).date()
            count = self._retire(today)
            if not self._settings.raw_days:
                return Forgotten(files=count)
            return self._forget(today - timedelta(days=self._settings.raw_days), count)

    def _retire(self, today: date) -> int:
        settings, now = self._settings, self._archive.clock.now()
        rest = [layer for layer in Layer if layer is not Layer.HOURLY]
        count = 0
        with self._archive.database.write() as connection:
            for layers, kept in (([Layer.HOURLY], settings.hourly_days), (rest, settings.archive_days)):
                if kept:
                    count += manifest.retire(connection, layers, today - timedelta(days=kept), now)
        return count

    def _forget(self, before: date, retired: int) -> Forgotten:
        sound: dict[str, str | None] = {}
        values, gone = 0, 0
        kept: dict[date, str] = {}
        for day in self._candidates(before):
            try:
                values += self.forget_day(day, sound)
                gone += 1
            except Conflict as why:
                kept[day] = str(why)
            if gone == DAYS_A_RUN:
                break
        return Forgotten(gone, values, retired, kept)

    def _candidates(self, before: date) -> list[date]:
        table = day_table.c
        again = table.forgotten_at.is_(None) | (table.forgotten_at < table.archived_at)
        query = select(table.day).where(table.day < before, again)
        with self._archive.database.read() as connection:
            return list(connection.scalars(query.order_by(table.day)))

    def forget_day(self, day: date, sound: dict[str, str | None]) -> int:
        """Let go of a day's raw readings; how many values. `sound` remembers the files checked in this run.

        Conflict says why they have to stay.
        """
        archive = self._archive
        start, end = bounds(day, archive.zone)
        with archive.database.read() as connection:
            if day in due.marks(connection):
                raise Conflict("readings came that are not archived yet")
            placed = topology.installations(connection, start, end)
            pieces = list(reader.pieces(connection, Layer.RAW, day, day, archive.zone))
            for piece in pieces:
                path = piece.entry.path
                if path not in sound:
                    sound[path] = verify.fault_of(archive.folder, piece.entry)
                if what := sound[path]:
                    raise Conflict(f"{path} {what}")
            held = dict(reader.tables(connection, archive.folder, Layer.RAW, day, day, archive.zone))
        fresh = gather.fresh(archive.store, placed, start, end)
        for area, table in fresh.items():
            if area not in held or not raw.contains(raw.ordered(held[area]), table):
                self._mark(day)
                raise Conflict(f"the archive of {area} is not what the store holds: it is archived again")
        gone = sum(self._let_go(meters, start, end, count) for meters, count in _slices(fresh.values()))
        with archive.database.write() as connection:
            forgotten = update(day_table).where(day_table.c.day == day)
            connection.execute(forgotten.values(forgotten_at=archive.clock.now()))
        return gone

    def _let_go(self, meters: Sequence[str], start: datetime, end: datetime, count: int) -> int:
        return self._archive.store.let_go(meters, start, end, count)

    def _mark(self, day: date) -> None:
        with self._archive.database.write() as connection:
            due.mark(connection, [day])


def _slices(tables: Collection[pa.Table]) -> Iterator[tuple[list[str], int]]:
    """Some meters, and how many values and conflicts they have, however many areas they were in."""
    counts: dict[str, int] = {}
    for table in tables:
        for each in pc.value_counts(table.column("meter").cast(pa.string())).to_pylist():
            counts[each["values"]] = counts.get(each["values"], 0) + each["counts"]
    meters = sorted(counts)
    for at in range(0, len(meters), AT_ONCE):
        some = meters[at : at + AT_ONCE]
        yield some, sum(counts[meter] for meter in some)
