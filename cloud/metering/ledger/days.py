"""A local day and its slots, as bits: 92, 96 or 100 quarter-hours, or as many as the meter's interval gives.

A slot is the meter's interval from 300 s up, a quarter-hour where it is shorter, counted from local midnight;
the gateway's own list of gaps has the same slots.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from cloud.kit.days import bounds
from cloud.metering.store import ms

SLOT_FROM_S = 300
QUARTER_S = 900
Bits = NDArray[np.bool_]
"""Shape (slots,) or (meters, slots)."""


def slot_s_of(interval_s: int) -> int:
    return interval_s if interval_s >= SLOT_FROM_S else QUARTER_S


@dataclass(frozen=True, slots=True)
class DaySlots:
    """The slots of one local day; slot i begins at start + i x slot_s, the last one is cut by midnight."""

    day: date
    start: datetime
    end: datetime
    slot_s: int

    @property
    def count(self) -> int:
        return -(-round((self.end - self.start).total_seconds()) // self.slot_s)

    @property
    def width(self) -> timedelta:
        return timedelta(seconds=self.slot_s)

    def at(self, slot: int) -> datetime:
        """Where a slot begins; `at(count)` is the day's end."""
        return min(self.start + slot * self.width, self.end)

    def index(self, at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """The slot of each instant of this day."""
        found: NDArray[np.int64] = (at_ms - ms(self.start)) // (self.slot_s * 1000)
        return found

    def ends_ms(self) -> NDArray[np.int64]:
        ends = ms(self.start) + (np.arange(self.count, dtype=np.int64) + 1) * self.slot_s * 1000
        return np.minimum(ends, ms(self.end))

    def within(self, start: datetime, end: datetime | None) -> slice:
        """The slots that lie wholly in [start, end): of a meter that is in service only then."""
        first = max(0, -((self.start - start) // self.width))
        last = self.count if end is None or end >= self.end else max(0, (end - self.start) // self.width)
        return slice(first, max(first, last))

    def touched(self, start: datetime, end: datetime | None) -> slice:
        """The slots that [start, end) touches at all: of an outage."""
        first = max(0, (start - self.start) // self.width)
        last = self.count if end is None else -((self.start - min(end, self.end)) // self.width)
        return slice(first, max(first, last))


def slots_of(day: date, zone: tzinfo, slot_s: int) -> DaySlots:
    return DaySlots(day, *bounds(day, zone), slot_s)


def packed(bits: Bits) -> bytes:
    return np.packbits(bits).tobytes()


def unpacked(blob: bytes | None, count: int) -> Bits:
    """The bits of one blob; None is none set."""
    found: Bits = matrix([blob], count)[0]
    return found


def matrix(blobs: Sequence[bytes | None], count: int) -> Bits:
    """(blobs, count) bits; a blob of another length (the slots were others then) is cut or filled up."""
    width = -(-count // 8)
    whole = b"".join(_fit(blob, width) for blob in blobs)
    rows = np.frombuffer(whole, np.uint8).reshape(len(blobs), width)
    found: Bits = np.unpackbits(rows, axis=1, count=count).view(np.bool_)
    return found


def blobs(bits: Bits) -> list[bytes]:
    """The rows of a matrix, each packed."""
    rows = np.packbits(bits, axis=1)
    width, whole = rows.shape[1], rows.tobytes()
    return [whole[n * width : (n + 1) * width] for n in range(len(rows))]


def runs(bits: Bits) -> Iterable[tuple[int, int]]:
    """[first, until) of each unbroken run of set bits, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bits, [False])).astype(np.int8)))
    return [(int(first), int(until)) for first, until in edges.reshape(-1, 2)]


def _fit(blob: bytes | None, width: int) -> bytes:
    return (blob or b"")[:width].ljust(width, b"\0")
