"""Growing up: a whole station into other engines, say from SQLite into PostgreSQL and InfluxDB.

The source stands still meanwhile and is not changed. Records go in one transaction; readings meter by meter,
each under its own identity, so that going on after a stop writes nothing twice. At the end both are counted.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice

from sqlalchemy import select

from cloud.fleet.registry import meter_table
from cloud.keeping import tables
from cloud.keeping.backup import NOT_KEPT
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import Scope, Window
from cloud.metering.store import BatchOfReadings, Kept, ReadingStore, Refused, StoreFault
from cloud.records import Records
from cloud.settings import Settings
from protocols.readings import Reading

BATCHES = 500
PROGRESS = "copy.progress"
"""In the target's data folder: the meters that are over there already, one a line."""
Bar = Callable[[int, str], AbstractContextManager[Callable[[int], object]]]


@dataclass(frozen=True, slots=True)
class Copied:
    """What both sides hold, found equal."""

    tables: int
    rows: int
    meters: int
    values: int
    conflicts: int
    sum: str


@dataclass(frozen=True, slots=True)
class Side:
    settings: Settings
    records: Records


def copy(source: Side, target: Side, bar: Bar) -> Copied:
    """Bring all of `source` into `target`; Conflict: something else is there; Invalid: they differ."""
    rows = copy_records(source.records.database, target.records.database, bar)
    meters = meters_of(source.records.database)
    _copy_readings(source, target, meters, bar)
    values, conflicts, total = _compare(source.records.store, target.records.store, meters, bar)
    _copy_files(source.settings, target.settings)
    return Copied(len(tables.ordered()), rows, len(meters), values, conflicts, total)


def copy_records(source: Database, target: Database, bar: Bar) -> int:
    """All tables in one transaction, unless they are there already; how many rows there are."""
    ordered = tables.ordered()
    with source.read() as reader, target.write() as writer, bar(len(ordered), "records") as done:
        wanted = {table.name: tables.tally(reader, table) for table in ordered}
        found = {table.name: tables.tally(writer, table) for table in ordered}
        if wanted != found:
            if occupied := [name for name, tally in found.items() if tally.rows]:
                raise Conflict(f"the target's table {occupied[0]} is not empty: name an empty database")
            for table in ordered:
                tables.load(writer, table, tables.rows(reader, table))
                if tables.tally(writer, table) != wanted[table.name]:
                    raise Invalid(f"table {table.name} is not the same on both sides")
                done(1)
    return sum(tally.rows for tally in wanted.values())


def meters_of(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(select(meter_table.c.id).order_by(meter_table.c.id)))


def _copy_readings(source: Side, target: Side, meters: list[str], bar: Bar) -> None:
    note = target.settings.data_dir / PROGRESS
    there = set(note.read_text(encoding="utf-8").splitlines()) if note.exists() else set()
    with bar(len(meters), "readings") as done, note.open("a", encoding="utf-8") as file:
        for meter in meters:
            if meter not in there:
                _copy_meter(source.records.store, target.records.store, meter)
                file.write(f"{meter}\n")
                file.flush()
            done(1)


def _copy_meter(source: ReadingStore, target: ReadingStore, meter: str) -> None:
    scope = only(meter)
    for rows in (source.rows(scope), iter(source.conflicts(scope))):
        batches = batches_of(rows)
        while group := list(islice(batches, BATCHES)):
            try:
                target.write_many(group)
            except (StoreFault, Refused) as fault:
                raise Conflict(
                    f"{fault}; mend that and give the command again: it goes on from here"
                ) from None


def only(meter: str) -> Scope:
    return Scope((Window(meter, datetime(1970, 1, 1, tzinfo=UTC), None),))


def batches_of(rows: Iterable[Kept]) -> Iterator[BatchOfReadings]:
    """Values in the order of `Kept`, each under the identity it came with."""
    for origin, kept in groupby(rows, key=lambda row: (row.gateway, row.epoch, row.seq)):
        readings = [
            Reading(meter, at_ms, source, {row.quantity: row.value for row in same}, quality)
            for (meter, at_ms, source, quality), same in groupby(
                kept, key=lambda row: (row.meter, row.at_ms, row.source, row.quality)
            )
        ]
        yield BatchOfReadings(*origin, readings)


def _compare(source: ReadingStore, target: ReadingStore, meters: list[str], bar: Bar) -> tuple[int, int, str]:
    values = conflicts = 0
    total = hashlib.sha256()
    with bar(len(meters), "comparing") as done:
        for meter in meters:
            here, there = sums(source, meter), sums(target, meter)
            if here != there:
                raise Invalid(f"meter {meter}: {here[0]} values here and {there[0]} there are not the same")
            values, conflicts = values + here[0], conflicts + here[1]
            total.update(here[2])
            done(1)
    return values, conflicts, total.hexdigest()


def sums(store: ReadingStore, meter: str) -> tuple[int, int, bytes]:
    """(values, conflicts, SHA-256 over all of both in order) of one meter."""
    scope, digest = only(meter), hashlib.sha256()
    counts = [0, 0]
    for number, rows in enumerate((store.rows(scope), store.conflicts(scope))):
        for row in rows:
            counts[number] += 1
            told = (
                row.at_ms,
                row.source,
                row.quantity,
                row.value,
                row.quality,
                row.gateway,
                row.epoch,
                row.seq,
            )
            digest.update(json.dumps(told).encode())
    return counts[0], counts[1], digest.digest()


def _copy_files(source: Settings, target: Settings) -> None:
    pairs = [(source.data_dir, target.data_dir), (source.archive.folder, target.archive.folder)]
    for here, there in pairs:
        if here.is_dir() and here.resolve() != there.resolve():
            shutil.copytree(here, there, dirs_exist_ok=True, ignore=_not_kept)


def _not_kept(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith((*NOT_KEPT, PROGRESS))]
