"""What one task is told of an area's day, as plain data: it reads files, and asks no database."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cloud.insight.areas.policy import QualityPolicy
from cloud.insight.areas.store import AreaDay
from cloud.insight.curves import Partition, Source
from cloud.metering.archive.reader import Piece


@dataclass(frozen=True, slots=True)
class Gauge:
    """A meter at a point in [start_ms, end_ms) of the day; `volts` and `amperes` make its values primary."""

    meter: str
    point: str
    is_area: bool
    start_ms: int
    end_ms: int
    interval_s: int
    volts: float
    amperes: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """Of the transformer from an instant on; None where it is not known."""

    since_ms: int
    kva: float | None


@dataclass(frozen=True, slots=True)
class AreaTask:
    """`customers` and `meters` are points; a point whose energy is within another's is neither.

    `known_factor` is the last measured power factor of days before.
    """

    partition: Partition
    feeder: str
    source: Source
    raw: tuple[Piece, ...]
    interval_s: int
    customers: tuple[str, ...]
    meters: tuple[str, ...]
    gauges: tuple[Gauge, ...]
    capacity: tuple[Capacity, ...]
    known_factor: float | None
    policy: QualityPolicy

    @property
    def area(self) -> str:
        return self.partition.area

    @property
    def day(self) -> date:
        return self.partition.first


@dataclass(frozen=True, slots=True)
class AreaResult:
    """The row of the area, and what its feeder adds up: customers' Wh (points, slots) with who counts."""

    row: AreaDay
    points: tuple[str, ...]
    starts_ms: NDArray[np.int64]
    interval_s: int
    wh: NDArray[np.float32]
    counts: NDArray[np.bool_]
    valid_slots: int
    estimated_slots: int
