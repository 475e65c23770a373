"""A file of somebody's as rows of text: CSV of any kind, XLSX, Parquet. It judges nothing."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from cloud.fleet.sheets import MAX_UNPACKED
from cloud.kit.errors import Invalid

SEPARATORS = (";", "\t", ",", "|")
ENCODINGS = ("utf-8-sig", "gb18030")
_NAMES = {"utf-8-sig": "UTF-8", "gb18030": "GBK", "utf-16": "UTF-16"}
_HEAD = 1 << 18
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

    def rows(self) -> Rows:
        found = {"parquet": _parquet, "xlsx": _xlsx}.get(self.kind, _csv)(self)
        for number, cells in found:
            if any(cells):
                yield number, cells


def opened(path: Path, encoding: str | None = None, separator: str | None = None) -> Sheet:
    """Invalid when it cannot be read, or is no table."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    if not head.strip():
        raise Invalid(f"{path}: it is empty")
    if head.startswith(b"PAR1"):
        return Sheet(path, "parquet")
    if head.startswith(b"PK\x03\x04"):
        return Sheet(path, "xlsx", left_out=_other_sheets(path))
    found = encoding or _encoding(path, head)
    try:
        text = head.decode(found, "replace")
    except LookupError:
        raise Invalid(f"no encoding is called {found!r}") from None
    return Sheet(path, "csv", found, separator or _separator(text))


def encoding_name(encoding: str) -> str:
    return _NAMES.get(encoding, encoding)


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in ENCODINGS:
        try:
            with path.open(encoding=encoding) as file:
                while file.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
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
        with sheet.path.open(encoding=sheet.encoding, newline="") as file:
            reader = csv.reader((line.replace("\0", "") for line in file), delimiter=sheet.separator)
            for cells in reader:
                yield reader.line_num, [cell.strip().lstrip("\ufeff") for cell in cells]
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
        with pq.ParquetFile(sheet.path) as file:
            yield 1, list(file.schema_arrow.names)
            number = 1
            for batch in file.iter_batches(batch_size=10_000):
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
