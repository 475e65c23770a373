"""XLSX, a sheet for intervals and one for registers; a sheet that is full goes on in the next."""

from collections.abc import Iterable
from typing import IO, Any

from openpyxl import Workbook

from cloud.exchange.blocks import Block, Head, Row, What, rows
from cloud.exchange.write_csv import HEADERS

MOST_ROWS = 1_048_576
NAMES = {What.INTERVALS: "intervals", What.REGISTERS: "registers"}


def write(blocks: Iterable[Block], head: Head, out: IO[bytes], most_rows: int = MOST_ROWS) -> int:
    """How many lines there were; rows go to a temporary file, not into memory. Ids stay text."""
    book = Workbook(write_only=True)
    sheets = {what: _Sheets(book, what, most_rows) for what in What}
    count = 0
    for row in rows(blocks, head.zone):
        sheets[row.block.what].add(_cells(row))
        count += 1
    if not book.worksheets:
        book.create_sheet(NAMES[What.INTERVALS]).append(HEADERS[What.INTERVALS])
    book.save(out)
    return count


class _Sheets:
    """One kind's sheets, made as they are needed."""

    def __init__(self, book: Workbook, what: What, most_rows: int) -> None:
        self._book, self._what, self._most = book, what, most_rows
        self._sheet: Any = None
        self._rows = self._number = 0

    def add(self, cells: tuple[object, ...]) -> None:
        if self._sheet is None or self._rows == self._most:
            self._number += 1
            name = NAMES[self._what] + (f" {self._number}" if self._number > 1 else "")
            self._sheet = self._book.create_sheet(name)
            self._sheet.append(HEADERS[self._what])
            self._rows = 1
        self._sheet.append(cells)
        self._rows += 1


def _cells(row: Row) -> tuple[object, ...]:
    pair = (row.value, None) if row.block.unit == "Wh" else (None, row.value)
    times = [row.start.isoformat()] if row.end is None else [row.start.isoformat(), row.end.isoformat()]
    whose = (row.block.point, row.block.meter, row.block.channel.value)
    return (*whose, *times, *pair, row.method, row.quality or None)
