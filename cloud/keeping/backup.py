"""Everything of a station in one file: records, readings, archive, photos, settings, secrets.

It may be made while the service runs. Records are taken first: what their book calls stored is then among the
readings. `restore --drill` proves a backup by restoring it; one that was never restored is a hope.
"""

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cloud.keeping import snapshot, tables
from cloud.keeping.bundle import Writer
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.store import Kept
from cloud.migrations import newest
from cloud.settings import Settings

READINGS_DB = "readings.db"
READINGS_LINES = "readings.jsonl.gz"
CONFLICT_LINES = "conflicts.jsonl.gz"
BESIDE = "beside"
"""In the bundle: what lies in the folder of the settings file."""
NOT_KEPT = (".db", ".db-wal", ".db-shm", ".lock", ".sock", ".pid", ".part")
"""Of the data folder: what is taken otherwise, and what belongs to a process."""


@dataclass(frozen=True, slots=True)
class Made:
    tables: int
    rows: int
    files: int
    bytes: int


def backup(
    settings: Settings,
    config: Path,
    target: Path,
    now: datetime,
    progress: Callable[[int], object],
) -> Made:
    """Write `target`; `progress` is called per part. Conflict, StoreFault: there is no file of that name."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        scratch = Path(folder)
        with Writer(target) as bundle:
            counted = _add_tables(settings, bundle, scratch, progress)
            _add_readings(settings, bundle, scratch)
            progress(1)
            files = _add_files(settings, config, bundle)
            progress(1)
            told = {
                "made_at": now.isoformat(),
                "station": settings.station.name,
                "revision": newest(),
                "readings": settings.readings.kind,
                "tables": {name: asdict(tally) for name, tally in counted.items()},
            }
            bundle.finish(told, scratch)
    rows = sum(tally.rows for tally in counted.values())
    return Made(len(counted), rows, files, target.stat().st_size)


def steps() -> int:
    """How many steps `backup` tells of."""
    return len(tables.ordered()) + 2


def _add_tables(
    settings: Settings, bundle: Writer, scratch: Path, progress: Callable[[int], object]
) -> dict[str, tables.Tally]:
    counted = {}
    with snapshot.records(settings) as connection:
        for table in tables.every(connection):
            path = scratch / "rows"
            with path.open("wb") as file:
                counted[table.name] = tables.dump(connection, table, file)
            bundle.add(f"tables/{table.name}.jsonl", path)
            progress(1)
        (scratch / "rows").unlink()
    return counted


def _add_readings(settings: Settings, bundle: Writer, scratch: Path) -> None:
    if settings.readings.kind == "sqlite":
        copied = scratch / READINGS_DB
        snapshot.copy_file(settings.data_dir / READINGS_DB, copied)
        bundle.add(READINGS_DB, copied)
        copied.unlink()
        return
    with snapshot.readings(settings, scratch) as store:
        for name, found in (
            (READINGS_LINES, store.rows(WHOLE_STATION)),
            (CONFLICT_LINES, iter(store.conflicts(WHOLE_STATION))),
        ):
            path = scratch / name
            with gzip.open(path, "wb", compresslevel=1) as file:
                file.writelines(map(line_of, found))
            bundle.add(name, path)
            path.unlink()


def line_of(row: Kept) -> bytes:
    """One value as a canonical line."""
    plain = [
        row.meter, row.at_ms, row.source, row.quantity, row.value, row.quality,
        row.gateway, row.epoch, row.seq,
    ]  # fmt: skip
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _add_files(settings: Settings, config: Path, bundle: Writer) -> int:
    """While the service runs files come and go: what is gone meanwhile was not needed any more."""
    bundle.add("cloud.toml", config)
    number = 1
    for place, folder in folders(settings):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(NOT_KEPT):
                with suppress(FileNotFoundError):
                    bundle.add(f"{place}/{path.relative_to(folder).as_posix()}", path)
                    number += 1
    for path in _beside(settings, config.resolve().parent):
        bundle.add(f"{BESIDE}/{path.relative_to(config.resolve().parent).as_posix()}", path)
        number += 1
    return number


def _beside(settings: Settings, home: Path) -> Iterator[Path]:
    """The files that the settings name and that lie beside them: passwords, tokens, certificates."""
    taken = [folder.resolve() for _, folder in folders(settings)]
    for path in sorted(set(_named(settings))):
        if path.is_file() and path.is_relative_to(home) and not any(map(path.is_relative_to, taken)):
            yield path


def _named(model: BaseModel) -> Iterator[Path]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path):
            yield value
        elif isinstance(value, BaseModel):
            yield from _named(value)


def folders(settings: Settings) -> list[tuple[str, Path]]:
    """What a station has beside its databases: (place in the bundle, folder)."""
    found: dict[str, Any] = {"data": settings.data_dir, "archive": settings.archive.folder}
    if settings.policies_dir is not None:
        found["policies"] = settings.policies_dir
    return [(place, folder) for place, folder in found.items() if folder.is_dir()]
