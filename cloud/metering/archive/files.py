"""Parquet files in and out: a file is durable under its name or not there; float columns lie open to mmap.

Slots are written as one row group whose float columns are one plain, uncompressed page each: their values are
the end of the column chunk and can be used where they lie.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cloud.kit.errors import Conflict, Invalid
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.manifest import Written

PART = ".part"
"""What a file is called until it is whole."""
KEYS = ("point", "at", "interval_s")
"""The columns of every slot layer that are no values."""
_ONE = 1 << 30
_MOST_HEADER = 64
_RAW_GROUP = 1 << 19


def write(folder: Path, path: str, table: pa.Table, layer: Layer) -> Written:
    """Durable when it returns: written beside its place, fsynced, renamed, its folder fsynced."""
    target = folder / path
    part = target.with_name(target.name + PART)
    try:
        _make_folders(folder, target.parent)
        with part.open("wb") as file:
            pq.write_table(table, file, **_options(table, layer))
            file.flush()
            os.fsync(file.fileno())
        written = Written(path, table.num_rows, part.stat().st_size, sha256(part))
        part.replace(target)
        _fsync(target.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Conflict(
            f"{target}: cannot be written: {error.strerror or error}; nothing was changed"
        ) from error
    return written


def read(folder: Path, path: str, columns: list[str] | None = None) -> pa.Table:
    """The whole table, or some of its columns; Conflict when the file is gone or damaged."""
    try:
        return pq.read_table(folder / path, columns=columns, memory_map=True, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise unreadable(folder / path, error) from error


class Mapped:
    """A file in memory as it lies on the disk: for its metadata, or one column of it."""

    def __init__(self, folder: Path, path: str) -> None:
        """Conflict as `read`. What `values` gave may be used after the file was replaced, or removed."""
        try:
            source = pa.memory_map(str(folder / path))
            self._bytes = source.read_buffer()
            self._file = pq.ParquetFile(pa.BufferReader(self._bytes))
        except (OSError, pa.ArrowException) as error:
            raise unreadable(folder / path, error) from error
        self.rows: int = self._file.metadata.num_rows
        self.metadata: dict[bytes, bytes] | None = self._file.metadata.metadata

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return bool(self._file.schema_arrow.get_field_index(name) >= 0)

    def values(self, name: str) -> NDArray[Any] | None:
        """One column, in the file's own memory where it lies open; None when there is none."""
        number = self._file.schema_arrow.get_field_index(name)
        if number < 0 or self.rows == 0:
            return None
        where = _lies_open(self._file.metadata, number)
        if where is not None:
            return np.frombuffer(self._bytes, "<f4", self.rows, where)
        return cast(NDArray[Any], self._file.read(columns=[name]).column(0).to_numpy())


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unreadable(path: Path, error: Exception) -> Conflict:
    return Conflict(f"{path}: cannot be read ({error}): `wattpost cloud verify` names every damaged file")


def _lies_open(metadata: pq.FileMetaData, number: int) -> int | None:
    """Where the values of a float column begin in the file, when they are one plain uncompressed page."""
    if metadata.num_row_groups != 1:
        return None
    chunk = metadata.row_group(0).column(number)
    if chunk.physical_type != "FLOAT" or chunk.compression != "UNCOMPRESSED" or chunk.has_dictionary_page:
        return None
    size = 4 * metadata.num_rows
    header = chunk.total_compressed_size - size
    if set(chunk.encodings) != {"PLAIN", "RLE"} or not 0 < header <= _MOST_HEADER:
        return None
    return int(chunk.data_page_offset + header)


def _options(table: pa.Table, layer: Layer) -> dict[str, Any]:
    if layer is Layer.RAW:
        return {"compression": "zstd", "row_group_size": _RAW_GROUP, "write_statistics": ["meter", "at"]}
    names = table.column_names
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    return {
        "compression": {name: "NONE" if name in floats else "ZSTD" for name in names},
        "use_dictionary": [name for name in names if name not in floats and name != "at"],
        "column_encoding": {"at": "DELTA_BINARY_PACKED"} | dict.fromkeys(floats, "PLAIN"),
        "write_statistics": ["point", "at"],
        "row_group_size": _ONE,
        "data_page_size": _ONE,
        "max_rows_per_page": _ONE,
    }


def _make_folders(folder: Path, parent: Path) -> None:
    """Each new folder is made durable in the one above it."""
    if not folder.is_dir():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Invalid(f"archive folder {folder} cannot be made: {error.strerror}") from None
    missing = [
        each for each in (parent, *parent.parents) if each.is_relative_to(folder) and not each.is_dir()
    ]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        _fsync(each.parent)


def _fsync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
