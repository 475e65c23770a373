"""CSV that a spreadsheet in China opens rightly: UTF-8 with a BOM, times in ISO 8601 with their offset."""

import csv
import io
from collections.abc import Iterable
from typing import IO

from cloud.exchange.blocks import Block, Head, What, rows

INTERVALS = (
    "point",
    "meter",
    "quantity",
    "start",
    "end",
    "energy [Wh]",
    "energy [varh]",
    "method",
    "quality",
)
REGISTERS = ("point", "meter", "quantity", "at", "register [Wh]", "register [varh]", "source", "quality")
HEADERS = {What.INTERVALS: INTERVALS, What.REGISTERS: REGISTERS}


def write(blocks: Iterable[Block], head: Head, what: What, out: IO[bytes]) -> int:
    """How many lines there were below the header; `blocks` are all of the kind `what`."""
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="", write_through=False)
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(HEADERS[what])
    count = 0
    for row in rows(blocks, head.zone):
        value = "" if row.value is None else number(row.value)
        pair = (value, "") if row.block.unit == "Wh" else ("", value)
        times = [row.start.isoformat()] if row.end is None else [row.start.isoformat(), row.end.isoformat()]
        whose = (row.block.point, row.block.meter, row.block.channel.value)
        lines.writerow((*whose, *times, *pair, row.method, row.quality))
        count += 1
    text.flush()
    text.detach()
    return count


def number(value: float) -> str:
    """Without an exponent and without a needless point: 1500, 0.25, 0.001."""
    return str(int(value)) if value.is_integer() else f"{value:.6f}".rstrip("0").rstrip(".")
