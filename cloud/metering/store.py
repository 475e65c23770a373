"""What a store of raw readings must do, whichever engine is behind it.

A value's key is (meter, quantity, at, source). Of different values under one key the one with the lowest
(gateway, epoch, seq) wins and the others are kept as conflicts, so that any order and any duplication of
batches gives the same store. Every read takes a Scope.
"""

import math
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cloud.kit.errors import CloudError
from cloud.kit.scope import Scope
from cloud.metering.packing import Packed, pack
from protocols.mqtt.messages import MAX_INT
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Quality, Reading, Source, Value

SOURCES: tuple[Source, ...] = (
    Source.POLLED,
    Source.FREEZE,
    Source.PROFILE,
    Source.FIELD,
    Source.IMPORT,
)
"""In this order a source is preferred where several speak of the same instant; never reorder, only append."""
QUALITIES: tuple[Quality, ...] = (
    Quality.GOOD,
    Quality.CLOCK_UNSURE,
    Quality.METER_CLOCK_OFF,
    Quality.SUSPECT,
)
"""Numbered for storage in this order; never reorder, only append."""
SOURCE_ID = {source: number for number, source in enumerate(SOURCES)}
QUALITY_ID = {quality: number for number, quality in enumerate(QUALITIES)}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class StoreFault(CloudError):
    """The store could not keep it: settle nothing, and the gateway keeps it and sends it again."""

    status = 503
    title = "The store of readings does not answer"


class Refused(CloudError):
    """The engine will not take some readings, and says why; all others of the batches are durable.

    `readings` names each with its batch. Whoever wrote them must not call them stored.
    """

    status = 422
    title = "The engine refuses readings"

    def __init__(self, readings: "Sequence[tuple[BatchOfReadings, Reading, str]]") -> None:
        first = readings[0]
        super().__init__(f"{len(readings)} readings, the first of meter {first[1].meter!r}: {first[2]}")
        self.readings = tuple(readings)


@dataclass(frozen=True, slots=True)
class BatchOfReadings:
    """What a gateway sent as one message, or an import as one step; the triple is its identity."""

    gateway: str
    epoch: str
    seq: int
    readings: Sequence[Reading]
    packed: Packed | None = field(default=None, compare=False, repr=False)
    """The same readings as bytes, where they were packed already."""

    def as_bytes(self) -> Packed:
        """ValueError when a reading holds what is no value."""
        return self.packed or pack(self.readings)


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of one quantity of one meter."""

    meter: str
    quantity: str
    at_ms: int
    source: Source
    value: Value
    quality: Quality


@dataclass(frozen=True, slots=True)
class Series:
    """Two arrays of one length, rising in time: `at_ms` int64, `values` int64 or (gauges) float64."""

    at_ms: "array[int]"
    values: "array[int] | array[float]"

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """One value with its whole key and where it came from: the winner of its key, or a conflict."""

    meter: str
    at_ms: int
    source: Source
    quantity: str
    value: Value
    quality: Quality
    gateway: str
    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Columns:
    """Values of one quantity of many meters as arrays of one length, in order of (meter, at, source).

    `meter` int32: index into the meters asked for; `at_ms` int64; `source`, `quality` uint8: index into
    `SOURCES`, `QUALITIES`; `values` int64 for counters, float64 for gauges.
    """

    quantity: str
    meter: NDArray[np.int32]
    at_ms: NDArray[np.int64]
    source: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    values: NDArray[Any]

    def __len__(self) -> int:
        return len(self.at_ms)


class ReadingStore(Protocol):
    def write(self, batch: BatchOfReadings) -> None:
        """Durable when it returns, and idempotent. StoreFault: nothing of it is promised.

        Refused: all but the readings it names is durable.
        """
        ...

    def write_many(self, batches: Sequence[BatchOfReadings]) -> None:
        """As `write` of each, in one step: all durable when it returns. StoreFault: none is promised.

        ValueError: one of them holds what is no value; none of them is written. Refused: as in `write`.
        """
        ...

    def latest(self, scope: Scope, meters: Collection[str] | None = None) -> list[Latest]:
        """The newest value of each quantity, ordered by meter and quantity; `meters` None is all in scope."""
        ...

    def series(
        self,
        scope: Scope,
        meter: str,
        quantity: str,
        start: datetime,
        end: datetime,
        source: Source | None = None,
    ) -> Series:
        """The values in [start, end) that `scope` shows; without `source` the preferred of each instant."""
        ...

    def columns(
        self, scope: Scope, meters: Sequence[str], quantities: Sequence[str], start: datetime, end: datetime
    ) -> list[Columns]:
        """All values in [start, end) that `scope` shows, of every source: one `Columns` for each quantity."""
        ...

    def newest_at(self, scope: Scope, meter: str) -> datetime | None:
        """The instant of the meter's newest value."""
        ...

    def rows(self, scope: Scope) -> Iterator[Kept]:
        """Everything: for exports, comparisons and proofs.

        In order of meter, instant, source (as in SOURCES), quantity, value.
        """
        ...

    def conflicts(self, scope: Scope) -> list[Kept]:
        """The values that lost their key to a lower (gateway, epoch, seq), in the order of `rows`."""
        ...

    def let_go(self, meters: Collection[str], start: datetime, end: datetime, expected: int) -> int:
        """Delete all that these meters said in [start, end), conflicts too, if it is `expected` values.

        For whoever has proved that they are kept elsewhere. Conflict: they are not as many, something came
        since they were counted, and all stay. StoreFault: some may be gone; call again.
        """
        ...

    def close(self) -> None: ...


_IS_COUNTER = {name: known.kind is Kind.COUNTER for name, known in QUANTITIES.items()}


def normal(quantity: str, value: Value) -> Value:
    """Counters stay int, gauges become float (a whole number and minus zero too); ValueError otherwise."""
    is_counter = _IS_COUNTER.get(quantity)
    if is_counter is None:
        raise ValueError(f"no quantity is called {quantity!r}")
    if is_counter:
        if not isinstance(value, int) or abs(value) > MAX_INT:
            raise ValueError(f"{quantity} = {value!r} is no counter")
        return value
    if not math.isfinite(value):
        raise ValueError(f"{quantity} = {value!r} is no gauge")
    return value + 0.0


def series(quantity: str, at_ms: Sequence[int], values: Sequence[Value]) -> Series:
    """The arrays for a quantity's kind."""
    if _IS_COUNTER[quantity]:
        return Series(array("q", at_ms), array("q", (int(value) for value in values)))
    return Series(array("q", at_ms), array("d", values))


def ms(at: datetime) -> int:
    """Unix ms, rounded up: so that [start, end) of instants and of ms hold the same readings."""
    return -((_EPOCH - at) // _MS)


def instant(at_ms: int) -> datetime:
    return _EPOCH + at_ms * _MS


def windows(scope: Scope, meter: str) -> list[tuple[int, int | None]]:
    """What `scope` shows of `meter`, as [from, to) in ms; None is no end."""
    if scope.windows is None:
        return [(-(2**62), None)]
    return [
        (ms(window.start), None if window.end is None else ms(window.end))
        for window in scope.windows
        if window.meter == meter
    ]
