"""Which layers there are, what their files are called, and where a local day begins and ends."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

UNPLACED = "_unplaced"
"""Stands for the area of what no installation says where it was; no area can be called so."""
DAY = timedelta(days=1)


class Layer(StrEnum):
    RAW = "raw"
    FLAGS = "flags"
    METHOD = "method"
    FINAL = "final"
    HOURLY = "hourly"


SLOT_LAYERS = (Layer.FINAL, Layer.FLAGS, Layer.METHOD)
"""Those with one row for each validated slot."""


def path_of(layer: Layer, area: str, first: date, last: date, revision: int) -> str:
    """Relative to the archive's folder; no two revisions share a name.

    `final/A01/2026-03.r32.parquet` is a month, `final/A01/2026-03-05.r2.parquet` a day.
    """
    span = first.isoformat() if first == last else f"{first:%Y-%m}"
    return f"{layer}/{area}/{span}.r{revision}.parquet"


def bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The local day as [start, end) in UTC: 23, 24 or 25 hours."""
    return _midnight(day, zone), _midnight(day + DAY, zone)


def span_ms(first: date, last: date, zone: tzinfo) -> tuple[int, int]:
    """The local days from `first` to `last`, both included, as [start, end) in Unix ms."""
    return _ms(_midnight(first, zone)), _ms(_midnight(last + DAY, zone))


def month_of(day: date) -> tuple[date, date]:
    """Its first and its last day."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - DAY


def days(first: date, last: date) -> Iterator[date]:
    """From `first` to `last`, both included."""
    return (first + DAY * number for number in range((last - first).days + 1))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
