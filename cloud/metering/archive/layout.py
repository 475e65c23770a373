"""Which layers there are, and what their files are called."""

from datetime import date, timedelta, tzinfo
from enum import StrEnum

from cloud.kit.days import DAY, midnight
from cloud.metering.store import ms

UNPLACED = "_unplaced"
"""Stands for the area of what no installation says where it was; no area can be called so."""


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


def span_ms(first: date, last: date, zone: tzinfo) -> tuple[int, int]:
    """The local days from `first` to `last`, both included, as [start, end) in Unix ms."""
    return ms(midnight(first, zone)), ms(midnight(last + DAY, zone))


def month_of(day: date) -> tuple[date, date]:
    """Its first and its last day."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - DAY
