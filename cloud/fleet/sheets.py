"""Reads a table out of a CSV or XLSX file: rows of text with their numbers, within limits, whatever is in it.

CSV is UTF-8, with or without a byte order mark, or GBK (GB 18030); XLSX is read from its first sheet.
"""

import csv
import hashlib
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cloud.kit.errors import Invalid

MAX_FILE = 64 * 1024 * 1024
MAX_UNPACKED = 512 * 1024 * 1024
MAX_ROWS = 100_000
MAX_COLUMNS = 64
MAX_CELL = 500
EXACT = 10**15
"""From here on a spreadsheet's number has lost digits."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rows`: (number, cells by heading); the headings are row 1, empty cells and empty rows are left out."""

    headings: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    sha256: str


def read(path: Path) -> Sheet:
    """Invalid says what is wrong with the file; no other error comes out of it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Invalid(f"{path}: {error.strerror}") from None
    if len(content) > MAX_FILE:
        raise Invalid(f"{path}: larger than {MAX_FILE >> 20} MiB: split it")
    try:
        headings, rows = _table(_lines(path, content))
    except Invalid as error:
        raise Invalid(f"{path}: {error}") from None
    return Sheet(headings, rows, hashlib.sha256(content).hexdigest())


def _lines(path: Path, content: bytes) -> Iterator[Sequence[str]]:
    if content.startswith(b"PK"):
        return _xlsx(content)
    if path.suffix.lower() == ".xlsx":
        raise Invalid("it is no XLSX file, whatever its name says")
    return _csv(content)


def _table(lines: Iterable[Sequence[str]]) -> tuple[tuple[str, ...], tuple[tuple[int, dict[str, str]], ...]]:
    numbered = enumerate(lines, 1)
    headings: tuple[str, ...] = ()
    rows = []
    for number, cells in numbered:
        if number > MAX_ROWS + 1:
            raise Invalid(f"more than {MAX_ROWS} rows: split it")
        _within_limits(number, cells)
        if number == 1:
            headings = _headings(cells)
            continue
        row = {name: cell.strip() for name, cell in zip(headings, cells, strict=False) if cell.strip()}
        if any(cell.strip() for cell in cells[len(headings) :]):
            raise Invalid(f"row {number}: more cells than headings")
        if row:
            rows.append((number, row))
    if not headings:
        raise Invalid("it is empty: the first row names the columns")
    return headings, tuple(rows)


def _headings(cells: Sequence[str]) -> tuple[str, ...]:
    found = [cell.strip() for cell in cells]
    while found and not found[-1]:
        found.pop()
    if "" in found:
        raise Invalid(f"row 1: column {found.index('') + 1} has no heading")
    doubled = sorted({name for name in found if found.count(name) > 1})
    if doubled:
        raise Invalid(f"row 1: {doubled[0]!r} is there twice")
    return tuple(found)


def _within_limits(number: int, cells: Sequence[str]) -> None:
    if len(cells) > MAX_COLUMNS and any(cell.strip() for cell in cells[MAX_COLUMNS:]):
        raise Invalid(f"row {number}: more than {MAX_COLUMNS} columns")
    for cell in cells:
        if len(cell) > MAX_CELL:
            raise Invalid(f"row {number}: a cell of more than {MAX_CELL} characters")
        if not cell.isprintable() and any(ord(sign) < 32 and sign not in "\t\r\n" for sign in cell):
            raise Invalid(f"row {number}: a cell holds characters that are no text")


def _csv(content: bytes) -> Iterator[Sequence[str]]:
    text = _decoded(content)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise Invalid(f"not a CSV file: {error}") from None


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("neither UTF-8 nor GBK: save it as CSV UTF-8")


_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What openpyxl, its XML parsers and its unpackers raise on a broken file: the file's fault, all of it."""


def _xlsx(content: bytes) -> Iterator[Sequence[str]]:
    try:
        yield from _sheet(content)
    except Invalid:
        raise
    except _BROKEN as error:
        raise Invalid(f"not an XLSX file that can be read ({type(error).__name__})") from None


def _sheet(content: bytes) -> Iterator[Sequence[str]]:
    from openpyxl import load_workbook

    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(each.file_size for each in packed.infolist()) > MAX_UNPACKED:
            raise Invalid("unpacked it is too large: split it")
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file says of its own size is not believed
        for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1), 1):
            yield [_text(number, cell) for cell in cells]
    finally:
        book.close()


def _text(number: int, cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if abs(cell) >= EXACT:
            raise Invalid(f"row {number}: the number {cell:g} has lost digits: format that column as text")
        return str(int(cell)) if cell == int(cell) else repr(cell)
    return str(cell)
