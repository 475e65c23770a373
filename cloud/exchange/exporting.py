"""One export from choice to file: within a Scope, whole or not at all, told how much it holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from cloud.exchange import (
    choice,
    gather,
    write_csv,
    write_espi,
    write_iec61968,
    write_parquet,
    write_xlsx,
)
from cloud.exchange.blocks import Block, Head, What
from cloud.exchange.choice import Period, Target
from cloud.exchange.formats import Content, Format
from cloud.exchange.gather import Origin
from cloud.kit.errors import Invalid
from cloud.kit.scope import Scope

SUFFIX = {Format.ESPI: "espi.xml", Format.IEC61968: "iec61968.xml"}
MEDIA = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.ESPI: "application/atom+xml",
    Format.IEC61968: "application/xml",
}
ONE_TABLE = frozenset({Format.CSV, Format.PARQUET})


@dataclass(frozen=True, slots=True)
class Asked:
    """What, when, how; `station` is named in the file."""

    target: Target
    period: Period
    format: Format
    content: Content | None
    station: str


@dataclass(frozen=True, slots=True)
class Exported:
    points: int
    meters: int
    rows: int


def export(origin: Origin, scope: Scope, asked: Asked, now: datetime, out: IO[bytes]) -> Exported:
    """Write it to `out`. NotFound for what is not there or not the asker's; Invalid for what cannot be."""
    what = contents(asked.format, asked.content)
    with origin.database.read() as connection:
        found = choice.spans(connection, asked.target, scope, asked.period)
    spans = gather.clipped(found, now)
    title = f"{asked.target.kind} {asked.target.id}"
    period = asked.period
    head = Head(title, asked.station, period.start, period.end, period.zone, now)
    rows = _write(asked.format, gather.blocks(origin, spans, period, what), head, what, out)
    meters = {span.installation.meter for span in spans}
    return Exported(len({span.installation.point for span in spans}), len(meters), rows)


def contents(format: Format, wanted: Content | None) -> tuple[What, ...]:  # noqa: A002
    """The kinds a file of this format is to hold; Invalid when one table should hold two."""
    if wanted is None:
        wanted = Content.INTERVALS if format in ONE_TABLE else Content.BOTH
    if wanted is Content.BOTH:
        if format in ONE_TABLE:
            raise Invalid(f"{format} is one table: ask for intervals or for registers")
        return (What.INTERVALS, What.REGISTERS)
    return (What(wanted.value),)


def _write(
    format: Format,  # noqa: A002
    blocks: Iterable[Block],
    head: Head,
    what: tuple[What, ...],
    out: IO[bytes],
) -> int:
    match format:
        case Format.CSV:
            return write_csv.write(blocks, head, what[0], out)
        case Format.PARQUET:
            return write_parquet.write(blocks, head, what[0], out)
        case Format.XLSX:
            return write_xlsx.write(blocks, head, out)
        case Format.ESPI:
            return write_espi.write(blocks, head, out)
        case Format.IEC61968:
            return write_iec61968.write(blocks, head, out)


def file_name(asked: Asked) -> str:
    """As `meter-M-1-2026-01-01-2026-01-31.csv`."""
    end = SUFFIX.get(asked.format, asked.format.value)
    return f"{asked.target.kind}-{asked.target.id}-{asked.period.first}-{asked.period.last}.{end}"
