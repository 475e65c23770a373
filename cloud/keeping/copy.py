"""Growing up: a whole station into other engines, say from SQLite into PostgreSQL and InfluxDB.

The source stands still meanwhile and is not changed. Records go in one transaction; readings meter by meter,
each under its own identity, so that going on after a stop writes nothing twice. At the end both are counted.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import select

from cloud.fleet.registry import meter_table
from cloud.keeping import tables
from cloud.keeping.backup import NOT_KEPT, folders
from cloud.keeping.tables import Tally
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import WHOLE_STATION, Scope, Window
from cloud.metering.archive import raw
from cloud.metering.influx.conflicts import conflict_table, quarantine_table
from cloud.metering.store import BatchOfReadings, Kept, ReadingStore, Refused, StoreFault
from cloud.records import Records
from cloud.settings import Settings

AT_ONCE = 20_000
"""Values in one step of the target."""
STORES_OWN = (conflict_table.name, quarantine_table.name)
"""What some stores keep in the records: it changes as readings are written."""
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
    places = _places(source.settings, target.settings)
    wanted = copy_records(source.records.database, target.records.database, bar)
    meters = meters_of(source.records)
    _copy_readings(source, target, meters, bar)
    values, conflicts, total = _compare(source.records.store, target.records.store, meters, bar)
    for here, there in places:
        shutil.copytree(here, there, dirs_exist_ok=True, ignore=_not_kept)
    if _tallies(source.records.database) != wanted:
        raise Conflict(
            "the source changed while it was copied: stop its service, and copy into an empty place"
        )
    rows = sum(tally.rows for tally in wanted.values())
    return Copied(len(wanted), rows, len(meters), values, conflicts, total)


def copy_records(source: Database, target: Database, bar: Bar) -> dict[str, Tally]:
    """All tables in one transaction, unless they are there already; what there is in each."""
    steps = len(tables.ordered())
    with source.read() as reader, target.write() as writer, bar(steps, "records") as done:
        ordered = tables.every(reader)
        wanted = {table.name: tables.tally(reader, table) for table in ordered}
        found = {table.name: tables.tally(writer, table) for table in ordered}
        if _without(wanted) == _without(found):
            return wanted
        if occupied := [name for name, tally in found.items() if tally.rows]:
            raise Conflict(f"the target's table {occupied[0]} is not empty: name an empty database")
        for table in ordered:
            if table is not conflict_table:  # they come with the readings, into whatever the target keeps
                tables.load(writer, table, tables.rows(reader, table))
                if tables.tally(writer, table) != wanted[table.name]:
                    raise Invalid(f"table {table.name} is not the same on both sides")
            done(1)
    return wanted


def _tallies(database: Database) -> dict[str, Tally]:
    with database.read() as connection:
        return {table.name: tables.tally(connection, table) for table in tables.ordered()}


def _without(found: dict[str, Tally]) -> dict[str, Tally]:
    return {name: tally for name, tally in found.items() if name not in STORES_OWN}


def meters_of(records: Records) -> list[str]:
    """Those of the registry, and those that only the store knows."""
    with records.database.read() as connection:
        known = set(connection.scalars(select(meter_table.c.id)))
    return sorted(known | {each.meter for each in records.store.latest(WHOLE_STATION)})


def _copy_readings(source: Side, target: Side, meters: list[str], bar: Bar) -> None:
    note = target.settings.data_dir / PROGRESS
    there = _noted(note, target.records.store)
    with bar(len(meters), "readings") as done, note.open("a", encoding="utf-8") as file:
        for meter in meters:
            if meter not in there:
                _copy_meter(source.records.store, target.records.store, meter)
                file.write(f"{meter}\n")
                file.flush()
            done(1)


def _noted(note: Path, target: ReadingStore) -> Collection[str]:
    """The meters that are over there; none where the note is of an earlier copy into another store."""
    if not note.exists():
        return ()
    whole, _, _ = note.read_text(encoding="utf-8").rpartition("\n")
    there = {each.meter for each in target.latest(WHOLE_STATION)}
    noted = [meter for meter in whole.splitlines() if meter in there]
    note.write_text("".join(f"{meter}\n" for meter in noted), encoding="utf-8")
    return set(noted)


def _copy_meter(source: ReadingStore, target: ReadingStore, meter: str) -> None:
    scope = only(meter)
    for rows in (source.rows(scope), source.conflicts(scope)):
        for group in batches_of(rows):
            try:
                target.write_many(group)
            except (StoreFault, Refused) as fault:
                raise Conflict(
                    f"{fault}; mend that and give the command again: it goes on from here"
                ) from None


def batches_of(rows: Iterable[Kept]) -> Iterator[list[BatchOfReadings]]:
    """Step by step, each value under the identity it came with."""
    left = iter(rows)
    while some := list(islice(left, AT_ONCE)):
        yield list(raw.batches(some))


def only(meter: str) -> Scope:
    return Scope((Window(meter, datetime(1970, 1, 1, tzinfo=UTC), None),))


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


def _places(source: Settings, target: Settings) -> list[tuple[Path, Path]]:
    """From where to where files go: photos, secrets, the archive, policies."""
    places = {"data": target.data_dir, "archive": target.archive.folder, "policies": target.policies_dir}
    found = []
    for name, here in folders(source):
        there = places[name]
        if there is None:
            raise Invalid(
                "the target names no policies_dir, and the source has policies of its own: name one"
            )
        if here.resolve() != there.resolve():
            found.append((here, there))
    return found


def _not_kept(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith((*NOT_KEPT, PROGRESS))]
