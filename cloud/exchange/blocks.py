"""What an export is made of: stretches of one channel of one point, in order of time; writers know no more.

A value that is not known is NaN and stays empty in every format: it is never written as 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cloud.metering.vee.days import Channel


class What(StrEnum):
    """Energies of intervals, or values of the register."""

    INTERVALS = "intervals"
    REGISTERS = "registers"


@dataclass(frozen=True, slots=True)
class Block:
    """At most one local day of one channel of one point, as one meter measured it, in primary values.

    `at_ms` int64, the start of each interval or the instant of each register value, rising; `values` float64
    in Wh or varh, NaN where missing (registers are whole numbers, and never missing); `method` says how each
    value came to be, `quality` what is doubtful about it ("" for nothing): all of one length.
    """

    what: What
    point: str
    meter: str
    channel: Channel
    interval_s: int
    at_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    method: Sequence[str]
    quality: Sequence[str]

    def __len__(self) -> int:
        return len(self.at_ms)

    @property
    def unit(self) -> str:
        return "varh" if self.channel.endswith("varh") else "Wh"


@dataclass(frozen=True, slots=True)
class Head:
    """Of a whole export: whose it is, the period asked for, the zone in which its times are written."""

    title: str
    station: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: an interval with its end, or a register value, whose `end` is None."""

    block: Block
    start: datetime
    end: datetime | None
    value: float | None
    method: str
    quality: str


def rows(blocks: Iterable[Block], zone: ZoneInfo) -> Iterator[Row]:
    """Line by line, in the zone's time with its offset."""
    for block in blocks:
        length_ms = block.interval_s * 1000 if block.what is What.INTERVALS else None
        columns = zip(block.at_ms.tolist(), block.values.tolist(), block.method, block.quality, strict=True)
        for at_ms, value, method, quality in columns:
            end = None if length_ms is None else instant(at_ms + length_ms, zone)
            known = None if value != value else value  # NaN alone is not itself
            yield Row(block, instant(at_ms, zone), end, known, method, quality)


def instant(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
