"""What came since the last count: noted while a batch is committed, merged into the ledger by the job.

Noting is a list of triples per batch and no more, for ingest waits for it. What is lost with the process is
found again in the store, by the scan with which every process begins.
"""

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.kit.clock import Clock
from cloud.metering.store import SOURCE_ID, SOURCES, ms
from protocols.readings import Reading, Source

MAIN = "energy_import_wh"
"""A slot has its value once a reading with this register was taken within it."""
MOST = 3_000_000
"""Marks kept while no count is made, some 300 MB; beyond them the store is scanned instead."""


class Mark(NamedTuple):
    """One reading with the register: of which meter, of when, from where (`SOURCE_ID`), and when it came."""

    meter: str
    at_ms: int
    source: int
    came_ms: int


class Inbox:
    """`note` is called by ingest's threads, `take` by the job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._batches: list[tuple[int, list[tuple[str, int, Source]]]] = []
        self._count = 0
        self._spilled = False

    def note(self, connection: Connection, batch: object, readings: Sequence[Reading]) -> None:  # noqa: ARG002
        """After a batch has been stored. Whether it is committed makes no difference: the store has it."""
        told = [(each.meter, each.at_ms, each.source) for each in readings if MAIN in each.values]
        if told:
            self._put([(ms(self._clock.now()), told)])

    def take(self) -> tuple[list[Mark], bool]:
        """Everything noted so far; True when some was let go and the store has to be scanned."""
        with self._lock:
            batches, self._batches, self._count = self._batches, [], 0
            spilled, self._spilled = self._spilled, False
        marks = [
            Mark(meter, at_ms, SOURCE_ID[source], came_ms)
            for came_ms, told in batches
            for meter, at_ms, source in told
        ]
        return marks, spilled

    def give_back(self, marks: Iterable[Mark]) -> None:
        """What could not be merged, for the next time; any order will do."""
        self._put([(each.came_ms, [(each.meter, each.at_ms, SOURCES[each.source])]) for each in marks])

    def _put(self, batches: list[tuple[int, list[tuple[str, int, Source]]]]) -> None:
        with self._lock:
            if self._count > MOST:
                self._spilled = True
                return
            self._batches.extend(batches)
            self._count += sum(len(told) for _, told in batches)
