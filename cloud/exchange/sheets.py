"""A file of somebody's as rows of text: CSV of any kind, gzipped too, XLSX, Parquet. It judges nothing."""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast
from zipfile import BadZipFile, ZipFile

from cloud.fleet.sheets import MAX_UNPACKED
from cloud.kit.errors import Invalid

SEPARATORS = (";", "\t", ",", "|")
ENCODINGS = ("utf-8-sig", "gb18030")
_NAMES = {"utf-8-sig": "UTF-8", "gb18030": "GBK", "utf-16": "UTF-16"}
_HEAD = 1 << 18
CELLS = 200_000
"""So many cells of a Parquet file are text at once, however wide it is."""
_CONTROLS = [bytes((each,)) for each in range(32) if each not in b"\t\n\r\f\x1a\0"]
_BROKEN = (OSError, EOFError, zlib.error)
csv.field_size_limit(1 << 20)
Rows = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows()` gives (line number, cells), empty lines left out; it may be called again and again."""

    path: Path
    kind: str
    encoding: str = ""
    separator: str = ""
    left_out: tuple[str, ...] = ()
    packed: bool = False

    def rows(self) -> Rows:
        found = {"parquet": _parquet, "xlsx": _xlsx}.get(self.kind, _csv)(self)
        for number, cells in found:
            if any(cells):
                yield number, cells


def opened(path: Path, encoding: str | None = None, separator: str | None = None) -> Sheet:
    """Invalid when it cannot be read, or is no table."""
    try:
        packed = _is_packed(path)
        with unpacked(path, packed) as file:
            head = file.read(_HEAD)
    except _BROKEN as error:
        raise Invalid(f"{path}: {_why(error)}") from None
    if not head.strip():
        raise Invalid(f"{path}: it is empty")
    if packed and head.startswith((b"PAR1", b"PK\x03\x04")):
        raise Invalid(f"{path}: it is a table that is zipped once more: unpack it first")
    if head.startswith(b"PAR1"):
        return Sheet(path, "parquet")
    if head.startswith(b"PK\x03\x04"):
        return Sheet(path, "xlsx", left_out=_other_sheets(path))
    _refuse_binary(path, head)
    found = encoding or _encoding(path, packed, head)
    try:
        text = head.decode(found, "replace")
    except LookupError:
        raise Invalid(f"no encoding is called {found!r}") from None
    return Sheet(path, "csv", found, separator or _separator(text), packed=packed)


def unpacked(path: Path, packed: bool) -> IO[bytes]:
    """The file's bytes, out of gzip where it is."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _why(error: Exception) -> str:
    named = error.strerror if isinstance(error, OSError) and error.strerror else None
    return named or "its gzip is damaged or cut off: fetch it again"


def _refuse_binary(path: Path, head: bytes) -> None:
    """Text has few control characters; what has many is no table, whatever letters they may stand for."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    odd = sum(head.count(each) for each in _CONTROLS)
    if odd > len(head) // 50:
        raise Invalid(f"{path}: it is no text, and neither XLSX nor Parquet: give it as CSV")


def encoding_name(encoding: str) -> str:
    return _NAMES.get(encoding, encoding)


def _encoding(path: Path, packed: bool, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in ENCODINGS:
        try:
            with unpacked(path, packed) as file, TextIOWrapper(file, encoding=encoding) as text:
                while text.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        except _BROKEN as error:
            raise Invalid(f"{path}: {_why(error)}") from None
        return encoding
    raise Invalid(f"{path}: its text is neither UTF-8 nor GBK: say which with --encoding")


def _separator(text: str) -> str:
    """That which gives most lines the same number of cells, more than one."""
    lines = [line for line in text.splitlines()[:60] if line.strip()]
    lines = lines[:-1] if len(lines) > 2 else lines  # the last may be cut off
    best, score = ",", (0, 0)
    for separator in SEPARATORS:
        widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=separator))
        if not widths:
            break
        width, times = max(widths.items(), key=lambda each: (each[0] > 1, each[1], each[0]))
        if width > 1 and (times, width) > score:
            best, score = separator, (times, width)
    return best


def _csv(sheet: Sheet) -> Rows:
    try:
        with (
            unpacked(sheet.path, sheet.packed) as file,
            TextIOWrapper(file, encoding=sheet.encoding, newline="") as text,
        ):
            reader = csv.reader((line.replace("\0", "") for line in text), delimiter=sheet.separator)
            for cells in reader:
                yield reader.line_num, [cell.strip().lstrip("\ufeff") for cell in cells]
    except _BROKEN as error:
        raise Invalid(f"{sheet.path}: {_why(error)}") from None
    except (UnicodeDecodeError, LookupError) as error:
        raise Invalid(f"{sheet.path}: its text is not {sheet.encoding}: {error}") from None
    except csv.Error as error:
        raise Invalid(f"{sheet.path}: {error}") from None


def _xlsx(sheet: Sheet) -> Rows:
    book = _book(sheet.path)
    try:
        for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
            yield number, [_text(cell) for cell in cells]
    finally:
        book.close()


def _book(path: Path) -> Any:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        content = BytesIO(path.read_bytes())
        with ZipFile(content) as packed:
            unpacked = sum(each.file_size for each in packed.infolist())
        book = load_workbook(content, read_only=True, data_only=True) if unpacked <= MAX_UNPACKED else None
    except (InvalidFileException, BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        raise Invalid(f"{path}: it is no XLSX file: {error}") from None
    if book is None:
        raise Invalid(f"{path}: unpacked it is larger than {MAX_UNPACKED >> 20} MiB: split it")
    return book


def _other_sheets(path: Path) -> tuple[str, ...]:
    book = _book(path)
    try:
        return tuple(book.sheetnames[1:])
    finally:
        book.close()


def _parquet(sheet: Sheet) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(sheet.path, pre_buffer=False) as file:
            yield 1, list(file.schema_arrow.names)
            number = 1
            at_once = max(1, CELLS // max(1, len(file.schema_arrow.names)))
            for batch in file.iter_batches(batch_size=at_once):
                columns = [column.to_pylist() for column in batch.columns]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, [_text(cell) for cell in cells]
    except (pa.ArrowException, OSError) as error:
        raise Invalid(f"{sheet.path}: it is no Parquet file: {str(error).splitlines()[0]}") from None


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat()
    if isinstance(cell, float):
        return f"{cell:.12f}".rstrip("0").rstrip(".")
    return str(cell).strip()
