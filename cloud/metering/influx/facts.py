"""What an operator is told of the engine behind the readings: which it is, and how much it has to hold."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cloud.metering.store import ReadingStore

SERIES_TO_WATCH = 800_000
"""An InfluxDB 1.x stops at a million series by default; 2.x has no end but its memory."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """`series` counts (measurement, tags) and `fields` what each may hold; None: this engine does not say.

    `address` is where it is, without any secret; `quarantined` readings are refused by the engine.
    """

    engine: str
    version: str
    address: str = ""
    series: int | None = None
    fields: int | None = None
    quarantined: int = 0

    @property
    def crowded(self) -> bool:
        """There are so many series that it should be seen to."""
        return self.series is not None and self.series >= SERIES_TO_WATCH


@runtime_checkable
class Described(Protocol):
    def facts(self) -> StoreFacts:
        """StoreFault when the engine does not answer."""
        ...


def facts(store: ReadingStore) -> StoreFacts:
    return store.facts() if isinstance(store, Described) else StoreFacts("sqlite", "")
