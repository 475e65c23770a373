"""What somebody wants done at a metering point; register values are as the meter shows them, unmultiplied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Told:
    """Who says so and why; `despite` says why it is true all the same, where it is hard to believe."""

    by: str
    why: str
    despite: str = ""


@dataclass(frozen=True, slots=True)
class NewMeter:
    """What is None is as with the meter that it replaces."""

    id: str
    address: str
    model: str | None = None
    gateway: str | None = None
    line: str | None = None
    interval_s: int | None = None
    asset_no: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """`removed`, `installed`: {quantity: Wh or varh} of the old and the new meter, read at `at`."""

    point: str
    at: datetime
    meter: NewMeter
    removed: Mapping[str, int]
    installed: Mapping[str, int]
    seals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RatioChange:
    """`registers` as read at the change: without them the day it happened on can only be estimated."""

    point: str
    at: datetime
    ct_ratio: float
    pt_ratio: float
    registers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Move:
    point: str
    at: datetime
    area: str
    box: str | None = None


@dataclass(frozen=True, slots=True)
class FieldRead:
    """`replaces`: the hand-read value that this one corrects, at the same point and instant."""

    point: str
    at: datetime
    registers: Mapping[str, int]
    photo: bytes | None = None
    replaces: int | None = None
