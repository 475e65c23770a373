"""Points made for boards: what was counted or summed elsewhere, written to be drawn, never a record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Point:
    """One row of a measurement; `tags` are few and never change, the type of a field is fixed for ever.

    A field that is int is kept whole, one that is float stays float; what is missing is left out.
    """

    tags: Mapping[str, str]
    at: datetime
    fields: Mapping[str, int | float | str]


@runtime_checkable
class PointSink(Protocol):
    """A store that boards can ask themselves: an InfluxDB is one, readings.db is none."""

    def write_points(self, measurement: str, rows: Iterable[Point]) -> None:
        """Durable when it returns; the same tags and instant overwrite. StoreFault: nothing is promised.

        ValueError for `reading` and for names or values that a board could not be given.
        """
        ...
