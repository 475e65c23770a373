"""Files that bring data in: registry and customers as JSON or TOML, readings as JSON lines.

Everything is checked before the first row is written; readings are written under the digest of their file,
so that the same file twice counts once.
"""

import hashlib
import json
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta, tzinfo
from pathlib import Path
from typing import IO, Any

import msgspec
from sqlalchemy import select

from cloud.fleet.registry import IMPORT, meter_table
from cloud.kit.clock import SystemClock
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.metering.archive import due
from cloud.metering.imported import Imported
from cloud.metering.sorting import AHEAD
from cloud.metering.store import BatchOfReadings, ReadingStore, Refused, StoreFault, instant, ms, normal
from protocols.readings import Quality, Reading, Source

BATCH = 1000


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file."""

    meter: str
    at_ms: int
    source: Source
    values: dict[str, int | float]
    quality: Quality = Quality.GOOD


def document(path: Path) -> dict[str, Any]:
    """What a JSON or TOML file holds; Invalid says where it is none."""
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # both decoders, and text that is not UTF-8
        kind = "TOML" if path.suffix == ".toml" else "JSON (a TOML file is named .toml)"
        raise Invalid(f"{path}: cannot be read as {kind}: {error}") from None
    if not isinstance(found, dict):
        raise Invalid(f"{path}: should hold one object with the parts as its keys")
    return found


def readings(
    path: Path,
    database: Database,
    store: ReadingStore,
    progress: Callable[[int], AbstractContextManager[Callable[[int], object]]],
    zone: tzinfo,
    grace: timedelta,
) -> int:
    """Write the readings in `path` ("-" is stdin) into `store`; how many there were.

    Their closed days of the station's `zone` are marked for the archive: before they are there and after;
    and for validation, which looks at a day `grace` after its end anyway.
    """
    with database.read() as connection:
        known = set(connection.scalars(select(meter_table.c.id)))
    with _opened(path) as file:
        total, epoch = _checked(path, file, known)
        marked: set[date] = set()
        with progress(total) as done, Imported(database, zone, SystemClock(), grace) as came:
            for seq, lines in enumerate(_batches(file), 1):
                _mark(database, due.closed_days(lines, zone, SystemClock().now()) - marked, marked)
                _write(store, BatchOfReadings(IMPORT, epoch, seq, lines))
                came.note(lines)
                done(len(lines))
    return total


def _mark(database: Database, days: set[date], marked: set[date]) -> None:
    if days:
        with database.write() as connection:
            due.mark(connection, days)
    marked |= days


def _write(store: ReadingStore, batch: BatchOfReadings) -> None:
    try:
        store.write(batch)
    except (StoreFault, Refused) as fault:
        raise Conflict(f"{fault}; mend that and import the file again, nothing counts twice") from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """A file that can be read twice; stdin is kept in one for as long as it takes."""
    if str(path) == "-":
        with tempfile.TemporaryFile() as kept:
            while chunk := sys.stdin.buffer.read(1 << 20):
                kept.write(chunk)
            kept.seek(0)
            yield kept
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    with file:
        yield file


def _checked(path: Path, file: IO[bytes], known: set[str]) -> tuple[int, str]:
    digest = hashlib.sha256()
    latest_ms = ms(SystemClock().now() + AHEAD)
    total = 0
    for number, text in enumerate(file, 1):
        digest.update(text)
        if not text.strip():
            continue
        try:
            line = _DECODER.decode(text)
            _check(line, known, latest_ms)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise Invalid(f"{path}, line {number}: {error}; nothing was imported") from None
        total += 1
    file.seek(0)
    return total, digest.hexdigest()[:32]


def _check(line: Line, known: set[str], latest_ms: int) -> None:
    if line.meter not in known:
        raise ValueError(f"there is no meter {line.meter!r}; import it with the registry first")
    if not line.values:
        raise ValueError("no values")
    if not 0 <= line.at_ms < 1 << 43:
        raise ValueError(f"at_ms {line.at_ms} is no Unix time in ms")
    if line.at_ms > latest_ms:  # it would hide every newer reading of the meter
        raise ValueError(f"at_ms {line.at_ms} is {instant(line.at_ms):%Y-%m-%d}, which is to come")
    for name, value in line.values.items():
        normal(name, value)


def _batches(file: IO[bytes]) -> Iterator[list[Reading]]:
    lines = (_DECODER.decode(text) for text in file if text.strip())
    whole = (Reading(line.meter, line.at_ms, line.source, line.values, line.quality) for line in lines)
    batch: list[Reading] = []
    for reading in whole:
        batch.append(reading)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


_DECODER = msgspec.json.Decoder(Line)
