"""Whether the archive is what its manifest says: every file's bytes, its rows, and nothing beside them."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from cloud.kit.errors import Conflict
from cloud.metering.archive import files, manifest, slots
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.manifest import Entry, State


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one file, and what to do."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    files: int
    rows: int
    bytes: int
    faults: tuple[Fault, ...]


def verify(connection: Connection, folder: Path, progress: Callable[[int], object]) -> Verified:
    """Read every file of the manifest; `progress` is called with the bytes read."""
    entries = manifest.every(connection)
    faults: list[Fault] = []
    for entry in entries:
        if entry.state is State.WRITING:
            faults.append(
                Fault(entry.path, "was never finished: the next `wattpost cloud archive` clears it")
            )
        elif what := fault_of(folder, entry):
            faults.append(Fault(entry.path, what))
        progress(entry.bytes)
    live = [entry for entry in entries if entry.state is State.LIVE]
    faults += _twice(live)
    faults += _orphans(folder, {entry.path for entry in entries})
    return Verified(len(live), manifest.rows_of(live), sum(entry.bytes for entry in live), tuple(faults))


def fault_of(folder: Path, entry: Entry) -> str | None:
    """What is wrong with the file of a manifest row, or None."""
    path = folder / entry.path
    try:
        size = path.stat().st_size
    except OSError as error:
        # a sweep removes the file first and its row after it
        return (
            None if entry.state is State.OLD else f"is missing ({error.strerror}): restore it from a backup"
        )
    if size != entry.bytes:
        return f"has {size} bytes and should have {entry.bytes}: restore it from a backup"
    try:
        found = files.sha256(path)
        if found != entry.sha256:
            return f"is damaged, its sha256 is {found[:12]}… and not {entry.sha256[:12]}…: restore it"
        return _content_fault(folder, entry)
    except (Conflict, OSError, ValueError, KeyError) as error:
        return f"cannot be read ({error}): restore it from a backup"


def size_of(connection: Connection) -> int:
    """The bytes that `verify` will read."""
    return sum(entry.bytes for entry in manifest.every(connection))


def _content_fault(folder: Path, entry: Entry) -> str | None:
    file = files.Mapped(folder, entry.path)
    if file.rows != entry.rows:
        return f"has {file.rows} rows and should have {entry.rows}"
    if entry.layer is not Layer.RAW and slots.runs_of(file.metadata).slots.sum() != file.rows:
        return "has an index that does not cover its rows"
    return None


def _twice(live: Collection[Entry]) -> list[Fault]:
    spans = Counter((entry.layer, entry.area, entry.first, entry.last) for entry in live)
    what = "is one of several live files of the same days: `wattpost cloud archive` makes them one"
    return [
        Fault(entry.path, what)
        for entry in live
        if spans[entry.layer, entry.area, entry.first, entry.last] > 1
    ]


def _orphans(folder: Path, known: Collection[str]) -> list[Fault]:
    what = "is not in the manifest: move it away, or restore the records that go with it"
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [Fault(path, what) for path in sorted(found) if path not in known and not _ours(path)]


def _ours(path: str) -> bool:
    """The lock; and what is written just now, or was, which its row in the manifest tells of."""
    return path == ".lock" or path.endswith(files.PART)
