"""A station out of a backup, into a place where none is; done only when every count and hash is the same.

A drill does the same into a folder of its own, on SQLite whatever the station uses, and removes it.
"""

import gzip
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud import settings as settings_file
from cloud.keeping import tables
from cloud.keeping.backup import BESIDE, CONFLICT_LINES, READINGS_DB, READINGS_LINES, folders, line_of
from cloud.keeping.bundle import unpacked
from cloud.keeping.copy import batches_of
from cloud.keeping.tables import Count
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.store import Kept, ReadingStore
from cloud.migrations import newest
from cloud.records import open_records
from cloud.settings import ArchiveSettings, ReadingsSettings, Settings
from protocols.readings import Quality, Source


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored and found equal to what was backed up."""

    station: str
    made_at: str
    tables: int
    rows: int
    readings: int


def restore(path: Path, folder: Path, progress: Callable[[int], object]) -> Restored:
    """Put a station into `folder`, which must be empty; Invalid or Conflict when anything differs."""
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty: name a new folder")
    if not path.is_file():
        raise Invalid(f"{path}: no such file")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".restore-") as scratch,
        unpacked(path, Path(scratch), progress) as manifest,
    ):
        _check_revision(path, manifest)
        shutil.copyfile(Path(scratch) / "cloud.toml", folder / "cloud.toml")
        _put(Path(scratch) / BESIDE, folder)
        settings = settings_file.load(folder / "cloud.toml")
        _check_empty(settings)
        return _fill(settings, Path(scratch), manifest)


def drill(path: Path, beside: Path, progress: Callable[[int], object]) -> Restored:
    """Restore into a folder made for it in `beside`, compare, and remove it again."""
    with (
        tempfile.TemporaryDirectory(dir=beside, prefix=".drill-") as folder,
        unpacked(path, Path(folder) / "bundle", progress) as manifest,
    ):
        _check_revision(path, manifest)
        return _fill(_apart(Path(folder) / "station"), Path(folder) / "bundle", manifest)


def _apart(place: Path) -> Settings:
    """Named one by one, so that no variable of the environment leads a drill to the station's own engines."""
    return Settings(
        data_dir=place / "data",
        database_url="",
        database_password_file=None,
        policies_dir=None,
        readings=ReadingsSettings(kind="sqlite"),
        archive=ArchiveSettings(folder=place / "archive"),
    )


def _check_revision(path: Path, manifest: dict[str, Any]) -> None:
    if manifest["revision"] != newest():
        raise Conflict(
            f"{path} was made by a version with tables {manifest['revision']}, this one has {newest()}: "
            "restore it with that version and run `wattpost cloud migrate` of this one then"
        )


def _check_empty(settings: Settings) -> None:
    for _, place in folders(settings):
        if any(place.iterdir()):
            raise Conflict(f"{place} is not empty: a backup is never restored over a station")


def _fill(settings: Settings, scratch: Path, manifest: dict[str, Any]) -> Restored:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _put_files(settings, scratch)
    if (scratch / READINGS_DB).exists():
        shutil.move(scratch / READINGS_DB, settings.data_dir / READINGS_DB)
    records = open_records(settings)
    try:
        if (scratch / READINGS_LINES).exists() and records.store.latest(WHOLE_STATION):
            raise Conflict("the store of readings is not empty: a backup is never restored over a station")
        rows = _put_tables(records.database, scratch, manifest)
        readings = _put_readings(records.store, scratch)
    finally:
        records.close()
    return Restored(manifest["station"], manifest["made_at"], len(manifest["tables"]), rows, readings)


def _put_files(settings: Settings, scratch: Path) -> None:
    places: dict[str, Path | None] = {
        "data": settings.data_dir,
        "archive": settings.archive.folder if settings.archive.folder.is_absolute() else None,
        "policies": settings.policies_dir,
    }
    for name, target in places.items():
        if target is not None:
            _put(scratch / name, target)


def _put(source: Path, target: Path) -> None:
    """For this user's eyes only."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
        for path in source.rglob("*"):
            (target / path.relative_to(source)).chmod(0o700 if path.is_dir() else 0o600)


def _put_tables(database: Database, scratch: Path, manifest: dict[str, Any]) -> int:
    """Whole or not at all; what is then in the tables is counted anew, from the database."""
    with database.write() as connection:
        for table in tables.every(connection):
            if connection.execute(table.select().limit(1)).first() is not None:
                raise Conflict(f"table {table.name} is not empty: a backup is never restored over a station")
        for table in tables.ordered():
            with (scratch / "tables" / f"{table.name}.jsonl").open("rb") as file:
                tables.load(connection, table, file)
    rows = 0
    with database.read() as connection:
        for table in tables.ordered():
            found, wanted = tables.tally(connection, table), tables.Tally(**manifest["tables"][table.name])
            if found != wanted:
                raise Invalid(f"table {table.name}: {found.rows} rows are not the {wanted.rows} backed up")
            rows += found.rows
    return rows


def _put_readings(store: ReadingStore, scratch: Path) -> int:
    """How many values there are, conflicts included; of a store that is no file of ours all are compared."""
    if not (scratch / READINGS_LINES).exists():
        return sum(1 for _ in store.rows(WHOLE_STATION)) + len(store.conflicts(WHOLE_STATION))
    wanted = Count()
    for name in (READINGS_LINES, CONFLICT_LINES):
        with gzip.open(scratch / name, "rb") as lines:
            for group in batches_of(map(_kept, _counted(lines, wanted))):
                store.write_many(group)
    found = Count()
    for rows in (store.rows(WHOLE_STATION), store.conflicts(WHOLE_STATION)):
        for row in rows:
            found.add(line_of(row))
    if found.tally != wanted.tally:
        raise Invalid(
            f"the {found.tally.rows} values in the store are not the {wanted.tally.rows} that were backed up"
        )
    return found.tally.rows


def _counted(lines: Iterable[bytes], count: Count) -> Iterator[bytes]:
    for line in lines:
        count.add(line)
        yield line


def _kept(line: bytes) -> Kept:
    meter, at_ms, source, quantity, value, quality, gateway, epoch, seq = json.loads(line)
    return Kept(meter, at_ms, Source(source), quantity, value, Quality(quality), gateway, epoch, seq)
