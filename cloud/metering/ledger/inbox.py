"""What came since the last count: noted while a batch is committed, merged into the ledger by the job.

Noting is three columns per batch and no more, for ingest waits for it. What is lost with the process is
found again in the store, by the scan with which every process begins.
"""

from array import array
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Connection

from cloud.kit.clock import Clock
from cloud.metering.store import SOURCE_ID, ms
from protocols.readings import Reading

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


class _Batch(NamedTuple):
    """Columns: an object for each reading would be looked at by every garbage collection until the count."""

    came_ms: int
    meters: list[str]
    at_ms: "array[int]"
    sources: bytes


class Inbox:
    """`note` is called by ingest's threads, `take` by the job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._batches: list[_Batch] = []
        self._count = 0
        self._spilled = False

    def note(self, connection: Connection, batch: object, readings: Sequence[Reading]) -> None:  # noqa: ARG002
        """After a batch has been stored. Whether it is committed makes no difference: the store has it."""
        told = [each for each in readings if MAIN in each.values]
        if told:
            self._put(
                _Batch(
                    ms(self._clock.now()),
                    [each.meter for each in told],
                    array("q", [each.at_ms for each in told]),
                    bytes([SOURCE_ID[each.source] for each in told]),
                )
            )

    def take(self) -> tuple[list[Mark], bool]:
        """Everything noted so far; True when some was let go and the store has to be scanned."""
        with self._lock:
            batches, self._batches, self._count = self._batches, [], 0
            spilled, self._spilled = self._spilled, False
        marks = [
            Mark(meter, at_ms, source, batch.came_ms)
            for batch in batches
            for meter, at_ms, source in zip(batch.meters, batch.at_ms, batch.sources, strict=True)
        ]
        return marks, spilled

    def give_back(self, marks: Iterable[Mark]) -> None:
        """What could not be merged, for the next time; any order will do."""
        back: dict[int, list[Mark]] = {}
        for each in marks:
            back.setdefault(each.came_ms, []).append(each)
        for came_ms, told in back.items():
            meters = [each.meter for each in told]
            at_ms = array("q", [each.at_ms for each in told])
            self._put(_Batch(came_ms, meters, at_ms, bytes([each.source for each in told])))

    def _put(self, batch: _Batch) -> None:
        with self._lock:
            if self._count > MOST:
                self._spilled = True
                return
            self._batches.append(batch)
            self._count += len(batch.meters)
